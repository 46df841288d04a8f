namespace Microsoft.DurableTask;

/// <summary>One page of values.</summary>
public sealed class Page<T>
    where T : notnull
{
    public Page(IReadOnlyList<T> values, string? continuationToken = null)
    {
        ArgumentNullException.ThrowIfNull(values);
        Values = values;
        ContinuationToken = continuationToken;
    }

    public IReadOnlyList<T> Values { get; }

    /// <summary>Where the next page begins; <c>null</c> after the last.</summary>
    public string? ContinuationToken { get; }
}
