namespace Microsoft.DurableTask.Abstractions;

/// <summary>Orders versions of orchestrations.</summary>
public static class TaskOrchestrationVersioningUtils
{
    /// <summary>An empty version comes first; .NET versions compare as such, others as text without regard to case.</summary>
    public static int CompareVersions(string sourceVersion, string otherVersion) =>
        (string.IsNullOrWhiteSpace(sourceVersion), string.IsNullOrWhiteSpace(otherVersion)) switch
        {
            (true, true) => 0,
            (true, false) => -1,
            (false, true) => 1,
            _ => Version.TryParse(sourceVersion, out var source) && Version.TryParse(otherVersion, out var other)
                ? source.CompareTo(other)
                : string.Compare(sourceVersion, otherVersion, StringComparison.OrdinalIgnoreCase),
        };
}
