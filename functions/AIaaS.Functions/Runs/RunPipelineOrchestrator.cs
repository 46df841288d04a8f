using AIaaS.Formats;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Training;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;

namespace AIaaS.Functions.Runs;

/// <summary>Takes a run through its stages. Deterministic: no clock, randomness, I/O or environment of its own.</summary>
public static class RunPipelineOrchestrator
{
    public const string Name = "RunPipeline";

    /// <summary>Raised when the run's training job may have ended.</summary>
    public const string JobEndedEvent = "job-ended";

    /// <summary>Raised when somebody asks to cancel the run.</summary>
    public const string CancelEvent = "cancel";

    private const int MaximumAttempts = 10;
    private static readonly TimeSpan ShortestWait = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(5);

    // A stage that throws met trouble of ours (a store out of reach, a full disk); its own refusals are values.
    private static readonly TaskOptions Retried = TaskOptions.FromRetryPolicy(new RetryPolicy(
        maxNumberOfAttempts: 5, firstRetryInterval: TimeSpan.FromSeconds(2), backoffCoefficient: 2, maxRetryInterval: TimeSpan.FromMinutes(1)));

    [Function(Name)]
    public static async Task RunAsync([OrchestrationTrigger] TaskOrchestrationContext context)
    {
        var reference = context.GetInput<RunReference>()!;
        var plan = await context.CallActivityAsync<RunPlan>(RunActivities.BeginRun, reference, Retried);
        if (!plan.Proceeds)
        {
            return;
        }

        var cancel = context.WaitForExternalEvent<object?>(CancelEvent);
        var end = new RunEnd(reference, RunStatus.Succeeded, null);
        try
        {
            string[] before = [RunActivities.PrepareDataset];
            string[] after = [RunActivities.EvaluateModel, RunActivities.RegisterModel, RunActivities.DeployModel];
            var error = await RunStagesAsync(context, reference, before, cancel);
            if (plan.Trains)
            {
                error ??= await TrainAsync(context, reference, cancel) ?? await RunStagesAsync(context, reference, after, cancel);
            }

            if (error is not null)
            {
                end = end with { Status = RunStatus.Failed, Error = error };
            }
        }
        catch (RunCancelledException)
        {
            end = end with { Status = RunStatus.Cancelled };
        }
        catch (TaskFailedException failure)
        {
            end = end with
            {
                Status = RunStatus.Failed,
                Error = new ErrorDetail("Something went wrong on our side", $"The step '{failure.TaskName}' failed repeatedly. Start the run again; if it fails the same way, the host's log tells more."),
            };
            if (failure.TaskName is RunActivities.SubmitTraining or RunActivities.GetTraining)
            {
                await AbandonTrainingAsync(context, reference);
            }
        }

        await context.CallActivityAsync(RunActivities.EndRun, end, Retried);
    }

    // A job that nobody waits for any longer must not go on costing.
    private static async Task AbandonTrainingAsync(TaskOrchestrationContext context, RunReference reference)
    {
        try
        {
            await context.CallActivityAsync(RunActivities.CancelTraining, reference, Retried);
        }
        catch (TaskFailedException)
        {
            // The cluster is out of reach; the job's deadline ends it.
        }
    }

    private static async Task<ErrorDetail?> RunStagesAsync(
        TaskOrchestrationContext context, RunReference reference, string[] activities, Task cancel)
    {
        foreach (var activity in activities)
        {
            var work = context.CallActivityAsync<StageOutcome>(activity, reference, Retried);
            if (await Task.WhenAny(work, cancel) == cancel)
            {
                throw new RunCancelledException();
            }

            if ((await work).Error is { } error)
            {
                return error;
            }
        }

        return null;
    }

    private static async Task<ErrorDetail?> TrainAsync(TaskOrchestrationContext context, RunReference reference, Task cancel)
    {
        // One waiting task is raced again and again, over all attempts: one left waiting would swallow the event that comes next.
        var ended = context.WaitForExternalEvent<object?>(JobEndedEvent);
        for (var attempt = 1; attempt <= MaximumAttempts; attempt++)
        {
            var submitted = await context.CallActivityAsync<StageOutcome>(RunActivities.SubmitTraining, new TrainingAttempt(reference, attempt), Retried);
            if (submitted.Error is not null)
            {
                return submitted.Error;
            }

            (var status, ended) = await AwaitJobAsync(context, reference, ended, cancel);
            switch (status.State)
            {
                case TrainingJobState.Succeeded:
                    return null;
                case TrainingJobState.Failed:
                    // Without an error of the cluster's, the job's own result tells, which the next stage reads.
                    return status.Error;
                case TrainingJobState.Cancelled:
                    return new ErrorDetail("Training was cancelled", "The cluster cancelled the training job. Start the run again.");
            }
        }

        return new ErrorDetail("Training was interrupted too often", $"The cluster took the job back {MaximumAttempts} times. Start the run again, or choose another cluster.");
    }

    // The event tells at once; the timer is for events that got lost.
    private static async Task<(TrainingJobStatus Status, Task<object?> Ended)> AwaitJobAsync(
        TaskOrchestrationContext context, RunReference reference, Task<object?> ended, Task cancel)
    {
        for (var wait = ShortestWait; ; wait = Min(2 * wait, LongestWait))
        {
            using var over = new CancellationTokenSource();
            var timer = context.CreateTimer(wait, over.Token);
            var first = await Task.WhenAny(ended, timer, cancel);
#pragma warning disable CA1849 // CancelAsync goes through the thread pool, which an orchestrator must not.
            over.Cancel();
#pragma warning restore CA1849
            if (first == cancel)
            {
                await context.CallActivityAsync(RunActivities.CancelTraining, reference, Retried);
                throw new RunCancelledException();
            }

            if (ended.IsCompleted)
            {
                ended = context.WaitForExternalEvent<object?>(JobEndedEvent);
            }

            var status = await context.CallActivityAsync<TrainingJobStatus>(RunActivities.GetTraining, reference, Retried);
            if (status.State is TrainingJobState.Unknown)
            {
                // Lost by the cluster: to be submitted once more.
                return (status with { State = TrainingJobState.Interrupted }, ended);
            }

            if (status.Ended)
            {
                return (status, ended);
            }
        }
    }

    private static TimeSpan Min(TimeSpan left, TimeSpan right) => left < right ? left : right;

    private sealed class RunCancelledException : Exception;
}
