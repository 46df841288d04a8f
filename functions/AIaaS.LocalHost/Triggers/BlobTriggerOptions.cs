namespace AIaaS.LocalHost.Triggers;

/// <param name="FunctionName">The function to run.</param>
/// <param name="PathPattern">As in <c>[BlobTrigger]</c>: a container, then a name with captures, such as <c>incoming/{path}</c>.</param>
internal sealed record BlobTriggerFunction(string FunctionName, string PathPattern);

/// <summary>How a <see cref="BlobTriggerListener"/> finds and retries blobs.</summary>
internal sealed record BlobTriggerOptions
{
    /// <summary>The folder of the receipts for handled blobs.</summary>
    public required string ReceiptsFolder { get; init; }

    /// <summary>The object store's folder, to hear of changes at once; null to find them by scans only.</summary>
    public string? WatchedFolder { get; init; }

    /// <summary>How long a file's size and time must be still before it counts as arrived.</summary>
    public TimeSpan Stillness { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How often everything is listed, for what the file system did not tell.</summary>
    public TimeSpan ScanInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Attempts at one version of a blob before it is poison; the genuine host's default.</summary>
    public int MaximumAttempts { get; init; } = 5;

    /// <summary>Blobs handled at once, over all functions.</summary>
    public int MaximumConcurrency { get; init; } = 8;

    /// <summary>Before the second attempt; doubled before each further one.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);
}
