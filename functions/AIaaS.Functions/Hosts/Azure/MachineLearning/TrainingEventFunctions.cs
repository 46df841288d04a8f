using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Training;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Logging;

namespace AIaaS.Functions.Hosts.Azure.MachineLearning;

/// <summary>Turns the workspace's events, which Event Grid puts into a queue, into the message that every cluster sends when a job ended.</summary>
public sealed partial class TrainingEventFunctions(IMessageQueue queue, ILogger<TrainingEventFunctions> logger)
{
    /// <summary>The queue that the workspace's Event Grid subscription delivers to.</summary>
    public const string Queue = "azure-ml-events";

    /// <remarks>What is no event of a job of ours is dropped: no repetition would make one of it, and the orchestration's timer sees every end in time.</remarks>
    [Function("TrainingEvents")]
    public async Task HandleAsync([ServiceBusTrigger(Queue, Connection = "ServiceBus")] string message, CancellationToken cancellationToken)
    {
        IReadOnlyList<RunEvent> events;
        try
        {
            events = RunEvent.Parse(message);
        }
        catch (JsonException malformed)
        {
            LogMalformed(malformed.Message);
            return;
        }

        foreach (var happened in events)
        {
            if (happened.EndedJob is not { } job)
            {
                LogDropped(happened.Type, happened.RunId, happened.Status);
                continue;
            }

            var body = BinaryData.FromObjectAsJson(new JobEnded(job.Tenant, job.Run, job.Job), JsonDefaults.Options);
            await queue.SendAsync(TrainingQueues.JobEnded, body, new SendOptions(happened.RunId), cancellationToken);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A message in the queue of Azure Machine Learning's events is no event and was dropped: {Reason}")]
    private partial void LogMalformed(string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "The event {Type} of run {RunId}, status {Status}, tells of no job's end and was dropped")]
    private partial void LogDropped(string type, string? runId, string? status);
}
