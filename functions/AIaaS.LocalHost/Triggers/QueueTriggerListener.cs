using AIaaS.LocalHost.Functions;
using AIaaS.Platform.Messaging;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AIaaS.LocalHost.Triggers;

/// <param name="FunctionName">The function to run.</param>
/// <param name="QueueName">The queue it takes messages from.</param>
internal sealed record QueueTriggerFunction(string FunctionName, string QueueName);

/// <summary>Runs functions for messages, as the genuine host does for those of Service Bus.</summary>
internal sealed class QueueTriggerListener(
    IReadOnlyList<QueueTriggerFunction> functions,
    IMessageReceiver receiver,
    IFunctionExecutor executor,
    MessagePumpOptions options,
    TimeProvider timeProvider,
    ILogger<QueueTriggerListener> logger) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var pump = new MessagePump(receiver, options, timeProvider, logger);
        return Task.WhenAll(functions.Select(function => pump.RunAsync(
            function.QueueName,
            (message, cancellationToken) => executor.ExecuteAsync(function.FunctionName, new TriggerData(message.Body, BindingData(message)), cancellationToken),
            stoppingToken)));
    }

    private static Dictionary<string, object?> BindingData(ReceivedMessage message) => new(StringComparer.OrdinalIgnoreCase)
    {
        ["MessageId"] = message.MessageId,
        ["DeliveryCount"] = message.DeliveryCount,
        ["LockToken"] = message.LockToken,
    };
}
