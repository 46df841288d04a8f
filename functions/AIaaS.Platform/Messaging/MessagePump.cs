using Microsoft.Extensions.Logging;

namespace AIaaS.Platform.Messaging;

/// <summary>How a <see cref="MessagePump"/> takes messages.</summary>
public sealed record MessagePumpOptions
{
    /// <summary>Messages of one queue handled at once; the genuine host's default.</summary>
    public int MaximumConcurrency { get; init; } = 16;

    /// <summary>After how long without renewal a message is delivered again.</summary>
    public TimeSpan LockDuration { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Before the second delivery; doubled before each further one.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);
}

/// <summary>
/// Hands messages to handlers: renews the lock while a handler runs, completes the message when it succeeds, gives it back
/// with back-off when it fails. The queue makes it a dead letter at the maximum delivery count.
/// </summary>
public sealed partial class MessagePump(IMessageReceiver receiver, MessagePumpOptions options, TimeProvider timeProvider, ILogger logger)
{
    private static readonly TimeSpan LongestRetryDelay = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan PauseAfterReceiveFailure = TimeSpan.FromSeconds(5);

    /// <summary>Pumps one queue until it is told to stop.</summary>
    /// <param name="queue">The queue's name.</param>
    /// <param name="handle">Handles one message; called at once for several, on threads that it may block.</param>
    /// <param name="stoppingToken">Ends the pump; what a handler gives up because of it is delivered again.</param>
    public async Task RunAsync(string queue, Func<ReceivedMessage, CancellationToken, Task> handle, CancellationToken stoppingToken)
        => await Task.WhenAll(
            Enumerable.Range(0, options.MaximumConcurrency).Select(_ => Task.Run(() => PumpAsync(queue, handle, stoppingToken), CancellationToken.None)));

    private async Task PumpAsync(string queue, Func<ReceivedMessage, CancellationToken, Task> handle, CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var message = await receiver.ReceiveAsync(queue, options.LockDuration, stoppingToken);
                await HandleAsync(message, handle, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                LogQueueFailed(queue, exception);
                await Task.Delay(PauseAfterReceiveFailure, timeProvider, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task HandleAsync(ReceivedMessage message, Func<ReceivedMessage, CancellationToken, Task> handle, CancellationToken stoppingToken)
    {
        using var handled = new CancellationTokenSource();
        var renewal = RenewAsync(message, handled.Token);
        Exception? failure = null;
        try
        {
            await handle(message, stoppingToken);
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        await handled.CancelAsync();
        await renewal;

        // Not given up by the stopping token: the outcome is known and is to be kept.
        if (failure is null)
        {
            if (!await receiver.CompleteAsync(message, CancellationToken.None))
            {
                LogLockLost(message.Queue, message.MessageId);
            }
        }
        else if (stoppingToken.IsCancellationRequested)
        {
            await receiver.AbandonAsync(message, "The host stopped.", TimeSpan.Zero, CancellationToken.None);
        }
        else
        {
            LogFailed(message.Queue, message.MessageId, message.DeliveryCount, failure);
            await receiver.AbandonAsync(message, failure.Message, DelayAfter(message.DeliveryCount), CancellationToken.None);
        }
    }

    private async Task RenewAsync(ReceivedMessage message, CancellationToken handled)
    {
        try
        {
            while (true)
            {
                await Task.Delay(options.LockDuration / 2, timeProvider, handled);
                if (!await receiver.RenewAsync(message, options.LockDuration, handled))
                {
                    return;
                }
            }
        }
        catch (OperationCanceledException) when (handled.IsCancellationRequested)
        {
            // The handler came to its end.
        }
        catch (Exception exception)
        {
            LogNotRenewed(message.MessageId, exception);
        }
    }

    private TimeSpan DelayAfter(int delivery)
        => TimeSpan.FromTicks((long)Math.Min(LongestRetryDelay.Ticks, options.RetryDelay.Ticks * Math.Pow(2, delivery - 1)));

    [LoggerMessage(LogLevel.Warning, "A message of {Queue} failed at delivery {DeliveryCount}: {MessageId}.")]
    private partial void LogFailed(string queue, string messageId, int deliveryCount, Exception exception);

    [LoggerMessage(LogLevel.Warning, "The lock on message {MessageId} of {Queue} was lost before it was handled; it may be delivered again.")]
    private partial void LogLockLost(string queue, string messageId);

    [LoggerMessage(LogLevel.Warning, "The lock on message {MessageId} could not be renewed.")]
    private partial void LogNotRenewed(string messageId, Exception exception);

    [LoggerMessage(LogLevel.Error, "Messages of queue {QueueName} could not be taken or settled.")]
    private partial void LogQueueFailed(string queueName, Exception exception);
}
