using AIaaS.Platform.Messaging;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Training;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Logging;

namespace AIaaS.Functions.Runs;

/// <summary>Handles the messages that move runs on, whoever takes them from their queue. Each may come more than once.</summary>
public sealed partial class RunMessages(RunService runs, MessageBodies bodies, ILogger<RunMessages> logger)
{
    /// <summary>Starts a run whose turn it is and that nobody has started.</summary>
    /// <param name="message">A <see cref="RunReference"/> as JSON.</param>
    /// <param name="client">Schedules its orchestration.</param>
    /// <param name="cancellationToken">Gives up; the message comes again.</param>
    public Task StartAsync(string message, DurableTaskClient client, CancellationToken cancellationToken)
        => bodies.HandleAsync<RunReference>(message, (reference, token) => StartAsync(reference, client, token), cancellationToken);

    /// <summary>Tells a run's orchestration that its training job may have ended.</summary>
    /// <param name="message">A <see cref="JobEnded"/> as JSON.</param>
    /// <param name="client">Raises the event.</param>
    /// <param name="cancellationToken">Gives up; the message comes again.</param>
    public Task JobEndedAsync(string message, DurableTaskClient client, CancellationToken cancellationToken)
        => bodies.HandleAsync<JobEnded>(message, (job, token) => JobEndedAsync(job, client, token), cancellationToken);

    private async Task StartAsync(RunReference reference, DurableTaskClient client, CancellationToken cancellationToken)
    {
        try
        {
            var ticket = await runs.TakeUpAsync(reference, cancellationToken);

            // A run that has begun has its orchestration. One that ended before its run did is for the timer to tell, not to start anew.
            if (ticket.StartNow && (ticket.Run.Status is RunStatus.Queued || await client.GetInstanceAsync(reference.Run, cancellationToken) is null))
            {
                await client.ScheduleAsync(reference.Tenant, ticket, cancellationToken);
            }
        }
        catch (ProblemException gone) when (gone.Problem == Problem.NotFound)
        {
            LogGone(reference.Tenant, reference.Run);
        }
    }

    private static async Task JobEndedAsync(JobEnded job, DurableTaskClient client, CancellationToken cancellationToken)
    {
        if (await client.GetInstanceAsync(job.Run, cancellationToken) is { IsRunning: true })
        {
            await client.RaiseEventAsync(job.Run, RunPipelineOrchestrator.JobEndedEvent, job.Job, cancellationToken);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The run {Tenant}/{Run} whose turn it is no longer exists.")]
    private partial void LogGone(string tenant, string run);
}
