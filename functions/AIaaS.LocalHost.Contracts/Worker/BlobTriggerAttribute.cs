using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;

namespace Microsoft.Azure.Functions.Worker;

/// <summary>Runs a function for every new version of a blob.</summary>
public sealed class BlobTriggerAttribute : TriggerBindingAttribute
{
    /// <param name="blobPath">Container and name, with captures in braces: <c>incoming/{path}</c>.</param>
    public BlobTriggerAttribute(string blobPath)
    {
        BlobPath = blobPath;
    }

    public string BlobPath { get; }

    /// <summary>The setting that holds the connection.</summary>
    public string? Connection { get; set; }

    public BlobTriggerSource Source { get; set; } = BlobTriggerSource.LogsAndContainerScan;
}

public enum BlobTriggerSource
{
    LogsAndContainerScan,
    EventGrid,
}
