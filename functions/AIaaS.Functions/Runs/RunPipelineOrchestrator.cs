using AIaaS.Formats;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Training;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;

namespace AIaaS.Functions.Runs;

/// <summary>Takes a run through its stages. Deterministic: no clock, randomness, I/O or environment of its own.</summary>
/// <remarks>
/// Runs under way are replayed by the code as it is now. A change may take a new way only on a value that no history holds from before it, as
/// <see cref="StageOutcome.AsJob"/>, <see cref="StageOutcome.InRounds"/> and <see cref="RunPlan.Edition"/> are; any other change needs an orchestrator of another name beside this one. See docs/durable.md.
/// </remarks>
public static class RunPipelineOrchestrator
{
    public const string Name = "RunPipeline";

    /// <summary>Raised when a job of the run may have ended.</summary>
    public const string JobEndedEvent = "job-ended";

    /// <summary>Raised when somebody asks to cancel the run.</summary>
    public const string CancelEvent = "cancel";

    /// <summary>
    /// What the orchestrator does for runs that begin now. From 1 on a cancelled run waits for the stage it is in to stop; from 2 on a round that cannot go on
    /// has its jobs cancelled; from 3 on a job that was given up makes nobody look at the others of its round more often.
    /// </summary>
    public const int Edition = 3;

    private const int MaximumAttempts = 10;
    private static readonly TimeSpan LongestStop = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ShortestWait = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(5);

    // A stage that throws met trouble of ours (a store out of reach, a full disk); its own refusals are values.
    private static readonly TaskOptions Retried = TaskOptions.FromRetryPolicy(new RetryPolicy(
        maxNumberOfAttempts: 5, firstRetryInterval: TimeSpan.FromSeconds(2), backoffCoefficient: 2, maxRetryInterval: TimeSpan.FromMinutes(1)));

    private static readonly RunJob Preparation = new(
        "preparation", "Preparing the data", RunActivities.SubmitPreparation, RunActivities.GetPreparation, RunActivities.CancelPreparation);

    private static readonly RunJob Training = new("training", "Training", RunActivities.SubmitTraining, RunActivities.GetTraining, RunActivities.CancelTraining);

    private static readonly RunJob[] JobKinds = [Preparation, Training];

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
            var jobs = new JobEvents(context, cancel, plan.Edition);
            string[] after = [RunActivities.EvaluateModel, RunActivities.RegisterModel, RunActivities.DeployModel];
            var prepared = await PrepareAsync(context, reference, jobs);
            var error = prepared.Error;
            if (plan.Trains)
            {
                error ??= prepared.InRounds ? await RunRoundsAsync(context, reference, jobs) : null;
                error ??= await RunJobAsync(context, reference, Training, jobs) ?? await RunStagesAsync(context, reference, after, jobs);
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
            if (JobKinds.FirstOrDefault(job => failure.TaskName == job.Submit || failure.TaskName == job.Get) is { } abandoned)
            {
                await AbandonAsync(context, abandoned.Cancel, reference);
            }
        }

