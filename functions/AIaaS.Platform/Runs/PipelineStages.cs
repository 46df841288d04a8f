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
using DatasetSource = AIaaS.Platform.Datasets.DatasetSource;
using PreparedSource = AIaaS.Data.Preparation.DatasetSource;

namespace AIaaS.Platform.Runs;

/// <summary>How a stage ended: refusals are values, so that an orchestration neither repeats them nor loses their words.</summary>
/// <param name="Error">Null where the stage succeeded.</param>
public sealed record StageOutcome(ErrorDetail? Error = null);

/// <summary>Asks for an attempt at a run's training job.</summary>
public sealed record TrainingAttempt(RunReference Reference, int Attempt);

/// <summary>What the stages of a run do. Every method may be repeated: it finds what it did before and goes on from there.</summary>
public sealed partial class PipelineStages(
    Catalog catalog,
    IObjectStore store,
    ITrainingCluster cluster,
    RunService runs,
    ModelRegistry registry,
    EndpointService endpoints,
    ModelHost models,
    PlatformOptions options,
    TimeProvider time,
    ILogger<PipelineStages> logger)
{
    private static readonly string[] PreparedFiles =
        [PreparedDataset.DataFileName, DataSchema.FileName, DataProfile.FileName, QualityReport.FileName, QuarantinedRow.FileName];

    private static readonly string[] ModelFiles = [ModelVersion.ContentFile, ModelSignature.FileName, ModelMetrics.FileName, ModelCard.FileName];

    /// <summary>Reads, cleans and profiles the data set as a new version, and settles what the pipeline is to do with it.</summary>
    public Task<StageOutcome> PrepareAsync(RunReference reference, CancellationToken cancellationToken)
        => StageAsync(reference, StageNames.Prepare, async (run, token) =>
        {
            var pipeline = run.Pipeline is null ? null : await catalog.FindAsync(Pipeline.Kind, reference.Tenant, run.Pipeline, token);
            var definition = run.Definition ?? pipeline?.Value.Definition ?? new PipelineDefinition();
            var version = (await catalog.FindAsync(DatasetVersion.Kind, reference.Tenant, DatasetVersion.NameOf(run.Dataset, run.DatasetVersion), token))?.Value
                ?? await PrepareVersionAsync(reference, run, definition, token);
            await catalog.UpdateAsync(
                Dataset.Kind,
                reference.Tenant,
                run.Dataset,
                current => current.Version >= run.DatasetVersion ? current : current with { Version = run.DatasetVersion, Updated = time.GetUtcNow() },
                token);

            if (run.Pipeline is not null && run.Definition is null)
            {
                var profile = await ReadJsonAsync<DataProfile>(DatasetVersion.FileOf(reference.Tenant, run.Dataset, run.DatasetVersion, DataProfile.FileName), token);
                var choice = TargetInference.Choose(new DataSchema { Columns = version.Columns }, profile, definition.Target, definition.Task);
                definition = definition with { Target = choice.Target, Task = choice.Task };
                if (pipeline is null)
                {
                    var now = time.GetUtcNow();
                    await catalog.TryCreateAsync(
                        Pipeline.Kind,
                        reference.Tenant,
                        run.Pipeline,
                        new Pipeline { Name = run.Pipeline, Created = now, Updated = now, Inferred = true, Definition = definition },
                        token);
                }

                await runs.ChangeAsync(reference, current => current with { Definition = definition }, token);
            }

            var words = FormattableString.Invariant($"{version.Rows} rows, {version.Columns.Count} columns");
            return version.RowsQuarantined == 0 ? words : FormattableString.Invariant($"{words}, {version.RowsQuarantined} rows quarantined");
        }, cancellationToken);

    /// <summary>Hands the training job to the cluster.</summary>
    public Task<StageOutcome> SubmitTrainingAsync(TrainingAttempt attempt, CancellationToken cancellationToken)
        => StageAsync(attempt.Reference, StageNames.Train, async (run, token) =>
        {
            var (tenant, definition) = (attempt.Reference.Tenant, run.Definition!);
            ObjectPath File(string name) => DatasetVersion.FileOf(tenant, run.Dataset, run.DatasetVersion, name);
            var parameters = new TrainParameters
            {
                Model = run.Pipeline!,
                Target = definition.Target!,
                Task = definition.Task!.Value,
                Trainers = definition.Trainers,
                Holdout = definition.Split.Holdout,
                Seed = definition.Split.Seed,
                Dataset = run.Dataset,
                DatasetVersion = run.DatasetVersion,
            };
            await cluster.SubmitAsync(
                new TrainingJob
                {
                    Description = new JobDescription
                    {
                        Kind = JobKind.Train,
                        Id = Run.TrainingJobName,
                        Tenant = tenant,
                        Run = run.Id,
                        Attempt = attempt.Attempt,
                        Inputs = new Dictionary<string, string>
                        {
                            ["data"] = "inputs/data.parquet",
                            ["schema"] = "inputs/" + DataSchema.FileName,
                            ["profile"] = "inputs/" + DataProfile.FileName,
                        },
                        Deadline = time.GetUtcNow() + options.TrainingTimeout,
                        Parameters = JsonSerializer.SerializeToElement(parameters, JsonDefaults.Options),
                    },
                    Inputs = new Dictionary<string, ObjectPath>
                    {
                        ["data"] = File(PreparedDataset.DataFileName),
                        ["schema"] = File(DataSchema.FileName),
                        ["profile"] = File(DataProfile.FileName),
                    },
                    Folder = Run.TrainingFolder(attempt.Reference),
                    Cluster = definition.Compute.Cluster,
                },
                token);
            return null;
        }, cancellationToken);

    public Task<TrainingJobStatus> GetTrainingAsync(RunReference reference, CancellationToken cancellationToken)
        => cluster.GetStatusAsync(new TrainingJobId(reference.Tenant, reference.Run, Run.TrainingJobName), cancellationToken);

    public Task CancelTrainingAsync(RunReference reference, CancellationToken cancellationToken)
        => cluster.CancelAsync(new TrainingJobId(reference.Tenant, reference.Run, Run.TrainingJobName), cancellationToken);

    /// <summary>Reads what the training job left and holds it against the pipeline's gate.</summary>
    public Task<StageOutcome> EvaluateAsync(RunReference reference, CancellationToken cancellationToken)
        => StageAsync(reference, StageNames.Evaluate, async (run, token) =>
        {
            var outputs = OutputsOf(reference);
            var result = await ReadJsonAsync<JobResult>(outputs with { Name = outputs.Name + JobResult.FileName }, token);
            if (result.Status is not JobOutcome.Succeeded)
            {
                throw new StageRefusedException(result.Error ?? new ErrorDetail("Training failed", "The training job failed without saying why; its log may tell."));
            }

            var metrics = await ReadJsonAsync<ModelMetrics>(outputs with { Name = outputs.Name + ModelMetrics.FileName }, token);
            var card = await ReadJsonAsync<ModelCard>(outputs with { Name = outputs.Name + ModelCard.FileName }, token);
            var trained = FormattableString.Invariant($"{metrics.TrainingRows} rows, {card.Trainer}");
            LeaderboardEntry[] leaderboard = [new(1, card.Trainer, metrics.Holdout)];
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

            var outputs = OutputsOf(reference);
            var result = await ReadJsonAsync<JobResult>(outputs with { Name = outputs.Name + JobResult.FileName }, token);
            var files = ModelFiles.Select(file => result.Artifacts.SingleOrDefault(artifact => artifact.Path == file)
                ?? throw new InvalidDataException($"The training job's result lists no {file}.")).ToList();
            // Predictions of a model without one cannot be explained; it serves all the same.
            files.AddRange(result.Artifacts.Where(artifact => artifact.Path == BackgroundSample.FileName));
            var metrics = await ReadJsonAsync<ModelMetrics>(outputs with { Name = outputs.Name + ModelMetrics.FileName }, token);
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
            await endpoints.DeployAsync(tenant, endpoint, model.Name, model.Version, token);
            await registry.SetAliasAsync(tenant, model.Name, RegisteredModel.Champion, model.Version, token);
            await runs.ChangeAsync(reference, current => current.Endpoint == endpoint ? current : current with { Endpoint = endpoint }, token);
            return $"endpoint {endpoint}";
        }, cancellationToken);

    private async Task<DatasetVersion> PrepareVersionAsync(RunReference reference, Run run, PipelineDefinition definition, CancellationToken cancellationToken)
    {
        var dataset = (await catalog.GetAsync(Dataset.Kind, reference.Tenant, run.Dataset, cancellationToken)).Value;
        using var folder = options.NewWorkFolder();
        var sources = new List<PreparedSource>();
        foreach (var source in dataset.Sources)
        {
            sources.Add(new PreparedSource(await DownloadAsync(source, Path.Combine(folder.Path, $"source{sources.Count}"), cancellationToken), source.Name));
        }

        var prepared = Path.Combine(folder.Path, "prepared");
        using var cancelled = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reporter = new PreparationReporter(reference, runs, time, cancelled);
        var parameters = new PrepareParameters
        {
            Target = definition.Target,
            Task = definition.Task,
            Clean = definition.Clean,
            Validate = definition.Validate,
            Split = definition.Split,
        };
        var preparation = new DatasetPreparation(new PreparationOptions { TempFolder = folder.Path });
        PreparationResult result;
        try
        {
            result = await Task.Run(() => preparation.Prepare(sources, parameters, prepared, baseline: null, reporter, cancelled.Token), cancelled.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new StageRefusedException(new ErrorDetail("Cancelled", "The run was cancelled while its data was prepared."));
        }
        finally
        {
            await reporter.DrainAsync();
        }

        foreach (var file in PreparedFiles)
        {
            var target = file == QuarantinedRow.FileName
                ? DatasetVersion.QuarantineOf(reference.Tenant, run.Dataset, run.DatasetVersion)
                : DatasetVersion.FileOf(reference.Tenant, run.Dataset, run.DatasetVersion, file);
            await using var content = File.OpenRead(Path.Combine(prepared, file));
            await store.WriteAsync(target, content, options: null, cancellationToken);
        }

        var version = new DatasetVersion
        {
            Dataset = run.Dataset,
            Version = run.DatasetVersion,
            Created = time.GetUtcNow(),
            Run = run.Id,
            Sources = dataset.Sources,
            Rows = result.Quality.RowsKept,
            RowsQuarantined = result.Quality.RowsQuarantined,
            Columns = result.Schema.Columns,
        };
        await catalog.TryCreateAsync(DatasetVersion.Kind, reference.Tenant, DatasetVersion.NameOf(run.Dataset, run.DatasetVersion), version, cancellationToken);
        return version;
    }

    private async Task<string> DownloadAsync(DatasetSource source, string path, CancellationToken cancellationToken)
    {
        await using var content = await store.OpenReadAsync(source.Location, range: null, cancellationToken)
            ?? throw new StageRefusedException(new ErrorDetail("A source is missing", $"The file '{source.Name}' of the data set is no longer stored. Upload it again."));
        await using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16, useAsync: true);
        await content.Stream.CopyToAsync(file, cancellationToken);
        return path;
    }

    private async Task<T> ReadJsonAsync<T>(ObjectPath path, CancellationToken cancellationToken)
        where T : class
    {
        await using var content = await store.OpenReadAsync(path, range: null, cancellationToken)
            ?? throw new InvalidDataException($"'{path}' is missing.");
        return await content.ReadJsonAsync<T>(cancellationToken);
    }

    private static ObjectPath OutputsOf(RunReference reference)
    {
        var folder = Run.TrainingFolder(reference);
        return folder with { Name = folder.Name + "outputs/" };
    }

    private async Task<StageOutcome> StageAsync(
        RunReference reference, string stage, Func<Run, CancellationToken, Task<string?>> work, CancellationToken cancellationToken)
    {
        var run = await runs.ReportAsync(reference, stage, StageStatus.Running, 0, detail: null, cancellationToken);
        if (run.HasEnded || run.CancelRequested)
        {
            // Also where the event that tells the orchestration was lost.
            return new StageOutcome(new ErrorDetail("Cancelled", "The run was cancelled before this stage."));
        }

        try
        {
            var detail = await work(run, cancellationToken);
            if (stage != StageNames.Train)
            {
                await runs.ReportAsync(reference, stage, StageStatus.Succeeded, 100, detail, cancellationToken);
            }

            return new StageOutcome();
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

    private sealed class StageRefusedException(ErrorDetail error) : Exception(error.Detail)
    {
        public ErrorDetail Error { get; } = error;
    }
}
