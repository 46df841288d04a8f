using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Pipelines;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Training;
using Moq;

namespace AIaaS.Platform.Tests.Runs;

public sealed class TrialRoundsTests : IDisposable
{
    private static readonly RunReference Run1 = RunWorld.Reference("run");

    private readonly RunWorld _world = new();
    private readonly Mock<ITrainingCluster> _cluster = new();
    private readonly List<TrainingJob> _submitted = [];
    private readonly TrialRounds _rounds;

    public TrialRoundsTests()
    {
        _cluster.Setup(cluster => cluster.SubmitAsync(It.IsAny<TrainingJob>(), It.IsAny<CancellationToken>())).Callback((TrainingJob job, CancellationToken _) => _submitted.Add(job));
        _rounds = new TrialRounds(
            _world.Catalog, _world.Store, _cluster.Object, _world.Runs, new TrainingJobs(_world.Store, new PlatformOptions { Home = "unused" }, _world.Time), _world.Time);
    }

    public void Dispose() => _world.Dispose();

    [Fact]
    public async Task A_round_has_as_many_jobs_as_may_run_at_the_same_time_with_trials_of_their_own()
    {
        await StartAsync(new SweepPlan { MaxTrials = 6, MaxConcurrent = 2 });

        Assert.Equal(new RoundPlan(2), await _rounds.PlanAsync(Round(1), default));
        await _rounds.SubmitAsync(new RoundAttempts(Round(1), [1, 1]), default);

        var trials = _submitted.SelectMany(Trials).Select(spec => spec.Trial);
        Assert.Equal(["trials-1-1", "trials-1-2"], _submitted.Select(job => job.Description.Id));
        Assert.Equal(Enumerable.Range(1, 6), trials.Order());
    }

    [Fact]
    public async Task Planning_a_round_again_plans_the_same()
    {
        await StartAsync(new SweepPlan { MaxTrials = 6, MaxConcurrent = 2 });
        await _rounds.PlanAsync(Round(1), default);
        await _rounds.SubmitAsync(new RoundAttempts(Round(1), [1, 1]), default);
        var before = _submitted.SelectMany(Trials).Select(Describe).ToList();
        _submitted.Clear();

        await _rounds.PlanAsync(Round(1), default);
        await _rounds.SubmitAsync(new RoundAttempts(Round(1), [1, 1]), default);

        Assert.Equal(before, _submitted.SelectMany(Trials).Select(Describe));
    }

    [Fact]
    public async Task Only_the_jobs_that_are_asked_for_are_submitted_again()
    {
        await StartAsync(new SweepPlan { MaxTrials = 6, MaxConcurrent = 2 });
        await _rounds.PlanAsync(Round(1), default);

        await _rounds.SubmitAsync(new RoundAttempts(Round(1), [0, 3]), default);

        var job = Assert.Single(_submitted);
        Assert.Equal(("trials-1-2", 3), (job.Description.Id, job.Description.Attempt));
    }

    [Fact]
    public async Task The_sweep_is_over_when_its_trials_are_done_and_the_run_shows_them()
    {
        await StartAsync(new SweepPlan { MaxTrials = 3, MaxConcurrent = 2 });
        await DoRoundAsync(1);

        Assert.Equal(new RoundPlan(0), await _rounds.PlanAsync(Round(2), default));

        var run = await RunAsync();
        Assert.Equal(3, run.Leaderboard.Count);
        Assert.Equal(run.Leaderboard.Select(entry => entry.Metrics["log-loss"]).Order(), run.Leaderboard.Select(entry => entry.Metrics["log-loss"]));
        Assert.Equal("3 of up to 3 trials", run.Stages.Single(stage => stage.Name == StageNames.Train).Detail);
    }

    [Fact]
    public async Task The_trials_of_a_job_that_failed_have_failed_for_its_reason()
    {
        await StartAsync(new SweepPlan { MaxTrials = 3, MaxConcurrent = 2 });
        var error = new ErrorDetail("The job ran out of memory", "Give it more.");
        await DoRoundAsync(1, failing: "trials-1-1", error);

        await _rounds.PlanAsync(Round(2), default);

        var failed = (await RunAsync()).Leaderboard.Where(entry => entry.Status is TrialStatus.Failed).ToList();
        Assert.Equal(2, failed.Count);
        Assert.All(failed, entry => Assert.Equal(error, entry.Error));
    }

    [Fact]
    public async Task After_its_timeout_a_sweep_has_no_further_round()
    {
        await StartAsync(new SweepPlan { MaxTrials = 100, MaxConcurrent = 2, Timeout = TimeSpan.FromMinutes(10) });
        await DoRoundAsync(1);
        _world.Time.Advance(TimeSpan.FromMinutes(11));

        Assert.Equal(new RoundPlan(0), await _rounds.PlanAsync(Round(2), default));
    }

