using AIaaS.Formats;

namespace AIaaS.Platform.Runs;

/// <summary>Ends a run with words for whoever started it.</summary>
internal sealed class StageRefusedException(ErrorDetail error) : Exception(error.Detail)
{
    public ErrorDetail Error { get; } = error;

    /// <summary>The run was asked to stop.</summary>
    public static ErrorDetail Cancelled { get; } = new("Cancelled", "The run was cancelled before this stage was done.");
}
