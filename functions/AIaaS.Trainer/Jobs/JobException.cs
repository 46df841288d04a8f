using AIaaS.Formats;

namespace AIaaS.Trainer.Jobs;

/// <summary>The job cannot succeed; title and detail are for its owner and go into <c>result.json</c>.</summary>
internal sealed class JobException(string title, string detail, Exception? inner = null) : Exception(detail, inner)
{
    public ErrorDetail Error { get; } = new(title, detail);
}

/// <summary>The job left its work unfinished on purpose; another attempt resumes it.</summary>
internal sealed class JobInterruptedException(string message) : Exception(message);
