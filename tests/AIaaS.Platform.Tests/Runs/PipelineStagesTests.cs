using System.IO.Compression;
using System.Text;
using System.Text.Json;
using AIaaS.Data.Preparation;
using AIaaS.Formats;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Models;
using AIaaS.Platform.Pipelines;
using AIaaS.Platform.Predictions;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Security;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Tests.Models;
using AIaaS.Platform.Training;
using AIaaS.Serving.Models;
using AIaaS.Serving.Tests;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;
using static AIaaS.Platform.Tests.Runs.RunWorld;
using DatasetSource = AIaaS.Platform.Datasets.DatasetSource;
using ModelReference = AIaaS.Platform.Runs.ModelReference;

namespace AIaaS.Platform.Tests.Runs;

public sealed class PipelineStagesTests : IAsyncLifetime
{
    private static readonly RunReference Penguins = Reference("run");

    private readonly RegistryWorld _world = new();
    private readonly TemporaryFolder _home = new();
    private readonly EndpointDirectory _directory;
    private readonly ModelServer _server;
    private readonly DatasetService _datasets;
    private readonly Mock<ITrainingCluster> _cluster = new();
    private readonly LocalFileCache _cache;
    private readonly PreparationTurns _turns;
    private readonly PipelineStages _stages;
    private readonly List<TrainingJob> _submitted = [];
    private PlatformOptions _options;

    public PipelineStagesTests()
    {
        var (runs, catalog) = (_world.Runs, _world.Runs.Catalog);
        _directory = new EndpointDirectory(catalog, runs.Time, NullLogger<EndpointDirectory>.Instance);
        _server = new ModelServer(new RegistryModelSource(_world.Registry), new ModelServerOptions(), TimeProvider.System);
        _datasets = runs.Datasets;
        _options = new PlatformOptions { Home = _home.Path };
        _cache = new LocalFileCache(_home["cache"], _options.DataCacheBytes, runs.Store);
        _turns = new PreparationTurns(runs.Time);
        _cluster.Setup(cluster => cluster.SubmitAsync(It.IsAny<TrainingJob>(), It.IsAny<CancellationToken>()))
            .Callback((TrainingJob given, CancellationToken _) => _submitted.Add(given));
        _stages = Stages();
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        _directory.Dispose();
        _cache.Dispose();
        _turns.Dispose();
        _home.Dispose();
        _world.Dispose();
    }

    [Fact]
    public async Task Preparing_makes_a_version_and_infers_the_pipeline()
    {
        await StartAsync(Rows(40));

        Assert.Null((await _stages.PrepareAsync(Penguins, default)).Error);

        var version = (await _datasets.GetVersionAsync(Tenant, "penguins", 1, default)).Value;
        Assert.Equal((40L, 3), (version.Rows, version.Columns.Count));
        Assert.Equal(1, (await _datasets.GetAsync(Tenant, "penguins", default)).Value.Version);
        var pipeline = (await _world.Runs.Catalog.GetAsync(Pipeline.Kind, Tenant, "penguins", default)).Value;
        Assert.Equal((true, "species", LearningTask.Classification), (pipeline.Inferred, pipeline.Definition.Target, pipeline.Definition.Task));
        Assert.Equal("species", (await RunAsync()).Definition!.Target);
        Assert.Equal((StageStatus.Succeeded, "40 rows, 3 columns"), (Stage(await RunAsync(), StageNames.Prepare).Status, Stage(await RunAsync(), StageNames.Prepare).Detail));
    }

    [Fact]
    public async Task A_pipeline_somebody_wrote_is_followed_and_left_as_it_is()
    {
        await StartAsync(Rows(40));
        await DefineAsync(new PipelineDefinition { Target = "mass" });

        await _stages.PrepareAsync(Penguins, default);

        Assert.Equal(("mass", LearningTask.Regression), ((await RunAsync()).Definition!.Target, (await RunAsync()).Definition!.Task!.Value));
        var pipeline = (await _world.Runs.Catalog.GetAsync(Pipeline.Kind, Tenant, "penguins", default)).Value;
        Assert.Equal((false, null), (pipeline.Inferred, pipeline.Definition.Task));
    }

