using AIaaS.Platform.Messaging;
using AIaaS.Platform.Predictions.Batches;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Predictions;

/// <summary>Handles the messages about batch predictions, whoever takes them from their queue. Each may come more than once.</summary>
public sealed class BatchPredictionMessages(BatchPredictionRunner runner, WebhookSender webhooks, MessageBodies bodies)
{
    /// <summary>Works on a batch.</summary>
    /// <param name="message">A <see cref="BatchReference"/> as JSON.</param>
    /// <param name="cancellationToken">Gives up; the message comes again.</param>
    public Task WorkAsync(string message, CancellationToken cancellationToken)
        => bodies.HandleAsync<BatchReference>(message, runner.RunAsync, cancellationToken);

    /// <summary>Tells a batch's maker that it has ended.</summary>
    /// <param name="message">A <see cref="BatchReference"/> as JSON.</param>
    /// <param name="cancellationToken">Gives up; the message comes again.</param>
    public Task CallWebhookAsync(string message, CancellationToken cancellationToken)
        => bodies.HandleAsync<BatchReference>(message, webhooks.SendAsync, cancellationToken);
}

/// <summary>What moves batch predictions on.</summary>
public sealed class BatchPredictionTriggers(BatchPredictionMessages messages)
{
    [Function("RunBatchPrediction")]
    public Task WorkAsync([ServiceBusTrigger(BatchQueues.Work, Connection = "ServiceBus")] string message, CancellationToken cancellationToken)
        => messages.WorkAsync(message, cancellationToken);

    [Function("CallBatchWebhook")]
    public Task CallWebhookAsync([ServiceBusTrigger(BatchQueues.Webhooks, Connection = "ServiceBus")] string message, CancellationToken cancellationToken)
        => messages.CallWebhookAsync(message, cancellationToken);
}
