using AIaaS.Formats;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Training;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Logging;

namespace AIaaS.Functions.Runs;

/// <summary>What is left to do for a run.</summary>
/// <param name="Proceeds">False where it ended already.</param>
/// <param name="Trains">Whether a model is trained, or the data prepared only.</param>
/// <param name="Edition">The orchestrator's edition that the run began under; 0 from before there were editions.</param>
public sealed record RunPlan(bool Proceeds, bool Trains, int Edition = 0);

/// <summary>How a run is to end.</summary>
public sealed record RunEnd(RunReference Reference, RunStatus Status, ErrorDetail? Error);

/// <summary>The steps that <see cref="RunPipelineOrchestrator"/> takes; each may be repeated.</summary>
public sealed partial class RunActivities(RunService runs, PipelineStages stages, TrialRounds rounds, ILogger<RunActivities> logger)
{
    public const string BeginRun = nameof(BeginRun);
    public const string PrepareDataset = nameof(PrepareDataset);
    public const string SubmitPreparation = nameof(SubmitPreparation);
    public const string GetPreparation = nameof(GetPreparation);
    public const string CancelPreparation = nameof(CancelPreparation);
    public const string FinishPreparation = nameof(FinishPreparation);
    public const string PlanTrials = nameof(PlanTrials);
    public const string SubmitTrials = nameof(SubmitTrials);
    public const string GetTrials = nameof(GetTrials);
    public const string CancelTrials = nameof(CancelTrials);
    public const string SubmitTraining = nameof(SubmitTraining);
    public const string GetTraining = nameof(GetTraining);
    public const string CancelTraining = nameof(CancelTraining);
    public const string EvaluateModel = nameof(EvaluateModel);
    public const string RegisterModel = nameof(RegisterModel);
    public const string DeployModel = nameof(DeployModel);
    public const string EndRun = nameof(EndRun);

    [Function(BeginRun)]
    public async Task<RunPlan> BeginAsync([ActivityTrigger] RunReference reference, CancellationToken cancellationToken)
        => await runs.BeginAsync(reference, cancellationToken) is { } run
            ? new RunPlan(Proceeds: true, Trains: run.Pipeline is not null, RunPipelineOrchestrator.Edition)
            : new RunPlan(false, false);

    [Function(PrepareDataset)]
    public Task<StageOutcome> PrepareAsync([ActivityTrigger] RunReference reference, CancellationToken cancellationToken)
        => stages.PrepareAsync(reference, cancellationToken);

    [Function(SubmitPreparation)]
    public Task<StageOutcome> SubmitPreparationAsync([ActivityTrigger] TrainingAttempt attempt, CancellationToken cancellationToken)
        => stages.SubmitPreparationAsync(attempt, cancellationToken);

    [Function(GetPreparation)]
    public Task<TrainingJobStatus> GetPreparationAsync([ActivityTrigger] RunReference reference, CancellationToken cancellationToken)
        => stages.GetPreparationAsync(reference, cancellationToken);

    [Function(CancelPreparation)]
    public Task CancelPreparationAsync([ActivityTrigger] RunReference reference, CancellationToken cancellationToken)
        => stages.CancelPreparationAsync(reference, cancellationToken);

    [Function(FinishPreparation)]
    public Task<StageOutcome> FinishPreparationAsync([ActivityTrigger] RunReference reference, CancellationToken cancellationToken)
        => stages.FinishPreparationAsync(reference, cancellationToken);

    [Function(PlanTrials)]
    public Task<RoundPlan> PlanTrialsAsync([ActivityTrigger] RoundReference round, CancellationToken cancellationToken)
        => rounds.PlanAsync(round, cancellationToken);

    [Function(SubmitTrials)]
    public Task SubmitTrialsAsync([ActivityTrigger] RoundAttempts attempts, CancellationToken cancellationToken)
        => rounds.SubmitAsync(attempts, cancellationToken);

    [Function(GetTrials)]
    public Task<IReadOnlyList<TrainingJobState>> GetTrialsAsync([ActivityTrigger] RoundReference round, CancellationToken cancellationToken)
        => rounds.GetAsync(round, cancellationToken);

    [Function(CancelTrials)]
    public Task CancelTrialsAsync([ActivityTrigger] RoundReference round, CancellationToken cancellationToken)
        => rounds.CancelAsync(round, cancellationToken);

    [Function(SubmitTraining)]
    public Task<StageOutcome> SubmitTrainingAsync([ActivityTrigger] TrainingAttempt attempt, CancellationToken cancellationToken)
        => stages.SubmitTrainingAsync(attempt, cancellationToken);

    [Function(GetTraining)]
    public Task<TrainingJobStatus> GetTrainingAsync([ActivityTrigger] RunReference reference, CancellationToken cancellationToken)
        => stages.GetTrainingAsync(reference, cancellationToken);

    [Function(CancelTraining)]
    public Task CancelTrainingAsync([ActivityTrigger] RunReference reference, CancellationToken cancellationToken)
        => stages.CancelTrainingAsync(reference, cancellationToken);

    [Function(EvaluateModel)]
    public Task<StageOutcome> EvaluateAsync([ActivityTrigger] RunReference reference, CancellationToken cancellationToken)
        => stages.EvaluateAsync(reference, cancellationToken);

    [Function(RegisterModel)]
    public Task<StageOutcome> RegisterAsync([ActivityTrigger] RunReference reference, CancellationToken cancellationToken)
        => stages.RegisterAsync(reference, cancellationToken);

    [Function(DeployModel)]
    public Task<StageOutcome> DeployAsync([ActivityTrigger] RunReference reference, CancellationToken cancellationToken)
        => stages.DeployAsync(reference, cancellationToken);

    [Function(EndRun)]
    public async Task EndAsync([ActivityTrigger] RunEnd end, CancellationToken cancellationToken)
    {
        var run = await stages.EndAsync(end.Reference, end.Status, end.Error, cancellationToken);
        if (run.Status is RunStatus.Failed)
        {
            LogFailed(end.Reference.Tenant, run.Id, run.Pipeline, run.Error?.Title);
        }
    }

    /// <remarks>An alert rule looks for the first two words; see <c>infra/modules/alerts.bicep</c>.</remarks>
    [LoggerMessage(Level = LogLevel.Warning, Message = "Run failed: {Tenant}/{Run} of the pipeline {Pipeline}: {Reason}")]
    private partial void LogFailed(string tenant, string run, string? pipeline, string? reason);
}
