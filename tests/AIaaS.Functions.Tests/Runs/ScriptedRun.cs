using AIaaS.Formats;
using AIaaS.Functions.Runs;
using AIaaS.LocalHost.Tests.Durable;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Training;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Converters;

namespace AIaaS.Functions.Tests.Runs;

/// <summary>The real orchestrator under the real local engine; what its activities answer is told by the test.</summary>
internal sealed class ScriptedRun : IAsyncDisposable
{
    private static readonly RunReference Reference = new("default", "run-1");
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly DurableHarness _harness;

    public ScriptedRun(bool replayEveryTurn)
    {
        _harness = new DurableHarness(replayEveryTurn);
        var functions = new TestFunctions()
            .Orchestrator(RunPipelineOrchestrator.Name, async context =>
            {
                await RunPipelineOrchestrator.RunAsync(context);
                return null;
            })
            .Activity<RunReference>(RunActivities.BeginRun, _ => Plan)
            .Activity<RunReference>(RunActivities.GetTraining, async (_, _) =>
            {
                Looked.Release();
                return await GetTraining();
            })
            .Activity<RunReference>(RunActivities.CancelTraining, _ => null)
            .Activity<RunReference>(RunActivities.GetPreparation, async (_, _) =>
            {
                Looked.Release();
                return await GetPreparation();
            })
            .Activity<RunReference>(RunActivities.CancelPreparation, _ => null)
            .Activity<TrainingAttempt>(RunActivities.SubmitPreparation, attempt =>
            {
                PreparationAttempts.Add(attempt!.Attempt);
                var outcome = Answer(RunActivities.SubmitPreparation);
                Submitted.Release();
                return outcome;
            })
            .Activity<TrainingAttempt>(RunActivities.SubmitTraining, attempt =>
            {
                Attempts.Add(attempt!.Attempt);
                var outcome = Answer(RunActivities.SubmitTraining);
                Submitted.Release();
                return outcome;
            })
            .Activity<RoundReference>(RunActivities.PlanTrials, round => round!.Round <= RoundJobs.Count ? new RoundPlan(RoundJobs[round.Round - 1]) : new RoundPlan(0, SweepError))
            .Activity<RoundAttempts>(RunActivities.SubmitTrials, attempts =>
            {
                TrialAttempts.Add([.. attempts!.Attempts]);
                Submitted.Release();
                return null;
            })
            .Activity<RoundReference>(RunActivities.GetTrials, round =>
            {
                Looked.Release();
                return GetTrials(round!.Round);
            })
            .Activity<RoundReference>(RunActivities.CancelTrials, _ => null)
            .Activity<RunEnd>(RunActivities.EndRun, end =>
            {
                Ends.Add(end!);
                return null;
            });
        foreach (var stage in (string[])[RunActivities.PrepareDataset, RunActivities.FinishPreparation, RunActivities.EvaluateModel, RunActivities.RegisterModel, RunActivities.DeployModel])
        {
            functions.Activity<RunReference>(stage, async (_, cancellationToken) =>
            {
                if (stage == HeldStage)
                {
                    Held.Release();
                    await Released.WaitAsync(cancellationToken);
                }

                return Answer(stage);
            });
        }

        _harness.Functions = functions;
        GetTrials = round => [.. Enumerable.Repeat(TrainingJobState.Succeeded, RoundJobs[round - 1])];
    }

    public RunPlan Plan { get; set; } = new(Proceeds: true, Trains: true, RunPipelineOrchestrator.Edition);

    /// <summary>Whether the data is prepared by a job.</summary>
    public bool PreparesAsJob { get; set; }

    public Func<Task<TrainingJobStatus>> GetPreparation { get; set; } = () => Task.FromResult(new TrainingJobStatus(TrainingJobState.Succeeded));

    public List<int> PreparationAttempts { get; } = [];

    /// <summary>The jobs of each round of the sweep; none where one job does all of it.</summary>
    public List<int> RoundJobs { get; } = [];

    /// <summary>Why the sweep cannot go on after its rounds.</summary>
    public ErrorDetail? SweepError { get; set; }

    /// <summary>How the jobs of a round stand.</summary>
    public Func<int, TrainingJobState[]> GetTrials { get; set; } = null!;