        await context.CallActivityAsync(RunActivities.EndRun, end, Retried);
    }

    // What nobody waits for any longer must not go on costing.
    private static async Task AbandonAsync(TaskOrchestrationContext context, string cancel, object input)
    {
        try
        {
            await context.CallActivityAsync(cancel, input, Retried);
        }
        catch (TaskFailedException)
        {
            // The cluster is out of reach; the deadline ends it.
        }
    }

    private static async Task<StageOutcome> PrepareAsync(TaskOrchestrationContext context, RunReference reference, JobEvents jobs)
    {
        var outcome = await RunStageAsync(context, reference, RunActivities.PrepareDataset, jobs);
        if (outcome.Error is not null || !outcome.AsJob)
        {
            return outcome;
        }

        return await RunJobAsync(context, reference, Preparation, jobs) is { } error
            ? new StageOutcome(error)
            : await RunStageAsync(context, reference, RunActivities.FinishPreparation, jobs);
    }

    private static async Task<ErrorDetail?> RunRoundsAsync(TaskOrchestrationContext context, RunReference reference, JobEvents events)
    {
        for (var number = 1; ; number++)
        {
            var round = new RoundReference(reference, number);
            var plan = await context.CallActivityAsync<RoundPlan>(RunActivities.PlanTrials, round, Retried);
            if (plan.Error is not null || plan.Jobs == 0)
            {
                return plan.Error;
            }

            try
            {
                await RunRoundAsync(context, round, plan.Jobs, events);
            }
            catch (TaskFailedException failure) when (events.Edition >= 2 && failure.TaskName != RunActivities.CancelTrials)
            {
                await AbandonAsync(context, RunActivities.CancelTrials, round);
                throw;
            }
        }
    }

    // A job that fails costs its own trials only: the planning of the next round finds what it left.
    private static async Task RunRoundAsync(TaskOrchestrationContext context, RoundReference round, int jobs, JobEvents events)
    {
        var attempts = Enumerable.Repeat(1, jobs).ToArray();
        var submitted = attempts;
        while (true)
        {
            if (submitted.Any(attempt => attempt > 0))
            {
                await context.CallActivityAsync(RunActivities.SubmitTrials, new RoundAttempts(round, submitted), Retried);
            }

            var states = await AwaitTrialsAsync(context, round, attempts, events);
            submitted = [.. states.Select((state, job) => MayGoOn(state, attempts[job]) ? ++attempts[job] : 0)];
            if (submitted.All(attempt => attempt == 0) && states.All(HasEnded))
            {
                return;
            }
        }
    }

    private static bool MayGoOn(TrainingJobState state, int attempt) => state is TrainingJobState.Interrupted or TrainingJobState.Unknown && attempt < MaximumAttempts;

    private static bool HasEnded(TrainingJobState state) => state is not (TrainingJobState.Queued or TrainingJobState.Running);

    /// <summary>Waits until a job of the round is to be submitted once more, or all have ended.</summary>
    private static async Task<TrainingJobState[]> AwaitTrialsAsync(TaskOrchestrationContext context, RoundReference round, int[] attempts, JobEvents events)
    {
        var tried = events.Edition >= 3 ? attempts : new int[attempts.Length];
        for (var wait = ShortestWait; ; wait = Min(2 * wait, LongestWait))
        {
            if (await events.AwaitAsync(wait))
            {
                await context.CallActivityAsync(RunActivities.CancelTrials, round, Retried);
                throw new RunCancelledException();
            }

            var states = await context.CallActivityAsync<TrainingJobState[]>(RunActivities.GetTrials, round, Retried);
            if (states.All(HasEnded) || states.Zip(tried).Any(job => MayGoOn(job.First, job.Second)))
            {
                return states;
            }
        }
    }

    private static async Task<StageOutcome> RunStageAsync(TaskOrchestrationContext context, RunReference reference, string activity, JobEvents events)
    {
        var waits = events.Edition >= 1;
        if (waits && events.Cancel.IsCompleted)
        {
            throw new RunCancelledException();
        }

        var work = context.CallActivityAsync<StageOutcome>(activity, reference, Retried);
        if (await Task.WhenAny(work, events.Cancel) == work)
        {
            return await work;
        }

        // The stage hears of it by itself. A run has not ended while it still works, unless it does not heed: then it can no longer make anything count.
        return waits && await events.StopsAsync(work) && await work is { Error: null } done ? done : throw new RunCancelledException();
    }

    private static async Task<ErrorDetail?> RunStagesAsync(
        TaskOrchestrationContext context, RunReference reference, string[] activities, JobEvents events)
    {
        foreach (var activity in activities)
        {
            if ((await RunStageAsync(context, reference, activity, events)).Error is { } error)
            {
                return error;
            }
        }

        return null;
    }

    private static async Task<ErrorDetail?> RunJobAsync(TaskOrchestrationContext context, RunReference reference, RunJob job, JobEvents events)
    {
        for (var attempt = 1; attempt <= MaximumAttempts; attempt++)
        {
            var submitted = await context.CallActivityAsync<StageOutcome>(job.Submit, new TrainingAttempt(reference, attempt), Retried);
            if (submitted.Error is not null)
            {
                return submitted.Error;
            }

            var status = await AwaitJobAsync(context, reference, job, events);
            switch (status.State)
            {
                case TrainingJobState.Succeeded:
                    return null;
                case TrainingJobState.Failed:
                    // Without an error of the cluster's, the job's own result tells, which the next stage reads.
                    return status.Error;
                case TrainingJobState.Cancelled:
                    return new ErrorDetail($"{job.Doing} was cancelled", $"The cluster cancelled the {job.Name} job. Start the run again.");
            }
        }

        return new ErrorDetail($"{job.Doing} was interrupted too often", $"The cluster took the job back {MaximumAttempts} times. Start the run again, or choose another cluster.");
    }

    // The event tells at once; the timer is for events that got lost.
    private static async Task<TrainingJobStatus> AwaitJobAsync(TaskOrchestrationContext context, RunReference reference, RunJob job, JobEvents events)
    {
        for (var wait = ShortestWait; ; wait = Min(2 * wait, LongestWait))
        {
            if (await events.AwaitAsync(wait))
            {
                await context.CallActivityAsync(job.Cancel, reference, Retried);
                throw new RunCancelledException();
            }

            var status = await context.CallActivityAsync<TrainingJobStatus>(job.Get, reference, Retried);
            if (status.State is TrainingJobState.Unknown)
            {
                // Lost by the cluster: to be submitted once more.
                return status with { State = TrainingJobState.Interrupted };
            }

            if (status.Ended)
            {
                return status;
            }
        }
    }

    private static TimeSpan Min(TimeSpan left, TimeSpan right) => left < right ? left : right;

    /// <summary>A job of a run and the activities that deal with it.</summary>
    private sealed record RunJob(string Name, string Doing, string Submit, string Get, string Cancel);

    /// <summary>
    /// The wait for the end of a job, which is one over all attempts and all jobs of a run: a wait that nobody looks at any more would swallow the event that
    /// comes next.
    /// </summary>
    private sealed class JobEvents(TaskOrchestrationContext context, Task cancel, int edition)
    {
        private Task<object?>? _ended;

        public Task Cancel => cancel;

        /// <summary>The edition of the orchestrator that the run began under.</summary>
        public int Edition => edition;

        /// <summary>Waits until a job may have ended, or the time is over.</summary>
        /// <returns>Whether the run is to be cancelled.</returns>
        public async Task<bool> AwaitAsync(TimeSpan wait)
        {
            using var over = new CancellationTokenSource();
            var timer = context.CreateTimer(wait, over.Token);
            _ended ??= context.WaitForExternalEvent<object?>(JobEndedEvent);
            var first = await Task.WhenAny(_ended, timer, cancel);
#pragma warning disable CA1849 // CancelAsync goes through the thread pool, which an orchestrator must not.
            over.Cancel();
#pragma warning restore CA1849
            if (first == cancel)
            {
                return true;
            }

            _ended = _ended.IsCompleted ? null : _ended;
            return false;
        }

        /// <summary>Waits until work has stopped, or has taken too long about it.</summary>
        /// <returns>Whether it has stopped.</returns>
        public async Task<bool> StopsAsync(Task work)
        {
            using var over = new CancellationTokenSource();
            var timer = context.CreateTimer(LongestStop, over.Token);
            var first = await Task.WhenAny(work, timer);
#pragma warning disable CA1849 // As above.
            over.Cancel();
#pragma warning restore CA1849
            return first == work;
        }
    }

    private sealed class RunCancelledException : Exception;
}
