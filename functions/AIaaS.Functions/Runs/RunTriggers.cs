using AIaaS.Formats;
using AIaaS.Functions.Hosts;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Training;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Logging;

namespace AIaaS.Functions.Runs;

/// <summary>What moves runs on besides requests: their turn, their jobs' end, and a look round for those a crash left behind.</summary>
public sealed partial class RunTriggers(RunService runs, PipelineStages stages, RunMessages messages, ILogger<RunTriggers> logger)
{
    [Function("StartRun")]
    public Task StartAsync(
        [ServiceBusTrigger(RunQueues.Start, Connection = "ServiceBus")] string message,
        [DurableClient] DurableTaskClient client,
        CancellationToken cancellationToken)
        => messages.StartAsync(message, client, cancellationToken);

    [Function("JobEnded")]
    public Task JobEndedAsync(
        [ServiceBusTrigger(TrainingQueues.JobEnded, Connection = "ServiceBus")] string message,
        [DurableClient] DurableTaskClient client,
        CancellationToken cancellationToken)
        => messages.JobEndedAsync(message, client, cancellationToken);

    [Function("TakeUpStrandedRuns")]
    public async Task TakeUpStrandedAsync(
        [TimerTrigger(Schedules.Recovery, RunOnStartup = Schedules.RecoverAtStart)] TimerInfo timer,
        [DurableClient] DurableTaskClient client,
        CancellationToken cancellationToken)
    {
        foreach (var reference in await runs.ListStrandedAsync(cancellationToken))
        {
            var instance = await client.GetInstanceAsync(reference.Run, cancellationToken);
            if (instance is null)
            {
                await client.ScheduleAsync(reference.Tenant, await runs.TakeUpAsync(reference, cancellationToken), cancellationToken);
            }
            else if (instance.IsCompleted)
            {
                // The run may have ended well since it was listed, and then stays as it is.
                var lost = new ErrorDetail("The run was lost", "Its orchestration ended before the run did. Start the run again; what was uploaded is kept.");
                if ((await stages.EndAsync(reference, RunStatus.Failed, lost, cancellationToken)).Error == lost)
                {
                    LogLost(reference.Tenant, reference.Run, instance.RuntimeStatus.ToString());
                }
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The orchestration of the run {Tenant}/{Run} ended as {Status} before the run did.")]
    private partial void LogLost(string tenant, string run, string status);
}