    /// <summary>The attempts of each submission, a number for each job of the round.</summary>
    public List<int[]> TrialAttempts { get; } = [];

    /// <summary>What stages are refused for.</summary>
    public Dictionary<string, ErrorDetail> Refusals { get; } = [];

    /// <summary>How often stages throw before they answer.</summary>
    public Dictionary<string, int> Throws { get; } = [];

    /// <summary>A stage that does not come to its end before it is released.</summary>
    public string? HeldStage { get; set; }

    public SemaphoreSlim Released { get; } = new(0);

    public Func<Task<TrainingJobStatus>> GetTraining { get; set; } = () => Task.FromResult(new TrainingJobStatus(TrainingJobState.Succeeded));

    public SemaphoreSlim Held { get; } = new(0);

    public SemaphoreSlim Submitted { get; } = new(0);

    public SemaphoreSlim Looked { get; } = new(0);

    public List<int> Attempts { get; } = [];

    public List<RunEnd> Ends { get; } = [];

    public IReadOnlyList<string> Calls => [.. _harness.Functions.Calls.Select(call => call.Name)];

    public RunEnd End => Assert.Single(Ends);

    public Task StartAsync() => _harness.Start().ScheduleAsync(RunPipelineOrchestrator.Name, Reference, Reference.Run);

    /// <summary>Starts the run and lets its jobs succeed, until it is in the stage that is held.</summary>
    public async Task StartUntilHeldAsync()
    {
        await StartAsync();
        using var patience = new CancellationTokenSource(Patience);
        while (!await Held.WaitAsync(TimeSpan.FromMilliseconds(5), patience.Token))
        {
            if (await Submitted.WaitAsync(TimeSpan.FromMilliseconds(5), patience.Token)) await RaiseAsync(RunPipelineOrchestrator.JobEndedEvent);
        }
    }

    public Task RestartAsync()
    {
        _harness.Restart();
        return _harness.Engine.Started;
    }

    public Task RaiseAsync(string name) => _harness.Client.RaiseEventAsync(Reference.Run, name, "train");

    public static async Task ComesAsync(SemaphoreSlim happened) => Assert.True(await happened.WaitAsync(Patience));

    /// <summary>Waits until the orchestrator waits for a time.</summary>
    public async Task WaitsForTimeAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        while (_harness.Time.WaitingTimers == 0) await Task.Delay(1, patience.Token);
    }

    public DateTimeOffset Now => _harness.Time.GetUtcNow();

    public async Task PassTimeUntilAsync(SemaphoreSlim happened, TimeSpan step)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await happened.WaitAsync(TimeSpan.FromMilliseconds(20), patience.Token)) _harness.Time.Advance(step);
    }

    /// <summary>Raises the end of the job at every submission, until the run ends.</summary>
    public async Task<OrchestrationMetadata> RunAsync()
    {
        await StartAsync();
        var end = _harness.EndOfAsync(Reference.Run);
        while (!end.IsCompleted)
        {
            if (await Submitted.WaitAsync(TimeSpan.FromMilliseconds(5))) await RaiseAsync(RunPipelineOrchestrator.JobEndedEvent);
            _harness.Time.Advance(TimeSpan.FromSeconds(1));
        }

        return AssertCompleted(await end);
    }

    public async Task<OrchestrationMetadata> EndAsync() => AssertCompleted(await _harness.EndOfAsync(Reference.Run));

    public async Task<OrchestrationMetadata> PassTimeUntilEndAsync(TimeSpan step)
        => AssertCompleted(await _harness.PassTimeUntilEndAsync(Reference.Run, step));

    public ValueTask DisposeAsync() => _harness.DisposeAsync();

    private static OrchestrationMetadata AssertCompleted(OrchestrationMetadata end)
    {
        Assert.Equal(OrchestrationRuntimeStatus.Completed, end.RuntimeStatus);
        return end;
    }

    private StageOutcome Answer(string stage)
    {
        if (Throws.TryGetValue(stage, out var times) && times > 0)
        {
            Throws[stage] = times - 1;
            throw new IOException("/secret/path: the disk is on fire");
        }

        return new StageOutcome(Refusals.GetValueOrDefault(stage), AsJob: stage == RunActivities.PrepareDataset && PreparesAsJob, InRounds: RoundJobs.Count > 0 || SweepError is not null);
    }
}
