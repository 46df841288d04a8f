using AIaaS.Formats;

namespace AIaaS.Platform.Runs;

/// <summary>Ends a run with words for whoever started it.</summary>
internal sealed class StageRefusedException(ErrorDetail error) : Exception(error.Detail)
{
    public ErrorDetail Error { get; } = error;
}