    [Fact]
    public async Task The_job_that_makes_the_model_gets_what_all_trials_left()
    {
        await StartAsync(new SweepPlan { MaxTrials = 3, MaxConcurrent = 2 });
        await DoRoundAsync(1);

        var inputs = await _rounds.InputsAsync(Run1, default);

        Assert.Equal(
            ["trials/0001.json", "trials/0001.predictions", "trials/0002.json", "trials/0002.predictions", "trials/0003.json", "trials/0003.predictions"],
            inputs.Values.Select(input => input.To).Order(StringComparer.Ordinal));
        foreach (var (from, _) in inputs.Values) Assert.NotNull(await _world.Store.GetPropertiesAsync(from, default));
    }

    [Fact]
    public async Task A_trial_is_found_in_its_job()
    {
        await StartAsync(new SweepPlan { MaxTrials = 3, MaxConcurrent = 2 });
        await DoRoundAsync(1);

        Assert.Equal("trials-1-2", await _rounds.FindJobAsync(Run1, 2, default));
        Assert.Null(await _rounds.FindJobAsync(Run1, 4, default));
    }

    [Fact]
    public async Task A_run_that_is_to_be_cancelled_plans_no_further_round()
    {
        await StartAsync(new SweepPlan { MaxConcurrent = 2 });
        await _world.Runs.ChangeAsync(Run1, run => run with { CancelRequested = true }, default);

        var plan = await _rounds.PlanAsync(Round(1), default);

        Assert.Equal((0, "Cancelled"), (plan.Jobs, plan.Error!.Title));
    }

    private static RoundReference Round(int number) => new(Run1, number);

    private static IReadOnlyList<TrialSpec> Trials(TrainingJob job) => job.Description.Parameters.Deserialize<TrainParameters>(JsonDefaults.Options)!.Trials!;

    private static string Describe(TrialSpec spec) => JsonSerializer.Serialize(spec, JsonDefaults.Options);

    private async Task<Run> RunAsync() => (await _world.Runs.GetAsync(Run1.Tenant, Run1.Run, default)).Value;

    private async Task StartAsync(SweepPlan sweep)
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("run");
        await _world.BeginAsync("run");
        var run = await _world.Runs.ChangeAsync(
            Run1,
            current => current with { Definition = new PipelineDefinition { Target = "species", Task = LearningTask.Classification, Trainers = ["linear"], Sweep = sweep } },
            default);
        var version = new DatasetVersion { Dataset = run.Dataset, Version = run.DatasetVersion, Created = _world.Time.GetUtcNow(), Run = run.Id, Rows = 400, RowsQuarantined = 0, Columns = [], Sources = [] };
        await _world.Catalog.TryCreateAsync(DatasetVersion.Kind, Run1.Tenant, DatasetVersion.NameOf(run.Dataset, run.DatasetVersion), version, default);
    }

    /// <summary>Leaves what the jobs of a round would.</summary>
    private async Task DoRoundAsync(int number, string? failing = null, ErrorDetail? error = null)
    {
        var plan = await _rounds.PlanAsync(Round(number), default);
        await _rounds.SubmitAsync(new RoundAttempts(Round(number), [.. Enumerable.Repeat(1, plan.Jobs)]), default);
        foreach (var job in _submitted)
        {
            var outputs = Run.OutputsOf(Run1, job.Description.Id);
            if (job.Description.Id == failing)
            {
                await WriteAsync(outputs, JobResult.FileName, JsonSerializer.SerializeToUtf8Bytes(new JobResult { Status = JobOutcome.Failed, Error = error }, JsonDefaults.Options));
                continue;
            }

            foreach (var spec in Trials(job))
            {
                var result = new TrialResult
                {
                    Spec = spec,
                    Status = TrialStatus.Succeeded,
                    Objective = 1.0 / spec.Trial,
                    Metrics = new Dictionary<string, double> { ["log-loss"] = 1.0 / spec.Trial },
                };
                await WriteAsync(outputs, $"trials/{TrialResult.FileNameOf(spec.Trial)}", JsonSerializer.SerializeToUtf8Bytes(result, JsonDefaults.Options));
                await WriteAsync(outputs, $"trials/{TrialResult.PredictionsFileNameOf(spec.Trial)}", [0, 0, 0, 0]);
            }
        }
    }

    private Task WriteAsync(ObjectPath folder, string name, byte[] content) =>
        _world.Store.WriteAsync(folder with { Name = folder.Name + name }, new MemoryStream(content), null, default);
}
