namespace AIaaS.Platform.Storage;

/// <summary>Where and how a <see cref="FileObjectStore"/> keeps its files.</summary>
public sealed record FileObjectStoreOptions
{
    /// <summary>The folder that holds the containers; made where it is missing.</summary>
    public required string Root { get; init; }

    /// <summary>
    /// Signs upload URLs, at least 32 bytes. Where it is null, a key is made once in <c>uploads.key</c> beside
    /// <see cref="Root"/>, readable only by its owner.
    /// </summary>
    public ReadOnlyMemory<byte>? UploadKey { get; init; }

    /// <summary>
    /// Waits until the disk itself has a written object. Without it a write survives the end of the process at any
    /// instant, but the last few may be lost with the machine's power.
    /// </summary>
    public bool FlushToDisk { get; init; } = true;
}
