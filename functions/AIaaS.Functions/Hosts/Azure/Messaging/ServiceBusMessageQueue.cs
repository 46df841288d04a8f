using System.Collections.Concurrent;
using AIaaS.Platform.Messaging;
using Azure.Messaging.ServiceBus;

namespace AIaaS.Functions.Hosts.Azure.Messaging;

/// <summary>Queues of Service Bus, with what its cheapest tier has: no sessions, and duplicates are for the handlers to bear.</summary>
internal sealed class ServiceBusMessageQueue(ServiceBusClient client, MessageBodies bodies, TimeProvider time) : IMessageQueue
{
    /// <summary>The service takes messages of 256 KB, of which up to 64 KB are for what goes with the body.</summary>
    public const int MaximumBodyBytes = 192 * 1024;

    private readonly ConcurrentDictionary<string, ServiceBusSender> _senders = new(StringComparer.Ordinal);

    public async Task SendAsync(string queue, BinaryData body, SendOptions? options, CancellationToken cancellationToken)
    {
        var message = new ServiceBusMessage(await bodies.PackAsync(queue, body, MaximumBodyBytes, cancellationToken)) { ContentType = "application/json" };
        if (options?.MessageId is { } id)
        {
            message.MessageId = id;
        }

        if (options?.Delay is { } delay && delay > TimeSpan.Zero)
        {
            message.ScheduledEnqueueTime = time.GetUtcNow() + delay;
        }

        await _senders.GetOrAdd(queue, client.CreateSender).SendMessageAsync(message, cancellationToken);
    }
}