    [Theory]
    [InlineData("")]
    [InlineData("species\n")]
    [InlineData("species,mass\nAdelie,1\n")]
    [InlineData("\0\u0001\u0002")]
    public async Task Data_nothing_can_be_learned_from_is_refused_in_words(string text)
    {
        await StartAsync(text);

        var error = (await _stages.PrepareAsync(Penguins, default)).Error;

        Assert.Equal("The data cannot be used", error!.Title);
        Assert.DoesNotContain(_home.Path, error.Detail, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_home["work"]));
    }

    [Fact]
    public async Task A_target_that_is_not_there_is_refused_and_named()
    {
        await StartAsync(Rows(40));
        await DefineAsync(new PipelineDefinition { Target = "wingspan" });

        var error = (await _stages.PrepareAsync(Penguins, default)).Error;

        Assert.Contains("wingspan", error!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_asked_to_stop_begins_no_further_stage()
    {
        await StartAsync(Rows(40));
        await _world.Runs.Runs.CancelAsync(Tenant, Penguins.Run, default);

        Assert.NotNull((await _stages.PrepareAsync(Penguins, default)).Error);

        Assert.Null((await _datasets.GetAsync(Tenant, "penguins", default)).Value.Version);
    }

    [Fact]
    public async Task A_run_asked_to_stop_in_the_middle_of_a_stage_stops_within_moments()
    {
        await StartAsync(Rows(40));
        _world.Runs.Crash.Meanwhile = async (path, token) =>
        {
            if (!path.Name.EndsWith("rows.csv", StringComparison.Ordinal)) return false;
            await _world.Runs.Runs.CancelAsync(Tenant, Penguins.Run, default);
            await Task.Delay(Timeout.Infinite, token);
            return true;
        };
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));

        var preparing = _stages.PrepareAsync(Penguins, default);
        while (!preparing.IsCompleted)
        {
            _world.Runs.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(5, patience.Token);
        }

        Assert.Equal("Cancelled", (await preparing).Error!.Title);
    }

    /// <summary>Also where nobody waited for the stage to stop, and the data set is made again at once.</summary>
    [Fact]
    public async Task A_run_cancelled_at_any_moment_brings_nothing_of_a_deleted_data_set_back()
    {
        for (var moment = 0; ; moment++)
        {
            var (name, seen, came) = ($"penguins-{moment}", 0, false);
            await _datasets.UploadAsync(Tenant, name, "rows.csv", new MemoryStream(Encoding.UTF8.GetBytes(Rows(40))), append: false, default, default);
            await _world.Runs.StartAsync(name, name, name);
            await _world.Runs.BeginAsync(name);
            _world.Runs.Crash.Meanwhile = async (_, _) =>
            {
                if (seen++ < moment) return false;
                await _world.Runs.Runs.CancelAsync(Tenant, name, default);
                await _world.Runs.EndAsync(name, RunStatus.Cancelled);
                await _datasets.DeleteAsync(Tenant, name, default, default);
                await _datasets.UploadAsync(Tenant, name, "other.csv", new MemoryStream("a\n1\n"u8.ToArray()), append: false, default, default);
                return came = true;
            };

            try
            {
                await _stages.PrepareAsync(Reference(name), default);
            }
            catch (InvalidDataException)
            {
                // What it had just stored is gone. The orchestration tries the stage again.
                await _stages.PrepareAsync(Reference(name), default);
            }

            _world.Runs.Crash.Meanwhile = null;
            if (!came)
            {
                Assert.True(moment > 20);
                return;
            }

            await _world.Runs.Housekeeping.CleanAllAsync(default);

            Assert.Null((await _datasets.GetAsync(Tenant, name, default)).Value.Version);
            Assert.Empty(await _world.Runs.Catalog.ListHeadersAsync(DatasetVersion.Kind, Tenant, $"{name}/", default));
            Assert.Empty(await _world.Runs.Catalog.ListHeadersAsync(StoredContract.Kind, Tenant, $"{name}/", default));
            var files = await _world.Runs.Store.ListAsync(Containers.Datasets, $"{Tenant}/{name}/", 100, null, default);
            Assert.All(files.Items, file => Assert.EndsWith("/other.csv", file.Path.Name, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task A_source_that_is_gone_is_refused_and_named()
    {
        await StartAsync(Rows(40));
        var source = Assert.Single((await _datasets.GetAsync(Tenant, "penguins", default)).Value.Sources);
        await _world.Runs.Store.DeleteAsync(source.Location, null, default);

        Assert.Contains("'rows.csv'", (await _stages.PrepareAsync(Penguins, default)).Error!.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Preparing_may_die_at_any_step_and_be_repeated(bool done)
    {
        for (var step = 1; ; step++)
        {
            var (name, text) = ($"penguins-{step}", Rows(40));
            await _datasets.UploadAsync(Tenant, name, "rows.csv", new MemoryStream(Encoding.UTF8.GetBytes(text)), append: false, default, default);
            await _world.Runs.StartAsync(name, name, name);
            _world.Runs.Crash.Arm(step, done);
            var dead = await _world.Runs.DiesAsync(() => _stages.PrepareAsync(Reference(name), default));
            _world.Runs.Crash.Restart();

            Assert.Null((await _stages.PrepareAsync(Reference(name), default)).Error);

            Assert.Equal(1, (await _datasets.GetAsync(Tenant, name, default)).Value.Version);
            Assert.Equal(40, (await _datasets.GetVersionAsync(Tenant, name, 1, default)).Value.Rows);
            Assert.Equal("species", (await _world.Runs.GetAsync(name)).Definition!.Target);
            Assert.Equal("species", (await _world.Runs.Catalog.GetAsync(Pipeline.Kind, Tenant, name, default)).Value.Definition.Target);
            if (!dead)
            {
                Assert.True(step > 8);
                return;
            }
        }
    }

    [Fact]
    public async Task A_version_tells_what_it_was_made_of()
    {
        await StartAsync(Rows(40));
        await _stages.PrepareAsync(Penguins, default);
        await _world.Runs.EndAsync("run");
        await _world.Runs.Contracts.PutAsync(Tenant, "penguins", new DataContract { Columns = [new ColumnContract { Name = "mass" }] }, default, default);
        var contract = await _world.Runs.Contracts.GetAsync(Tenant, "penguins", default);
        await _world.Runs.StartAsync("next");
        await _world.Runs.BeginAsync("next");

        Assert.Null((await _stages.PrepareAsync(Reference("next"), default)).Error);

        var first = (await _datasets.GetVersionAsync(Tenant, "penguins", 1, default)).Value;
        var second = (await _datasets.GetVersionAsync(Tenant, "penguins", 2, default)).Value;
        Assert.Equal((null, 40L), (first.Parent, first.RowsRead));
        Assert.Equal((1, new ContractReference(contract.Value.Revision, contract.ETag), 40L), (second.Parent, second.Contract, second.RowsRead));
        Assert.Equal(first.Sources, second.Sources);
    }

    [Fact]
    public async Task What_a_version_is_made_of_is_settled_once()
    {
        await StartAsync(Rows(40));
        _world.Runs.Crash.Arm(3, done: true);
        Assert.True(await _world.Runs.DiesAsync(() => _stages.PrepareAsync(Penguins, default)));
        _world.Runs.Crash.Restart();
        var settled = (await RunAsync()).Preparation!;

        await _datasets.UploadAsync(Tenant, "penguins", "other.csv", new MemoryStream("a,b\n1,2\n"u8.ToArray()), append: false, default, default);
        await DefineAsync(new PipelineDefinition { Target = "island" });
        await _stages.PrepareAsync(Penguins, default);

        Assert.Equal("rows.csv", Assert.Single((await _datasets.GetVersionAsync(Tenant, "penguins", 1, default)).Value.Sources).Name);
        Assert.Equal(settled.Sources, (await RunAsync()).Preparation!.Sources);
        Assert.Equal("species", (await RunAsync()).Definition!.Target);
    }

    [Fact]
    public async Task Small_data_is_prepared_here()
    {
        await StartAsync(Rows(40));

        Assert.False((await _stages.PrepareAsync(Penguins, default)).AsJob);

        _cluster.Verify(cluster => cluster.SubmitAsync(It.IsAny<TrainingJob>(), It.IsAny<CancellationToken>()), Times.Never);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Data_that_is_large_once_it_is_unpacked_is_left_to_a_job(int sources)
    {
        _options = _options with { PrepareInFunctionMaxBytes = 100_000 };
        await StartAsync(Rows(40));
        for (var source = 0; source < sources; source++)
        {
            var rows = "mass,length\n" + string.Concat(Enumerable.Repeat("1,2\n", 120_000 / sources / 4));
            await _datasets.UploadAsync(Tenant, "penguins", $"{source}.csv.gz", new MemoryStream(Compressed(rows)), append: true, default, default);
        }

        Assert.Equal(new StageOutcome(AsJob: true), await Stages().PrepareAsync(Penguins, default));
        Assert.Equal(new StageOutcome(AsJob: true), await Stages().PrepareAsync(Penguins, default));
        Assert.Null((await Stages().SubmitPreparationAsync(new TrainingAttempt(Penguins, 1), default)).Error);

        Assert.Equal(sources + 1, Assert.Single(_submitted).Inputs.Count);
        Assert.Equal(StageStatus.Running, Stage(await RunAsync(), StageNames.Prepare).Status);
        Assert.DoesNotContain(Directory.GetFileSystemEntries(PlatformOptions.WorkFolderOf(_options.Home)), entry => Path.GetFileName(entry) != "cache");
    }

    [Fact]
    public async Task Data_with_more_columns_than_there_is_memory_for_is_left_to_a_job()
    {
        _options = _options with { PrepareMemoryBytes = 32 << 20 };
        await StartAsync(string.Join(',', Enumerable.Range(0, 1000).Select(column => $"c{column}")) + "\n" + string.Concat(Enumerable.Repeat(string.Join(',', Enumerable.Range(0, 1000)) + "\n", 20)));

        Assert.Equal(new StageOutcome(AsJob: true), await Stages().PrepareAsync(Penguins, default));

        Assert.True((await RunAsync()).Preparation!.AsJob);
    }

    [Fact]
    public async Task One_preparation_is_at_work_in_a_process_and_another_says_that_it_waits()
    {
        await StartAsync(Rows(40));
        var other = await _turns.EnterAsync(TimeSpan.FromMinutes(1), default);

        var preparing = _stages.PrepareAsync(Penguins, default);
        await Eventually.Holds(async () => Stage(await RunAsync(), StageNames.Prepare).Detail == "waits for another preparation");
        Assert.False(preparing.IsCompleted);
        other!.Dispose();

        Assert.Equal((null, false), ((await preparing).Error, (await preparing).AsJob));
        Assert.Equal("40 rows, 3 columns", Stage(await RunAsync(), StageNames.Prepare).Detail);
    }

    [Fact]
    public async Task A_preparation_that_waits_for_another_ends_when_its_run_is_cancelled()
    {
        await StartAsync(Rows(40));
        using var other = await _turns.EnterAsync(TimeSpan.FromMinutes(1), default);
        var preparing = _stages.PrepareAsync(Penguins, default);
        await Eventually.Holds(async () => Stage(await RunAsync(), StageNames.Prepare).Detail == "waits for another preparation");

        await _world.Runs.Runs.CancelAsync(Tenant, Penguins.Run, default);
        await Eventually.Holds(() =>
        {
            _world.Runs.Time.Advance(TimeSpan.FromSeconds(1));
            return Task.FromResult(preparing.IsCompleted);
        });

        Assert.Equal(StageRefusedException.Cancelled, (await preparing).Error);
    }

    [Fact]
    public async Task A_preparation_that_waited_for_long_is_left_to_a_job()
    {
        await StartAsync(Rows(40));
        using var other = await _turns.EnterAsync(TimeSpan.FromMinutes(1), default);
        var preparing = _stages.PrepareAsync(Penguins, default);
        await Eventually.Holds(() =>
        {
            _world.Runs.Time.Advance(TimeSpan.FromMinutes(1));
            return Task.FromResult(preparing.IsCompleted);
        });

        Assert.Equal(new StageOutcome(AsJob: true), await preparing);
    }

    [Fact]
    public async Task Large_data_is_left_to_a_job_that_is_told_its_sources_in_order_and_by_their_names()
    {
        _options = _options with { PrepareInFunctionMaxBytes = 100 };
        await StartAsync(Rows(40));
        await _datasets.UploadAsync(Tenant, "penguins", "a few more.csv", new MemoryStream(Encoding.UTF8.GetBytes(Rows(10))), append: true, default, default);
        await DefineAsync(PipelineReader.Read("{ target: mass, clean: { mask: { kinds: [email], action: hash } } }"));

        Assert.Equal(new StageOutcome(AsJob: true), await Stages().PrepareAsync(Penguins, default));
        Assert.Null((await Stages().SubmitPreparationAsync(new TrainingAttempt(Penguins, 2), default)).Error);

        var job = Assert.Single(_submitted);
        Assert.Equal((JobKind.Prepare, "prepare", 2), (job.Description.Kind, job.Description.Id, job.Description.Attempt));
        Assert.Equal(
            [("source-000001", "inputs/source-000001/rows.csv"), ("source-000002", "inputs/source-000002/a few more.csv")],
            job.Description.Inputs.OrderBy(input => input.Key, StringComparer.Ordinal).Select(input => (input.Key, input.Value)));
        foreach (var input in job.Inputs.Values) Assert.NotNull(await _world.Runs.Store.GetPropertiesAsync(input, default));
        var parameters = job.Description.Parameters.Deserialize<PrepareParameters>(JsonDefaults.Options)!;
        Assert.Equal(("mass", MaskAction.Hash, 32), (parameters.Target, parameters.Clean.Mask.Action, Convert.FromBase64String(parameters.MaskSalt!).Length));
        Assert.Equal(StageStatus.Running, Stage(await RunAsync(), StageNames.Prepare).Status);
    }

    [Fact]
    public async Task A_job_gets_the_version_before_where_a_check_needs_it()
    {
        await StartAsync(Rows(40));
        await _stages.PrepareAsync(Penguins, default);
        await _world.Runs.EndAsync("run");
        _options = _options with { PrepareInFunctionMaxBytes = 1 };

        Assert.Contains(PrepareInputs.BaselineData, (await SubmittedAsync("a", "{ }")).Description.Inputs.Keys);
        Assert.DoesNotContain(PrepareInputs.BaselineData, (await SubmittedAsync("b", "{ validate: { drift: off, poisoning: off } }")).Description.Inputs.Keys);

        async Task<TrainingJob> SubmittedAsync(string run, string definition)
        {
            await DefineAsync(PipelineReader.Read(definition));
            await _world.Runs.StartAsync(run);
            await _world.Runs.BeginAsync(run);
            await Stages().PrepareAsync(Reference(run), default);
            await Stages().SubmitPreparationAsync(new TrainingAttempt(Reference(run), 1), default);
            await _world.Runs.EndAsync(run, RunStatus.Failed);
            var job = _submitted[^1];
            var parameters = job.Description.Parameters.Deserialize<PrepareParameters>(JsonDefaults.Options)!;
            Assert.Equal(job.Description.Inputs.ContainsKey(PrepareInputs.BaselineData) ? 1 : null, parameters.BaselineVersion);
            return job;
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Finishing_a_prepare_job_may_die_at_any_step_and_leaves_nothing_of_the_job(bool done)
    {
        _options = _options with { PrepareInFunctionMaxBytes = 1 };
        for (var step = 1; ; step++)
        {
            var name = $"penguins-{step}";
            await _datasets.UploadAsync(Tenant, name, "rows.csv", new MemoryStream(Encoding.UTF8.GetBytes(Rows(40))), append: false, default, default);
            await _world.Runs.StartAsync(name, name, name);
            Assert.True((await Stages().PrepareAsync(Reference(name), default)).AsJob);
            await LeavePreparedAsync(Reference(name), Rows(40));
            _world.Runs.Crash.Arm(step, done);
            var dead = await _world.Runs.DiesAsync(() => Stages().FinishPreparationAsync(Reference(name), default));
            _world.Runs.Crash.Restart();

            Assert.Null((await Stages().FinishPreparationAsync(Reference(name), default)).Error);

            Assert.Equal(40, (await _datasets.GetVersionAsync(Tenant, name, 1, default)).Value.Rows);
            Assert.Equal("species", (await _world.Runs.GetAsync(name)).Definition!.Target);
            var left = await _world.Runs.Store.ListAsync(Containers.Runs, $"{Tenant}/{name}/jobs/prepare/outputs/", 100, null, default);
            Assert.DoesNotContain(left.Items, item => item.Path.Name.EndsWith("data.parquet", StringComparison.Ordinal));
            if (!dead)
            {
                Assert.True(step > 8);
                return;
            }
        }
    }

    [Fact]
    public async Task A_prepare_job_that_failed_is_told_in_its_words()
    {
        _options = _options with { PrepareInFunctionMaxBytes = 1 };
        await StartAsync(Rows(40));
        await Stages().PrepareAsync(Penguins, default);
        var error = new ErrorDetail("The data cannot be used", "It has one row only.");
        await LeaveAsync(Penguins, JobResult.FileName, JsonSerializer.SerializeToUtf8Bytes(new JobResult { Status = JobOutcome.Failed, Error = error }, JsonDefaults.Options));

        Assert.Equal(error, (await Stages().FinishPreparationAsync(Penguins, default)).Error);
        Assert.Null((await _datasets.GetAsync(Tenant, "penguins", default)).Value.Version);
    }

    [Fact]
    public async Task Data_that_a_check_refuses_makes_no_version_and_keeps_its_report_with_the_run()
    {
        _options = _options with { PrepareInFunctionMaxBytes = 1 };
        await StartAsync(Rows(40));
        await Stages().PrepareAsync(Penguins, default);
        var report = new QualityReport { RowsRead = 40, RowsKept = 39, RowsQuarantined = 1, QuarantineReasons = [new("not-a-number", 1)], Rejected = "The column mass has drifted." };
        await LeaveAsync(Penguins, QualityReport.FileName, JsonSerializer.SerializeToUtf8Bytes(report, JsonDefaults.Options));
        await LeaveAsync(Penguins, QualityReport.PageFileName, "<html>"u8.ToArray());
        await LeaveAsync(Penguins, "quarantine.jsonl", Encoding.UTF8.GetBytes("""{"file":"rows.csv","line":2,"reason":"not-a-number","raw":"a,b,c"}""" + "\n"));
        await LeaveAsync(Penguins, JobResult.FileName, JsonSerializer.SerializeToUtf8Bytes(new JobResult { Status = JobOutcome.Succeeded }, JsonDefaults.Options));

        var error = (await Stages().FinishPreparationAsync(Penguins, default)).Error;

        Assert.Equal(new ErrorDetail("The data was refused", "The column mass has drifted."), error);
        Assert.Null((await _datasets.GetAsync(Tenant, "penguins", default)).Value.Version);
        var reader = new QuarantineReader(_datasets, _world.Runs.Runs, _world.Runs.Store, _cache, new DownloadAdmission(_options, _world.Runs.Time), _options);
        await using (var page = await reader.OpenReportAsync(Penguins, QualityReport.PageFileName, default)) Assert.Equal(6, page.Properties.Length);
        var rows = await reader.ReadAsync(await reader.FindAsync(Penguins, default), reason: null, 10, null, default);
        Assert.Equal((1, 1L, "a,b,c"), (rows.Version, rows.Rows, Assert.Single(rows.Items).Raw));
    }

    [Fact]
    public async Task The_training_job_says_what_is_to_be_learned_from_which_files()
    {
        await StartAsync(Rows(40));
        await _stages.PrepareAsync(Penguins, default);
        TrainingJob? job = null;
        _cluster.Setup(cluster => cluster.SubmitAsync(It.IsAny<TrainingJob>(), It.IsAny<CancellationToken>())).Callback((TrainingJob given, CancellationToken _) => job = given);

        await _stages.SubmitTrainingAsync(new TrainingAttempt(Penguins, 3), default);

        var parameters = job!.Description.Parameters.Deserialize<TrainParameters>(JsonDefaults.Options)!;
        Assert.Equal((JobKind.Train, 3, Tenant, "run"), (job.Description.Kind, job.Description.Attempt, job.Description.Tenant, job.Description.Run));
        Assert.Equal(("species", LearningTask.Classification, 1), (parameters.Target, parameters.Task, parameters.DatasetVersion));
        Assert.Equal(job.Description.Inputs.Keys.Order(), job.Inputs.Keys.Order());
        foreach (var input in job.Inputs.Values) Assert.NotNull(await _world.Runs.Store.GetPropertiesAsync(input, default));
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData("day", true)]
    public async Task A_split_by_time_has_its_folds_in_order(string? time, bool inOrder)
    {
        await StartAsync(Rows(40));
        await _stages.PrepareAsync(Penguins, default);
        await _world.Runs.Runs.ChangeAsync(Penguins, run => run with { Definition = run.Definition! with { Split = new SplitPlan { Time = time } } }, default);

        await _stages.SubmitTrainingAsync(new TrainingAttempt(Penguins, 1), default);

        Assert.Equal(inOrder, _submitted[^1].Description.Parameters.Deserialize<TrainParameters>(JsonDefaults.Options)!.FoldsInOrder);
    }

    [Fact]
    public async Task A_training_job_that_failed_is_told_in_its_words()
    {
        await TrainedAsync();
        var error = new ErrorDetail("Training failed", "There is nothing to learn.");
        await LeaveResultAsync(new JobResult { Status = JobOutcome.Failed, Error = error });

        Assert.Equal(error, (await _stages.EvaluateAsync(Penguins, default)).Error);
    }

    [Fact]
    public async Task A_job_without_a_result_is_our_trouble_and_no_refusal()
    {
        await StartAsync(Rows(40));

        await Assert.ThrowsAsync<InvalidDataException>(() => _stages.EvaluateAsync(Penguins, default));
    }

    [Theory]
    [InlineData("rmse", null, 2.0, null)]
    [InlineData("rmse", 1.0, null, null)]
    [InlineData("rmse", null, 1.0, "at most 1; on the holdout rows it is 1.5")]
    [InlineData("r2", 0.8, null, "at least 0.8; on the holdout rows it is 0.25")]
    [InlineData("auc", 0.8, null, "does not have; it has")]
    public async Task A_model_is_held_against_the_gate(string metric, double? minimum, double? maximum, string? refusal)
    {
        await TrainedAsync(new GateDefinition { Metric = metric, Minimum = minimum, Maximum = maximum });

        var error = (await _stages.EvaluateAsync(Penguins, default)).Error;

        if (refusal is null) Assert.Null(error);
        else Assert.Contains(refusal, error!.Detail, StringComparison.Ordinal);
        var run = await RunAsync();
        Assert.Equal(StageStatus.Succeeded, Stage(run, StageNames.Train).Status);
        Assert.Equal("linear", Assert.Single(run.Leaderboard).Trainer);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Registering_and_deploying_may_die_at_any_step_and_make_one_version(bool done)
    {
        await TrainedAsync();
        var step = 1;
        for (var steps = 0; ; steps++)
        {
            _world.Runs.Crash.Arm(step++, done);
            var dead = await _world.Runs.DiesAsync(async () =>
            {
                await _stages.RegisterAsync(Penguins, default);
                await _stages.DeployAsync(Penguins, default);
            });
            _world.Runs.Crash.Restart();
            if (!dead)
            {
                Assert.True(steps > 8);
                break;
            }
        }

        var version = Assert.Single((await _world.Registry.ListVersionsAsync(Tenant, "penguins", 10, null, default)).Items).Value;
        var run = await RunAsync();
        Assert.Equal((new ModelReference("penguins", version.Version), "penguins"), (run.Model, run.Endpoint));
        Assert.Equal([new TrafficShare(version.Version, 100)], (await _directory.FindAsync(Tenant, "penguins", default))!.Traffic);
        Assert.Equal(version.Version, await _world.Registry.DefaultVersionAsync(Tenant, "penguins", default));
    }

    [Fact]
    public async Task A_model_that_does_not_load_is_not_deployed()
    {
        await TrainedAsync();
        await LeaveResultAsync(await ArtifactsAsync(model: [1, 2, 3]));
        await _stages.RegisterAsync(Penguins, default);

        var error = (await _stages.DeployAsync(Penguins, default)).Error;

        Assert.Contains("cannot be loaded", error!.Detail, StringComparison.Ordinal);
        Assert.Null(await _directory.FindAsync(Tenant, "penguins", default));
    }

    [Fact]
    public async Task A_run_cancelled_while_its_model_loads_is_not_deployed()
    {
        await TrainedAsync();
        await _stages.RegisterAsync(Penguins, default);
        _world.Runs.Crash.Meanwhile = async (path, _) =>
        {
            if (path != ModelVersion.FileOf(Tenant, "penguins", 1, ModelVersion.ContentFile)) return false;
            await _world.Runs.Runs.CancelAsync(Tenant, Penguins.Run, default);
            return true;
        };

        Assert.Equal("Cancelled", (await _stages.DeployAsync(Penguins, default)).Error!.Title);

        Assert.Null(await _directory.FindAsync(Tenant, "penguins", default));
        Assert.Empty((await _world.Registry.GetAsync(Tenant, "penguins", default)).Value.Aliases);
    }

    [Theory]
    [InlineData(false, RunStatus.Cancelled)]
    [InlineData(true, RunStatus.Cancelled)]
    [InlineData(true, RunStatus.Failed)]
    public async Task A_run_that_is_stopped_half_way_through_its_deployment_leaves_endpoint_and_champion_agreed(bool done, RunStatus told)
    {
        await TrainedAsync();
        await _stages.RegisterAsync(Penguins, default);
        var ends = new HashSet<RunStatus>();
        for (var step = 1; ; step++)
        {
            _world.Runs.Crash.Arm(step, done);
            var dead = await _world.Runs.DiesAsync(() => _stages.DeployAsync(Penguins, default));
            _world.Runs.Crash.Restart();
            if (!dead)
            {
                break;
            }

            var before = await RunAsync();
            await _world.Runs.Runs.CancelAsync(Tenant, Penguins.Run, default);
            Assert.Equal("Cancelled", (await _stages.DeployAsync(Penguins, default)).Error!.Title);

            var run = await _stages.EndAsync(Penguins, told, error: null, default);

            ends.Add(run.Status);
            var (serving, champion) = (
                await _world.Runs.Catalog.FindAsync(Endpoint.Kind, Tenant, "penguins", default), (await _world.Registry.GetAsync(Tenant, "penguins", default)).Value.Aliases);
            if (run.Status is RunStatus.Succeeded)
            {
                Assert.Equal([new TrafficShare(1, 100)], serving!.Value.Traffic);
                Assert.Equal(1, champion[RegisteredModel.Champion]);
                Assert.Equal(("penguins", StageStatus.Succeeded), (run.Endpoint, Stage(run, StageNames.Deploy).Status));
            }
            else
            {
                Assert.Equal(RunStatus.Cancelled, run.Status);
                Assert.Null(serving);
                Assert.Empty(champion);
            }

            // As if it had never been.
            await _world.Runs.Catalog.DeleteAsync(Endpoint.Kind, Tenant, "penguins", ifMatch: null, default);
            await _world.Runs.Catalog.UpdateAsync(RegisteredModel.Kind, Tenant, "penguins", model => model with { Aliases = new Dictionary<string, int>() }, default);
            await _world.Runs.Runs.ChangeAsync(Penguins, _ => before with { Endpoint = null }, default);
        }

        Assert.Equal(2, ends.Count);
    }

    [Fact]
    public async Task A_run_cancelled_while_its_results_are_read_registers_nothing()
    {
        await TrainedAsync();
        _world.Runs.Crash.Meanwhile = async (path, _) =>
        {
            if (!path.Name.EndsWith(JobResult.FileName, StringComparison.Ordinal)) return false;
            await _world.Runs.Runs.CancelAsync(Tenant, Penguins.Run, default);
            return true;
        };

        Assert.Equal("Cancelled", (await _stages.RegisterAsync(Penguins, default)).Error!.Title);

        Assert.Empty((await _world.Registry.ListVersionsAsync(Tenant, "penguins", 10, null, default)).Items);
    }

    [Fact]
    public async Task A_result_that_lists_no_model_makes_no_version()
    {
        await TrainedAsync();
        await LeaveResultAsync(new JobResult { Status = JobOutcome.Succeeded });

        await Assert.ThrowsAsync<InvalidDataException>(() => _stages.RegisterAsync(Penguins, default));

        Assert.Empty((await _world.Registry.ListVersionsAsync(Tenant, "penguins", 10, null, default)).Items);
    }

    private PipelineStages Stages()
    {
        var (runs, catalog) = (_world.Runs, _world.Runs.Catalog);
        return new PipelineStages(
            catalog,
            runs.Store,
            _cluster.Object,
            runs.Runs,
            new VersionPreparation(catalog, runs.Store, _cluster.Object, runs.Runs, runs.Contracts, runs.Housekeeping, new TenantSalts(catalog), _cache, _turns, _options, runs.Time),
            Jobs,
            Rounds(),
            _world.Registry,
            new EndpointService(catalog, _world.Registry, _directory, runs.Time),
            new ModelHost(_world.Registry, _server),
            runs.Time,
            NullLogger<PipelineStages>.Instance);
    }

    private TrainingJobs Jobs => new(_world.Runs.Store, _options, _world.Runs.Time);

    private TrialRounds Rounds() => new(_world.Runs.Catalog, _world.Runs.Store, _cluster.Object, _world.Runs.Runs, Jobs, _world.Runs.Time);

    /// <summary>Leaves what the trainer program would.</summary>
    private async Task LeavePreparedAsync(RunReference run, string text)
    {
        using var folder = new TemporaryFolder();
        var source = folder.Write("rows.csv", text);
        new DatasetPreparation().Prepare([new AIaaS.Data.Preparation.DatasetSource(source)], new PrepareParameters(), folder["prepared"]);
        foreach (var file in Directory.GetFiles(folder["prepared"])) await LeaveAsync(run, Path.GetFileName(file), await File.ReadAllBytesAsync(file));
        await LeaveAsync(run, JobResult.FileName, JsonSerializer.SerializeToUtf8Bytes(new JobResult { Status = JobOutcome.Succeeded }, JsonDefaults.Options));
    }

    private Task LeaveAsync(RunReference run, string file, byte[] content)
    {
        var outputs = Run.OutputsOf(run, Run.PreparationJobName);
        return _world.Runs.Store.WriteAsync(outputs with { Name = outputs.Name + file }, new MemoryStream(content), null, default);
    }

    private static string Rows(int count) => "species,mass,island\n"
        + string.Concat(Enumerable.Range(0, count).Select(i => $"{(i % 2 == 0 ? "Adelie" : "Gentoo")},{3000 + (i * 37.5)},{(i % 3 == 0 ? "Biscoe" : "Dream")}\n"));

    private async Task StartAsync(string text)
    {
        await _world.Runs.AddDatasetAsync();
        var location = new AIaaS.Platform.Storage.ObjectPath("datasets", $"{Tenant}/penguins/sources/1/rows.csv");
        var written = await _world.Runs.Store.WriteAsync(location, new MemoryStream(Encoding.UTF8.GetBytes(text)), null, default);
        await _world.Runs.Catalog.UpdateAsync(
            Dataset.Kind, Tenant, "penguins", known => known.With(new DatasetSource("rows.csv", location, written.ETag, written.Length, known.Created), replaceAll: true, known.Created), default);
        await _world.Runs.StartAsync("run");
        await _world.Runs.BeginAsync("run");
    }

    /// <summary>A run whose job has left a regression model.</summary>
    private async Task TrainedAsync(GateDefinition? gate = null)
    {
        await StartAsync(Rows(40));
        var definition = new PipelineDefinition { Target = "mass", Task = LearningTask.Regression, Gate = gate };
        await _world.Runs.Runs.ChangeAsync(Penguins, run => run with { Definition = definition }, default);
        await LeaveResultAsync(await ArtifactsAsync(TestModels.Regression.Read()));
    }

    private async Task<JobResult> ArtifactsAsync(byte[] model)
    {
        var metrics = new ModelMetrics
        {
            TrainingRows = 32,
            HoldoutRows = 8,
            Holdout = new Dictionary<string, double> { ["rmse"] = 1.5, ["r2"] = 0.25, ["mae"] = 1 },
        };
        var card = new ModelCard { Name = "penguins", Task = LearningTask.Regression, Trainer = "linear", Trained = _world.Runs.Time.GetUtcNow() };
        return new JobResult
        {
            Status = JobOutcome.Succeeded,
            Artifacts =
            [
                await _world.LeaveAsync(ModelVersion.ContentFile, model),
                await _world.LeaveAsync(ModelSignature.FileName, JsonSerializer.SerializeToUtf8Bytes(TestModels.Regression.Signature, JsonDefaults.Options)),
                await _world.LeaveAsync(ModelMetrics.FileName, JsonSerializer.SerializeToUtf8Bytes(metrics, JsonDefaults.Options)),
                await _world.LeaveAsync(ModelCard.FileName, JsonSerializer.SerializeToUtf8Bytes(card, JsonDefaults.Options)),
            ],
        };
    }

    private Task LeaveResultAsync(JobResult result) => _world.LeaveAsync(JobResult.FileName, JsonSerializer.SerializeToUtf8Bytes(result, JsonDefaults.Options));

    private async Task DefineAsync(PipelineDefinition definition)
        => await new PipelineService(_world.Runs.Catalog, _world.Runs.Time).PutAsync(Tenant, "penguins", definition, default, default);

    private Task<Run> RunAsync() => _world.Runs.GetAsync("run");

    private static RunStage Stage(Run run, string name) => run.Stages.Single(stage => stage.Name == name);

    private static byte[] Compressed(string text)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }

        return packed.ToArray();
    }
}
