namespace AIaaS.Platform.Messaging;

/// <summary>Where and how a <see cref="FileMessageQueue"/> keeps its messages.</summary>
public sealed record FileMessageQueueOptions
{
    /// <summary>The folder that holds a folder per queue; made where it is missing.</summary>
    public required string Root { get; init; }

    /// <summary>After so many deliveries a message that was not completed becomes a dead letter.</summary>
    public int MaximumDeliveryCount { get; init; } = 10;

    /// <summary>
    /// Waits until the disk itself has a sent message. Without it a message survives the end of the process at any
    /// instant, but the last few may be lost with the machine's power.
    /// </summary>
    public bool FlushToDisk { get; init; } = true;
}
