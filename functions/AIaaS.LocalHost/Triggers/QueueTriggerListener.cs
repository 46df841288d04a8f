using AIaaS.LocalHost.Functions;
using AIaaS.Platform.Messaging;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AIaaS.LocalHost.Triggers;

/// <param name="FunctionName">The function to run.</param>
/// <param name="QueueName">The queue it takes messages from.</param>
internal sealed record QueueTriggerFunction(string FunctionName, string QueueName);

/// <summary>How a <see cref="QueueTriggerListener"/> takes messages.</summary>
internal sealed record QueueTriggerOptions
{
    /// <summary>Messages handled at once by each function; the genuine host's default.</summary>
    public int MaximumConcurrency { get; init; } = 16;

    /// <summary>After how long without renewal a message is delivered again.</summary>
    public TimeSpan LockDuration { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Before the second delivery; doubled before each further one.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);
}

/// <summary>
/// Runs functions for messages: renews the lock while a function runs, completes the message when it succeeds, gives it back
/// with back-off when it fails. The queue makes it a dead letter at the maximum delivery count.
/// </summary>
internal sealed partial class QueueTriggerListener(
    IReadOnlyList<QueueTriggerFunction> functions,
    IMessageReceiver receiver,
    IFunctionExecutor executor,
    QueueTriggerOptions options,
    TimeProvider timeProvider,
    ILogger<QueueTriggerListener> logger) : BackgroundService
{
    private static readonly TimeSpan LongestRetryDelay = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan PauseAfterReceiveFailure = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Not one after the other on this thread: a function may block it.
        await Task.WhenAll(functions.SelectMany(function =>
            Enumerable.Range(0, options.MaximumConcurrency).Select(_ => Task.Run(() => PumpAsync(function, stoppingToken), CancellationToken.None))));
    }

    private async Task PumpAsync(QueueTriggerFunction function, CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var message = await receiver.ReceiveAsync(function.QueueName, options.LockDuration, stoppingToken);
                await HandleAsync(function, message, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                LogQueueFailed(function.QueueName, exception);
                await Task.Delay(PauseAfterReceiveFailure, timeProvider, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task HandleAsync(QueueTriggerFunction function, ReceivedMessage message, CancellationToken stoppingToken)
    {
        using var handled = new CancellationTokenSource();
        var renewal = RenewAsync(message, handled.Token);
        Exception? failure = null;
        try
        {
            await executor.ExecuteAsync(function.FunctionName, new TriggerData(message.Body, BindingData(message)), stoppingToken);
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
            if (!await receiver.CompleteAsync(message, CancellationToken.None)) LogLockLost(function.FunctionName, message.MessageId);
        }
        else if (stoppingToken.IsCancellationRequested)
        {
            await receiver.AbandonAsync(message, "The host stopped.", TimeSpan.Zero, CancellationToken.None);
        }
        else
        {
            LogFailed(function.FunctionName, message.MessageId, message.DeliveryCount, failure);
            var delay = Backoff.After(message.DeliveryCount, options.RetryDelay, LongestRetryDelay);
            await receiver.AbandonAsync(message, failure.Message, delay, CancellationToken.None);
        }
    }

    private async Task RenewAsync(ReceivedMessage message, CancellationToken handled)
    {
        try
        {
            while (true)
            {
                await Task.Delay(options.LockDuration / 2, timeProvider, handled);
                if (!await receiver.RenewAsync(message, options.LockDuration, handled)) return;
            }
        }
        catch (OperationCanceledException) when (handled.IsCancellationRequested)
        {
            // The function came to its end.
        }
        catch (Exception exception)
        {
            LogNotRenewed(message.MessageId, exception);
        }
    }

    private static Dictionary<string, object?> BindingData(ReceivedMessage message) => new(StringComparer.OrdinalIgnoreCase)
    {
        ["MessageId"] = message.MessageId,
        ["DeliveryCount"] = message.DeliveryCount,
        ["LockToken"] = message.LockToken,
    };

    [LoggerMessage(LogLevel.Warning, "{FunctionName} failed at delivery {DeliveryCount} of message {MessageId}.")]
    private partial void LogFailed(string functionName, string messageId, int deliveryCount, Exception exception);

    [LoggerMessage(LogLevel.Warning, "{FunctionName} lost the lock on message {MessageId} before it ended; the message may be delivered again.")]
    private partial void LogLockLost(string functionName, string messageId);

    [LoggerMessage(LogLevel.Warning, "The lock on message {MessageId} could not be renewed.")]
    private partial void LogNotRenewed(string messageId, Exception exception);

    [LoggerMessage(LogLevel.Error, "Messages of queue {QueueName} could not be taken or settled.")]
    private partial void LogQueueFailed(string queueName, Exception exception);
}
