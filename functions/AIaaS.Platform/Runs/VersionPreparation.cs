using System.Text.Json;
using AIaaS.Data;
using AIaaS.Data.Preparation;
using AIaaS.Formats;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Pipelines;
using AIaaS.Platform.Security;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Training;
using DatasetSource = AIaaS.Platform.Datasets.DatasetSource;
using PreparedSource = AIaaS.Data.Preparation.DatasetSource;

namespace AIaaS.Platform.Runs;

/// <summary>
/// Makes versions of data sets: inside this process, or as a job of the trainer program where the sources are large. What a version is made of is
/// settled and written down first, so that every repetition makes the same version.
/// </summary>
public sealed class VersionPreparation(
    Catalog catalog,
    IObjectStore store,
    ITrainingCluster cluster,
    RunService runs,
    DatasetContracts contracts,
    DatasetHousekeeping housekeeping,
    TenantSalts salts,
    LocalFileCache cache,
    PreparationTurns turns,
    PlatformOptions options,
    TimeProvider time)
{
    /// <summary>How long a preparation waits for others in this process, so that enough of the host's limit on one function is left for itself.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>Files that a version has whatever was asked of it; the others are stored where preparation made them.</summary>
    private static readonly string[] NeededFiles =
        [PreparedDataset.DataFileName, DataSchema.FileName, DataProfile.FileName, QualityReport.FileName, QuarantinedRow.FileName];

    private static readonly string[] FurtherFiles = [QualityReport.PageFileName, DataSplits.RowsFileName, DataSplits.FileName, DataContract.FileName];

    private static readonly string[] ReportFiles = [DataProfile.FileName, QualityReport.FileName, QualityReport.PageFileName, QuarantinedRow.FileName];

    /// <summary>Settles what the version is made of.</summary>
    internal async Task<PreparationPlan> PlanAsync(RunReference reference, Run run, CancellationToken cancellationToken)
    {
        if (run.Preparation is { } settled)
        {
            return settled;
        }

        var tenant = reference.Tenant;
        var pipeline = run.Pipeline is null ? null : await catalog.FindAsync(Pipeline.Kind, tenant, run.Pipeline, cancellationToken);
        var dataset = (await catalog.GetAsync(Dataset.Kind, tenant, run.Dataset, cancellationToken)).Value;
        var contract = await contracts.FindAsync(tenant, run.Dataset, cancellationToken);
        var versions = await catalog.ListHeadersAsync(DatasetVersion.Kind, tenant, $"{run.Dataset}/", cancellationToken);
        var before = versions.Select(header => DatasetVersion.NumberOf(header.Name))
            .Where(version => version < run.DatasetVersion && version > dataset.RemovedThrough)
            .Order()
            .ToList();
        var plan = new PreparationPlan
        {
            Definition = pipeline?.Value.Definition ?? new PipelineDefinition(),
            Infers = pipeline is null,
            Sources = dataset.Sources,
            Parent = before is [.., var newest] ? newest : null,
            Contract = contract is null ? null : new ContractReference(contract.Value.Revision, contract.ETag),
            Promise = contract?.Value.Contract,
            AsJob = dataset.Sources.Sum(source => source.Bytes) > options.PrepareInFunctionMaxBytes,
        };
        run = await runs.ChangeAsync(reference, current => current.Preparation is null ? current with { Preparation = plan } : current, cancellationToken);
        return run.Preparation!;
    }

    /// <summary>Settles that a job prepares the sources after all, also for whoever repeats this.</summary>
    internal Task LeaveToJobAsync(RunReference reference, CancellationToken cancellationToken)
        => runs.ChangeAsync(reference, run => run with { Preparation = run.Preparation! with { AsJob = true } }, cancellationToken);

    /// <summary>Prepares the sources in this process, once no other preparation is at work in it.</summary>
    /// <returns>Null where a job is to do it: they are too large for this process once they are unpacked, have too many columns, or others were before them for long.</returns>
    /// <exception cref="StageRefusedException">The run or its data set is not wanted any longer, a source is gone, or the pipeline refuses the data.</exception>
    /// <exception cref="DatasetException">The sources are no usable table.</exception>
    internal async Task<DatasetVersion?> PrepareAsync(RunReference reference, Run run, PreparationPlan plan, CancellationToken cancellationToken)
    {
        if (turns.IsTaken)
        {
            await runs.ReportAsync(reference, StageNames.Prepare, StageStatus.Running, 0, "waits for another preparation", cancellationToken);
        }

        using var turn = await turns.EnterAsync(Patience, cancellationToken);
        if (turn is null)
        {
            return null;
        }

        using var folder = options.NewWorkFolder();
        var sources = new List<PreparedSource>();
        foreach (var source in plan.Sources)
        {
            sources.Add(new PreparedSource(await DownloadAsync(source, Path.Combine(folder.Path, $"source{sources.Count}"), cancellationToken), source.Name));
        }

        using var baseline = await BaselineFiles.OpenAsync(cache, BaselineOf(reference.Tenant, run.Dataset, plan), cancellationToken);
        var prepared = Path.Combine(folder.Path, "prepared");
        var reporter = new PreparationReporter(reference, runs, time);
        var parameters = await ParametersAsync(reference.Tenant, plan, cancellationToken);
        var preparation = new DatasetPreparation(new PreparationOptions
        {
            TempFolder = folder.Path,
            MemoryLimit = options.PrepareMemoryBytes,
            MaximumUnpackedBytes = options.PrepareInFunctionMaxBytes,
        });
        try
        {
            await Task.Run(() => preparation.Prepare(sources, parameters, prepared, baseline.Paths, reporter, cancellationToken), cancellationToken);
        }
        catch (Exception exception) when (exception is SourcesTooLargeException or DatasetException { Reason: DatasetReasons.NoRoom })
        {
            return null;
        }
        finally
        {
            await reporter.DrainAsync();
        }

        return await StoreAsync(reference, run, plan, file => Task.FromResult<Stream?>(OpenLocal(Path.Combine(prepared, file))), cancellationToken);
    }

    /// <summary>Hands the preparation to the cluster.</summary>
    internal async Task SubmitAsync(RunReference reference, Run run, PreparationPlan plan, int attempt, CancellationToken cancellationToken)
    {
        var tenant = reference.Tenant;
        var inputs = new Dictionary<string, ObjectPath>();
        var paths = new Dictionary<string, string>();
        foreach (var source in plan.Sources)
        {
            if (await store.GetPropertiesAsync(source.Location, cancellationToken) is null)
            {
                throw Missing(source);
            }

            // Ordered by their names, which say their place; a cluster may forget any other order.
            var name = PrepareInputs.SourceOf(inputs.Count);
            inputs.Add(name, source.Location);
            paths.Add(name, $"inputs/{name}/{source.Name}");
        }

        if (BaselineOf(tenant, run.Dataset, plan) is { } baseline)
        {
            foreach (var (name, path) in new[] { (PrepareInputs.BaselineData, baseline.Data), (PrepareInputs.BaselineSchema, baseline.Schema), (PrepareInputs.BaselineProfile, baseline.Profile) })
            {
                inputs.Add(name, path);
                paths.Add(name, $"inputs/baseline/{Path.GetFileName(path.Name)}");
            }
        }

        await cluster.SubmitAsync(
            new TrainingJob
            {
                Description = new JobDescription
                {
                    Kind = JobKind.Prepare,
                    Id = Run.PreparationJobName,
                    Tenant = tenant,
                    Run = run.Id,
                    Attempt = attempt,
                    Inputs = paths,
                    Deadline = time.GetUtcNow() + options.TrainingTimeout,
                    Parameters = JsonSerializer.SerializeToElement(await ParametersAsync(tenant, plan, cancellationToken), JsonDefaults.Options),
                },
                Inputs = inputs,
                Folder = Run.JobFolder(reference, Run.PreparationJobName),
                Cluster = plan.Definition.Compute.Cluster,
            },
            cancellationToken);
    }

    /// <summary>Makes the version of what the job left.</summary>
    /// <exception cref="StageRefusedException">The job failed, the run or its data set is not wanted any longer, or the pipeline refuses the data.</exception>
    internal async Task<DatasetVersion> CollectAsync(RunReference reference, Run run, PreparationPlan plan, CancellationToken cancellationToken)
    {
        var outputs = Run.OutputsOf(reference, Run.PreparationJobName);
        var result = await ReadAsync<JobResult>(await OpenStoredAsync(outputs, JobResult.FileName, cancellationToken), JobResult.FileName, cancellationToken);
        if (result.Status is not JobOutcome.Succeeded)
        {
            throw new StageRefusedException(result.Error ?? new ErrorDetail("Preparing failed", "The job that prepares the data failed without saying why. Start the run again."));
        }

        return await StoreAsync(reference, run, plan, file => OpenStoredAsync(outputs, file, cancellationToken), cancellationToken);
    }

    /// <summary>Removes what the job left once it is a version's. Safe to repeat.</summary>
    internal async Task DiscardAsync(RunReference reference, CancellationToken cancellationToken)
    {
        var outputs = Run.OutputsOf(reference, Run.PreparationJobName);
        foreach (var file in NeededFiles.Concat(FurtherFiles))
        {
            await store.DeleteAsync(outputs with { Name = outputs.Name + file }, ifMatch: null, cancellationToken);
        }
    }

    private async Task<DatasetVersion> StoreAsync(
        RunReference reference, Run run, PreparationPlan plan, Func<string, Task<Stream?>> open, CancellationToken cancellationToken)
    {
        var (tenant, dataset, number) = (reference.Tenant, run.Dataset, run.DatasetVersion);
        var quality = await ReadAsync<QualityReport>(await open(QualityReport.FileName), QualityReport.FileName, cancellationToken);
        if (quality.Rejected is { } reason)
        {
            foreach (var file in ReportFiles)
            {
                await CopyAsync(await open(file), Run.ReportFile(reference, file), cancellationToken);
            }

            throw new StageRefusedException(new ErrorDetail("The data was refused", reason));
        }

        await housekeeping.MarkAsync(tenant, dataset, cancellationToken);
        foreach (var file in NeededFiles)
        {
            var target = file == QuarantinedRow.FileName ? DatasetVersion.QuarantineOf(tenant, dataset, number) : DatasetVersion.FileOf(tenant, dataset, number, file);
            await CopyAsync(await open(file) ?? throw Lost(file), target, cancellationToken);
        }

        foreach (var file in FurtherFiles)
        {
            await CopyAsync(await open(file), DatasetVersion.FileOf(tenant, dataset, number, file), cancellationToken);
        }

        var schema = await ReadAsync<DataSchema>(await open(DataSchema.FileName), DataSchema.FileName, cancellationToken);
        var promise = plan.Promise is null && await open(DataContract.FileName) is { } learned
            ? await ReadAsync<DataContract>(learned, DataContract.FileName, cancellationToken)
            : null;
        await runs.DemandWantedAsync(reference, cancellationToken);
        if ((await catalog.FindAnyAsync(Dataset.Kind, tenant, dataset, cancellationToken))?.Value.RemovedThrough >= number)
        {
            throw new StageRefusedException(new ErrorDetail("The data set was deleted", $"The data set '{dataset}' was deleted while this run prepared it. Upload the data and start another run."));
        }

        // Not to be stopped half-way from here on.
        if (promise is not null)
        {
            await contracts.LearnAsync(tenant, dataset, number, promise, CancellationToken.None);
        }

        var version = new DatasetVersion
        {
            Dataset = dataset,
            Version = number,
            Created = time.GetUtcNow(),
            Run = run.Id,
            Sources = plan.Sources,
            Parent = plan.Parent,
            Contract = plan.Contract,
            RowsRead = quality.RowsRead,
            Rows = quality.RowsKept,
            RowsQuarantined = quality.RowsQuarantined,
            Columns = schema.Columns,
        };
        await catalog.TryCreateAsync(DatasetVersion.Kind, tenant, DatasetVersion.NameOf(dataset, number), version, CancellationToken.None);
        return version;
    }

    private async Task<PrepareParameters> ParametersAsync(string tenant, PreparationPlan plan, CancellationToken cancellationToken)
    {
        var definition = plan.Definition;
        return new PrepareParameters
        {
            Target = definition.Target,
            Task = definition.Task,
            Clean = definition.Clean,
            Validate = definition.Validate,
            Split = definition.Split,
            Contract = plan.Promise,
            BaselineVersion = NeedsBaseline(plan) ? plan.Parent : null,
            MaskSalt = definition.Clean.Mask.Action is MaskAction.Hash ? await salts.GetAsync(tenant, cancellationToken) : null,
        };
    }

    private static Baseline? BaselineOf(string tenant, string dataset, PreparationPlan plan)
    {
        if (!NeedsBaseline(plan) || plan.Parent is not { } version)
        {
            return null;
        }

        ObjectPath File(string file) => DatasetVersion.FileOf(tenant, dataset, version, file);
        return new Baseline(version, File(PreparedDataset.DataFileName), File(DataSchema.FileName), File(DataProfile.FileName));
    }

    private static bool NeedsBaseline(PreparationPlan plan)
        => plan.Definition.Validate is { Drift: not CheckAction.Off } or { Poisoning: not CheckAction.Off };

    private async Task<string> DownloadAsync(DatasetSource source, string path, CancellationToken cancellationToken)
    {
        await using var content = await store.OpenReadAsync(source.Location, range: null, cancellationToken) ?? throw Missing(source);
        await using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16, useAsync: true);
        await content.Stream.CopyToAsync(file, cancellationToken);
        return path;
    }

    private static FileStream? OpenLocal(string path) => File.Exists(path) ? File.OpenRead(path) : null;

    private async Task<Stream?> OpenStoredAsync(ObjectPath folder, string file, CancellationToken cancellationToken)
        => (await store.OpenReadAsync(folder with { Name = folder.Name + file }, range: null, cancellationToken))?.Stream;

    private async Task CopyAsync(Stream? content, ObjectPath target, CancellationToken cancellationToken)
    {
        if (content is not null)
        {
            await using (content)
            {
                await store.WriteAsync(target, content, options: null, cancellationToken);
            }
        }
    }

    private static async Task<T> ReadAsync<T>(Stream? content, string file, CancellationToken cancellationToken)
        where T : class
    {
        await using (content)
        {
            return await JsonSerializer.DeserializeAsync<T>(content ?? throw Lost(file), JsonDefaults.Options, cancellationToken)
                ?? throw new InvalidDataException($"'{file}' holds null.");
        }
    }

    private static InvalidDataException Lost(string file) => new($"The preparation left no {file}.");

    private static StageRefusedException Missing(DatasetSource source)
        => new(new ErrorDetail("A source is missing", $"The file '{source.Name}' of the data set is no longer stored. Upload it again."));

    private sealed record Baseline(int Version, ObjectPath Data, ObjectPath Schema, ObjectPath Profile);

    /// <summary>The version before as files of this machine.</summary>
    private sealed class BaselineFiles : IDisposable
    {
        private readonly List<LocalFile> _files = [];

        public PreparationBaseline? Paths { get; private set; }

        public static async Task<BaselineFiles> OpenAsync(LocalFileCache cache, Baseline? baseline, CancellationToken cancellationToken)
        {
            var files = new BaselineFiles();
            if (baseline is null)
            {
                return files;
            }

            try
            {
                foreach (var path in new[] { baseline.Data, baseline.Schema, baseline.Profile })
                {
                    files._files.Add(await cache.OpenAsync(path, cancellationToken) ?? throw new InvalidDataException($"'{path}' is missing."));
                }
            }
            catch
            {
                files.Dispose();
                throw;
            }

            files.Paths = new PreparationBaseline(baseline.Version, files._files[0].Path, files._files[1].Path, files._files[2].Path);
            return files;
        }

        public void Dispose() => _files.ForEach(file => file.Dispose());
    }
}

/// <summary>What a run's version of the data set is made of, and by which definition.</summary>
public sealed record PreparationPlan
{
    public required PipelineDefinition Definition { get; init; }

    /// <summary>Whether nobody had defined the pipeline, which is then made of what the data suggests.</summary>
    public bool Infers { get; init; }

    public required IReadOnlyList<DatasetSource> Sources { get; init; }

    /// <summary>The version before.</summary>
    public int? Parent { get; init; }

    /// <summary>Which contract the version is held against.</summary>
    public ContractReference? Contract { get; init; }

    /// <summary>What that contract says.</summary>
    public DataContract? Promise { get; init; }

    /// <summary>Whether a job does it.</summary>
    public bool AsJob { get; init; }
}
