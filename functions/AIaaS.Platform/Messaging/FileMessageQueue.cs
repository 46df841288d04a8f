using System.Collections.Concurrent;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Messaging;

/// <summary>
/// Queues as folders of files, for one process at a time: a message is on disk before <see cref="SendAsync"/> returns, its
/// delivery count before <see cref="ReceiveAsync"/> does. Dead letters lie in <c>{queue}/dead/</c> as JSON.
/// </summary>
/// <remarks>Delivered in the order of becoming visible. Receivers sleep until a message is sent, becomes visible or loses its lock.</remarks>
public sealed class FileMessageQueue(FileMessageQueueOptions options, TimeProvider timeProvider) : IMessageQueue, IMessageReceiver
{
    /// <summary>The largest body, in bytes.</summary>
    public const int MaximumBodyBytes = 256 * 1024;

    private readonly ConcurrentDictionary<string, Lazy<FileQueue>> _queues = new();

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The queue's name is out of pattern, or the body is larger than <see cref="MaximumBodyBytes"/>.</exception>
    public Task SendAsync(string queue, BinaryData body, SendOptions? options, CancellationToken cancellationToken)
    {
        var length = body.ToMemory().Length;
        if (length > MaximumBodyBytes)
        {
            throw new ArgumentException(
                $"A message holds at most {MaximumBodyBytes} bytes and this one has {length}; put the content into the object store and send its path.",
                nameof(body));
        }

        cancellationToken.ThrowIfCancellationRequested();
        Open(queue).Send(options?.MessageId ?? Guid.NewGuid().ToString("N"), body, options?.Delay ?? TimeSpan.Zero);
        return Task.CompletedTask;
    }

    public Task<ReceivedMessage> ReceiveAsync(string queue, TimeSpan lockDuration, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(lockDuration, TimeSpan.Zero);
        return Open(queue).ReceiveAsync(queue, lockDuration, cancellationToken);
    }

    public Task<bool> CompleteAsync(ReceivedMessage message, CancellationToken cancellationToken) =>
        Task.FromResult(Open(message.Queue).Complete(message.LockToken));

    public Task AbandonAsync(ReceivedMessage message, string reason, TimeSpan delay, CancellationToken cancellationToken)
    {
        Open(message.Queue).Abandon(message.LockToken, reason, delay);
        return Task.CompletedTask;
    }

    public Task DeadLetterAsync(ReceivedMessage message, string reason, CancellationToken cancellationToken)
    {
        Open(message.Queue).DeadLetter(message.LockToken, reason);
        return Task.CompletedTask;
    }

    public Task<bool> RenewAsync(ReceivedMessage message, TimeSpan lockDuration, CancellationToken cancellationToken) =>
        Task.FromResult(Open(message.Queue).Renew(message.LockToken, lockDuration));

    private FileQueue Open(string queue)
    {
        ObjectNames.RequireContainer(queue);

        // Lazy, as two instances would deliver each message twice.
        return _queues.GetOrAdd(queue, name => new Lazy<FileQueue>(() => new FileQueue(Path.Combine(options.Root, name), options, timeProvider))).Value;
    }
}
