using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Training;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Logging;

namespace AIaaS.Functions.Runs;

/// <summary>What moves runs on besides requests: their turn, their jobs' end, and a look round for those a crash left behind.</summary>
public sealed partial class RunTriggers(RunService runs, ILogger<RunTriggers> logger)
{
    [Function("StartRun")]
    public async Task StartAsync(
        [ServiceBusTrigger(RunQueues.Start, Connection = "ServiceBus")] string message,
        [DurableClient] DurableTaskClient client,
        CancellationToken cancellationToken)
    {
        var reference = Read<RunReference>(message);
        try
        {
            await client.ScheduleAsync(reference.Tenant, await runs.TakeUpAsync(reference, cancellationToken), cancellationToken);
        }
        catch (ProblemException gone) when (gone.Problem == Problem.NotFound)
        {
            LogGone(reference.Tenant, reference.Run);
        }
    }

    [Function("JobEnded")]
    public static async Task JobEndedAsync(
        [ServiceBusTrigger(TrainingQueues.JobEnded, Connection = "ServiceBus")] string message,
        [DurableClient] DurableTaskClient client,
        CancellationToken cancellationToken)
    {
        var job = Read<JobEnded>(message);
        if (await client.GetInstanceAsync(job.Run, cancellationToken) is { IsRunning: true })
        {
            await client.RaiseEventAsync(job.Run, RunPipelineOrchestrator.JobEndedEvent, job.Job, cancellationToken);
        }
    }

    [Function("TakeUpStrandedRuns")]
    public async Task TakeUpStrandedAsync(
        [TimerTrigger("30 * * * * *", RunOnStartup = true)] TimerInfo timer,
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
                if ((await runs.EndAsync(reference, RunStatus.Failed, lost, cancellationToken)).Error == lost)
                {
                    LogLost(reference.Tenant, reference.Run, instance.RuntimeStatus.ToString());
                }
            }
        }
    }

    private static T Read<T>(string message)
        => JsonSerializer.Deserialize<T>(message, JsonDefaults.Options) ?? throw new InvalidDataException("The message holds null.");

    [LoggerMessage(Level = LogLevel.Information, Message = "The run {Tenant}/{Run} whose turn it is no longer exists.")]
    private partial void LogGone(string tenant, string run);

    [LoggerMessage(Level = LogLevel.Error, Message = "The orchestration of the run {Tenant}/{Run} ended as {Status} before the run did.")]
    private partial void LogLost(string tenant, string run, string status);
}
