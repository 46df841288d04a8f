using System.Diagnostics.CodeAnalysis;
using AIaaS.Functions.Predictions;
using AIaaS.Functions.Runs;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Predictions.Batches;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Training;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AIaaS.Functions.Hosts.Azure.Messaging;

/// <summary>Hands messages of queues in files to what handles those of Service Bus, for a host that has no Service Bus.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by the services.")]
internal sealed class FileQueuePump(
    IMessageReceiver receiver, RunMessages messages, BatchPredictionMessages batches, DurableClientSource clients, TimeProvider time, ILogger<FileQueuePump> logger) : BackgroundService
{
    private readonly MessagePump _pump = new(receiver, new MessagePumpOptions(), time, logger);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await clients.GetAsync(stoppingToken);
        await Task.WhenAll(
            PumpAsync(RunQueues.Start, messages.StartAsync, stoppingToken),
            PumpAsync(TrainingQueues.JobEnded, messages.JobEndedAsync, stoppingToken),
            PumpAsync(BatchQueues.Work, (message, _, token) => batches.WorkAsync(message, token), stoppingToken),
            PumpAsync(BatchQueues.Webhooks, (message, _, token) => batches.CallWebhookAsync(message, token), stoppingToken));
    }

    private Task PumpAsync(string queue, Func<string, DurableTaskClient, CancellationToken, Task> handle, CancellationToken stoppingToken)
        => _pump.RunAsync(
            queue,
            async (message, cancellationToken) => await handle(message.Body.ToString(), await clients.GetAsync(cancellationToken), cancellationToken),
            stoppingToken);
}
