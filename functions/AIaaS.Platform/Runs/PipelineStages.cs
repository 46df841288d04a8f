using System.Text.Json;
using AIaaS.Data;
using AIaaS.Data.Preparation;
using AIaaS.Formats;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Models;
using AIaaS.Platform.Pipelines;
using AIaaS.Platform.Predictions;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Training;
using Microsoft.Extensions.Logging;

namespace AIaaS.Platform.Runs;

/// <summary>How a stage ended: refusals are values, so that an orchestration neither repeats them nor loses their words.</summary>
/// <param name="Error">Null where the stage succeeded.</param>
/// <param name="AsJob">Whether a job is to do what the stage has only begun.</param>
/// <param name="InRounds">Whether the sweep that comes next is several jobs at the same time, in rounds.</param>
public sealed record StageOutcome(ErrorDetail? Error = null, bool AsJob = false, bool InRounds = false);

/// <summary>Asks for an attempt at a run's job.</summary>
public sealed record TrainingAttempt(RunReference Reference, int Attempt);

/// <summary>What the stages of a run do. Every method may be repeated: it finds what it did before and goes on from there.</summary>
public sealed partial class PipelineStages(
    Catalog catalog,
    IObjectStore store,
    ITrainingCluster cluster,
    RunService runs,
    VersionPreparation versions,
    TrainingJobs jobs,
    TrialRounds rounds,
    ModelRegistry registry,
    EndpointService endpoints,
    ModelHost models,
    TimeProvider time,
    ILogger<PipelineStages> logger)
{
    // A model without them serves all the same; without the first its predictions cannot be explained.
    private static readonly string[] MoreFiles = [BackgroundSample.FileName, ModelMetrics.PageFileName, Leaderboard.FileName];
    private static readonly string[] ModelFiles = [ModelVersion.ContentFile, ModelSignature.FileName, ModelMetrics.FileName, ModelCard.FileName];

    /// <summary>
    /// Settles what the run's version of the data set is made of, reads, cleans and profiles that where it is small enough for this process, and settles
    /// what the pipeline is to do with it.
    /// </summary>
    public async Task<StageOutcome> PrepareAsync(RunReference reference, CancellationToken cancellationToken)
    {
        var asJob = false;
        var outcome = await StageAsync(reference, StageNames.Prepare, async (run, token) =>
        {
            var plan = await versions.PlanAsync(reference, run, token);
            var version = await FindVersionAsync(reference, run, token);
            if (version is null && !plan.AsJob)
            {
                version = await versions.PrepareAsync(reference, run, plan, token);
                if (version is null)
                {
                    await versions.LeaveToJobAsync(reference, token);
                }
            }

            asJob = version is null;
            return version is null ? null : await SettleAsync(reference, run, plan, version, token);
        }, cancellationToken);
        return outcome.Error is null ? outcome with { AsJob = asJob, InRounds = await RunsInRoundsAsync(reference, cancellationToken) } : outcome;
    }

    /// <summary>Hands the preparation to the cluster.</summary>
    public Task<StageOutcome> SubmitPreparationAsync(TrainingAttempt attempt, CancellationToken cancellationToken)
        => StageAsync(attempt.Reference, StageNames.Prepare, async (run, token) =>
        {
            await versions.SubmitAsync(attempt.Reference, run, run.Preparation!, attempt.Attempt, token);
            return null;
        }, cancellationToken);

    public Task<TrainingJobStatus> GetPreparationAsync(RunReference reference, CancellationToken cancellationToken)
        => cluster.GetStatusAsync(JobOf(reference, Run.PreparationJobName), cancellationToken);

    public Task CancelPreparationAsync(RunReference reference, CancellationToken cancellationToken)
        => cluster.CancelAsync(JobOf(reference, Run.PreparationJobName), cancellationToken);

    /// <summary>Makes the version of what the job prepared, and settles what the pipeline is to do with it.</summary>
    public async Task<StageOutcome> FinishPreparationAsync(RunReference reference, CancellationToken cancellationToken)
    {
        var outcome = await StageAsync(reference, StageNames.Prepare, async (run, token) =>
        {
            var plan = run.Preparation!;
            var version = await FindVersionAsync(reference, run, token) ?? await versions.CollectAsync(reference, run, plan, token);
            await versions.DiscardAsync(reference, token);
            return await SettleAsync(reference, run, plan, version, token);
        }, cancellationToken);
        return outcome.Error is null ? outcome with { InRounds = await RunsInRoundsAsync(reference, cancellationToken) } : outcome;
    }

    /// <summary>Hands the training job to the cluster.</summary>
    public Task<StageOutcome> SubmitTrainingAsync(TrainingAttempt attempt, CancellationToken cancellationToken)
        => StageAsync(attempt.Reference, StageNames.Train, async (run, token) =>
        {
            var isOver = run.Definition!.Sweep.MaxConcurrent > 1;
            var trials = isOver ? await rounds.InputsAsync(attempt.Reference, token) : new Dictionary<string, (ObjectPath From, string To)>();
            await cluster.SubmitAsync(
                await jobs.DescribeAsync(attempt, run, Run.TrainingJobName, parameters => parameters with { SweepIsOver = isOver }, trials, token), token);
            return null;
        }, cancellationToken);

    public Task<TrainingJobStatus> GetTrainingAsync(RunReference reference, CancellationToken cancellationToken)
        => cluster.GetStatusAsync(JobOf(reference, Run.TrainingJobName), cancellationToken);

    public Task CancelTrainingAsync(RunReference reference, CancellationToken cancellationToken)
        => cluster.CancelAsync(JobOf(reference, Run.TrainingJobName), cancellationToken);

    /// <summary>Reads what the training job left and holds it against the pipeline's gate.</summary>
    public Task<StageOutcome> EvaluateAsync(RunReference reference, CancellationToken cancellationToken)
        => StageAsync(reference, StageNames.Evaluate, async (run, token) =>
        {
            var outputs = Run.OutputsOf(reference, Run.TrainingJobName);
            var result = await ReadJsonAsync<JobResult>(outputs with { Name = outputs.Name + JobResult.FileName }, token);
            if (result.Status is not JobOutcome.Succeeded)
            {
                throw new StageRefusedException(result.Error ?? new ErrorDetail("Training failed", "The training job failed without saying why; its log may tell."));
            }

            var metrics = await ReadJsonAsync<ModelMetrics>(outputs with { Name = outputs.Name + ModelMetrics.FileName }, token);
            var card = await ReadJsonAsync<ModelCard>(outputs with { Name = outputs.Name + ModelCard.FileName }, token);
            // A job from before there were sweeps leaves none.
            var board = await store.FindJsonAsync<Leaderboard>(outputs with { Name = outputs.Name + Leaderboard.FileName }, token);
            var leaderboard = board is null ? [new(1, card.Trainer, metrics.Holdout)] : LeaderboardEntry.Of(board.Trials, board.Members);
            var trained = FormattableString.Invariant($"{metrics.TrainingRows} rows, {leaderboard.Length} trials, {card.Trainer}");
            await runs.ChangeAsync(
                reference, current => current.WithStage(StageNames.Train, StageStatus.Succeeded, 100, trained) with { Leaderboard = leaderboard }, token);
            if (run.Definition!.Gate?.Refusal(metrics) is { } refusal)
            {
                throw new StageRefusedException(new ErrorDetail("The model did not pass the gate", refusal));
            }

            var shown = metrics.Holdout.Take(3).Select(metric => FormattableString.Invariant($"{metric.Key} {metric.Value:0.####}"));
            return FormattableString.Invariant($"{metrics.HoldoutRows} holdout rows: {string.Join(", ", shown)}");
        }, cancellationToken);

    /// <summary>Makes the trained model a version in the registry.</summary>
    public Task<StageOutcome> RegisterAsync(RunReference reference, CancellationToken cancellationToken)
        => StageAsync(reference, StageNames.Register, async (run, token) =>
        {
            var model = run.Pipeline!;
            if (run.Model is null)
            {
                // The number is written down before it is used, so that a repetition makes no second version.
                var allocated = new ModelReference(model, await registry.AllocateAsync(reference.Tenant, model, token));
                run = await runs.ChangeAsync(reference, current => current.Model is null ? current with { Model = allocated } : current, token);
            }

            var outputs = Run.OutputsOf(reference, Run.TrainingJobName);
            var result = await ReadJsonAsync<JobResult>(outputs with { Name = outputs.Name + JobResult.FileName }, token);
            var files = ModelFiles.Select(file => result.Artifacts.SingleOrDefault(artifact => artifact.Path == file)
                ?? throw new InvalidDataException($"The training job's result lists no {file}.")).ToList();
            files.AddRange(result.Artifacts.Where(artifact => MoreFiles.Contains(artifact.Path)));
            var metrics = await ReadJsonAsync<ModelMetrics>(outputs with { Name = outputs.Name + ModelMetrics.FileName }, token);
            await runs.DemandWantedAsync(reference, token);
            await registry.RegisterAsync(
                reference.Tenant,
                new ModelVersion
                {
                    Model = model,
                    Version = run.Model!.Version,
                    Created = time.GetUtcNow(),
                    Task = run.Definition!.Task!.Value,
                    Run = run.Id,
                    Dataset = run.Dataset,
                    DatasetVersion = run.DatasetVersion,
                    Metrics = metrics.Holdout,
                    Sha256 = files[0].Sha256,
                    Bytes = files[0].Bytes,
                },
                outputs,
                files,
                token);
            return $"{model} version {run.Model.Version}";
        }, cancellationToken);

    /// <summary>Loads the new version, and puts it behind the endpoint once it answers.</summary>
    public Task<StageOutcome> DeployAsync(RunReference reference, CancellationToken cancellationToken)
        => StageAsync(reference, StageNames.Deploy, async (run, token) =>
        {
            var (tenant, model) = (reference.Tenant, run.Model!);
            await models.WarmUpAsync(tenant, model.Name, model.Version, token);
            var endpoint = run.Definition!.Deploy.Endpoint ?? run.Pipeline!;
            await runs.DemandWantedAsync(reference, token);

            // Not to be stopped half-way from here on.
            await endpoints.DeployAsync(tenant, endpoint, model.Name, model.Version, CancellationToken.None);
            return await PromoteAsync(reference, model, endpoint);
        }, cancellationToken);

    /// <summary>
    /// Ends a run, and gives the next one of its pipeline its turn. One whose version is behind the endpoint already has done its last stage, whatever came
    /// between: the rest of that is made good here, so that the endpoint and the champion agree.
    /// </summary>
    public async Task<Run> EndAsync(RunReference reference, RunStatus status, ErrorDetail? error, CancellationToken cancellationToken)
    {
        if (status is not RunStatus.Succeeded && await FinishDeploymentAsync(reference, cancellationToken))
        {
            (status, error) = (RunStatus.Succeeded, null);
        }

        return await runs.EndAsync(reference, status, error, cancellationToken);
    }

    /// <returns>False where the endpoint does not serve the run's version, or the run has ended.</returns>
    private async Task<bool> FinishDeploymentAsync(RunReference reference, CancellationToken cancellationToken)
    {
        var run = (await runs.GetAsync(reference.Tenant, reference.Run, cancellationToken)).Value;
        if (run is not { HasEnded: false, Model: { } model, Definition: { } definition }
            || run.Stages.Single(stage => stage.Name == StageNames.Deploy).Status is StageStatus.Pending)
        {
            return false;
        }

        var endpoint = definition.Deploy.Endpoint ?? run.Pipeline!;
        if (!await endpoints.ServesAsync(reference.Tenant, endpoint, model.Name, model.Version, cancellationToken))
        {
            return false;
        }

        await runs.ReportAsync(reference, StageNames.Deploy, StageStatus.Succeeded, 100, await PromoteAsync(reference, model, endpoint), cancellationToken);
        return true;
    }

    /// <summary>Makes the version that an endpoint serves its model's champion.</summary>
    /// <returns>What was done, for people.</returns>
    private async Task<string> PromoteAsync(RunReference reference, ModelReference model, string endpoint)
    {
        await registry.SetAliasAsync(reference.Tenant, model.Name, RegisteredModel.Champion, model.Version, CancellationToken.None);
        await runs.ChangeAsync(reference, current => current.Endpoint == endpoint ? current : current with { Endpoint = endpoint }, CancellationToken.None);
        return $"endpoint {endpoint}";
    }

    private async Task<DatasetVersion?> FindVersionAsync(RunReference reference, Run run, CancellationToken cancellationToken)
        => (await catalog.FindAsync(DatasetVersion.Kind, reference.Tenant, DatasetVersion.NameOf(run.Dataset, run.DatasetVersion), cancellationToken))?.Value;

    private async Task<string> SettleAsync(RunReference reference, Run run, PreparationPlan plan, DatasetVersion version, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await catalog.UpdateAsync(
            Dataset.Kind,
            reference.Tenant,
            run.Dataset,
            current => current.Version >= version.Version || version.Version <= current.RemovedThrough ? current : current with { Version = version.Version, Updated = now },
            CancellationToken.None);

        if (run.Pipeline is not null && run.Definition is null)
        {
            var definition = plan.Definition;
            var profile = await ReadJsonAsync<DataProfile>(DatasetVersion.FileOf(reference.Tenant, run.Dataset, version.Version, DataProfile.FileName), cancellationToken);
            var choice = TargetInference.Choose(
                new DataSchema { Columns = version.Columns }, profile, definition.Target ?? profile.Target?.Name, definition.Task ?? profile.Target?.Task);
            definition = definition with { Target = choice.Target, Task = choice.Task };
            if (plan.Infers)
            {
                // Does nothing where somebody wrote one meanwhile.
                await catalog.TryCreateAsync(
                    Pipeline.Kind,
                    reference.Tenant,
                    run.Pipeline,
                    new Pipeline { Name = run.Pipeline, Created = now, Updated = now, Inferred = true, Definition = definition },
                    cancellationToken);
            }

            await runs.ChangeAsync(reference, current => current with { Definition = definition }, cancellationToken);
        }

        var words = FormattableString.Invariant($"{version.Rows} rows, {version.Columns.Count} columns");
        return version.RowsQuarantined == 0 ? words : FormattableString.Invariant($"{words}, {version.RowsQuarantined} rows quarantined");
    }

    private async Task<bool> RunsInRoundsAsync(RunReference reference, CancellationToken cancellationToken)
        => (await runs.GetAsync(reference.Tenant, reference.Run, cancellationToken)).Value.Definition is { Sweep.MaxConcurrent: > 1 };

    private static TrainingJobId JobOf(RunReference reference, string job) => new(reference.Tenant, reference.Run, job);

    private async Task<T> ReadJsonAsync<T>(ObjectPath path, CancellationToken cancellationToken)
        where T : class
    {
        await using var content = await store.OpenReadAsync(path, range: null, cancellationToken)
            ?? throw new InvalidDataException($"'{path}' is missing.");
        return await content.ReadJsonAsync<T>(cancellationToken);
    }

    /// <param name="reference">The run.</param>
    /// <param name="stage">The stage.</param>
    /// <param name="work">Gives what the stage did, for people; null where a job has yet to do it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    private async Task<StageOutcome> StageAsync(
        RunReference reference, string stage, Func<Run, CancellationToken, Task<string?>> work, CancellationToken cancellationToken)
    {
        var run = await runs.ReportAsync(reference, stage, StageStatus.Running, 0, detail: null, cancellationToken);
        if (!run.IsWanted)
        {
            // Also where the event that tells the orchestration was lost.
            return new StageOutcome(StageRefusedException.Cancelled);
        }

        await using var watch = new CancelWatch(reference, runs, time, cancellationToken);
        try
        {
            if (await work(run, watch.Token) is { } detail)
            {
                await runs.ReportAsync(reference, stage, StageStatus.Succeeded, 100, detail, cancellationToken);
            }

            return new StageOutcome();
        }
        catch (OperationCanceledException) when (watch.Token.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return new StageOutcome(StageRefusedException.Cancelled);
        }
        catch (Exception refusal) when (Explain(refusal) is { } error)
        {
            LogRefused(reference.Tenant, reference.Run, stage, error.Detail);
            return new StageOutcome(error);
        }
    }

    private static ErrorDetail? Explain(Exception exception) => exception switch
    {
        StageRefusedException refused => refused.Error,
        DatasetException dataset => new ErrorDetail("The data cannot be used", dataset.Message),
        ProblemException problem => new ErrorDetail(problem.Problem.Title, problem.Message),
        _ => null,
    };

    [LoggerMessage(Level = LogLevel.Information, Message = "The run {Tenant}/{Run} was refused in its stage {Stage}: {Reason}")]
    private partial void LogRefused(string tenant, string run, string stage, string reason);
}
