namespace AIaaS.Platform.Messaging;

/// <summary>Queues of messages, delivered at least once. Named like containers.</summary>
public interface IMessageQueue
{
    /// <summary>Puts a message on a queue; once this returns it survives any crash.</summary>
    /// <param name="queue">The queue's name.</param>
    /// <param name="body">UTF-8 JSON, at most 256 KB.</param>
    /// <param name="options">Delay and id.</param>
    /// <param name="cancellationToken">Gives up before the message is put.</param>
    Task SendAsync(string queue, BinaryData body, SendOptions? options, CancellationToken cancellationToken);
}

/// <param name="MessageId">For tracing; not used to detect duplicates.</param>
/// <param name="Delay">How long the message stays hidden.</param>
public sealed record SendOptions(string? MessageId = null, TimeSpan? Delay = null);

/// <summary>The receiving side, for hosts that have to pump messages themselves.</summary>
public interface IMessageReceiver
{
    /// <summary>Waits for a message and locks it for <paramref name="lockDuration"/>; past that it is delivered again.</summary>
    Task<ReceivedMessage> ReceiveAsync(string queue, TimeSpan lockDuration, CancellationToken cancellationToken);

    /// <summary>Removes a message that was handled.</summary>
    /// <returns>False where the lock was lost: the message may have been delivered again.</returns>
    Task<bool> CompleteAsync(ReceivedMessage message, CancellationToken cancellationToken);

    /// <summary>Gives a message back for another delivery after a delay; at the maximum delivery count it becomes a dead letter.</summary>
    Task AbandonAsync(ReceivedMessage message, string reason, TimeSpan delay, CancellationToken cancellationToken);

    /// <summary>Sets a message aside for people, with the reason.</summary>
    Task DeadLetterAsync(ReceivedMessage message, string reason, CancellationToken cancellationToken);

    /// <summary>Extends a lock from now on.</summary>
    Task<bool> RenewAsync(ReceivedMessage message, TimeSpan lockDuration, CancellationToken cancellationToken);
}

/// <summary>A locked message.</summary>
public sealed record ReceivedMessage
{
    public required string Queue { get; init; }

    public required string MessageId { get; init; }

    public required string LockToken { get; init; }

    /// <summary>Counts from 1.</summary>
    public required int DeliveryCount { get; init; }

    public required BinaryData Body { get; init; }
}
