using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Http;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Runs;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Runs;

public sealed class RunViewsTests : IAsyncLifetime, IDisposable
{
    private readonly RunWorld _world = new();
    private readonly RunViews _views;

    public RunViewsTests() => _views = new RunViews(_world.Runs, new TrialRounds(_world.Catalog, _world.Store, cluster: null!, _world.Runs, jobs: null!, _world.Time), _world.Store, _world.Time);

    public async Task InitializeAsync()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.BeginAsync("a");
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose() => _world.Dispose();

    [Fact]
    public async Task An_unknown_run_is_not_found()
    {
        Assert.Equal(Problem.NotFound, (await Assert.ThrowsAsync<ProblemException>(() => _views.GetAsync(Reference("ghost"), default))).Problem);
    }

    [Fact]
    public async Task Training_is_as_far_as_its_jobs_last_file_says()
    {
        await TrainAsync();
        await ProgressAsync(1, 10, "fit");
        await ProgressAsync(2, 60, "judge");

        var seen = await SeeAsync();

        var stage = seen.View.Stages.Single(stage => stage.Name == StageNames.Train);
        Assert.Equal((StageStatus.Running, 60d, "judge, loss 0.5"), (stage.Status, stage.Percent, stage.Detail));
        Assert.Equal(30, seen.View.Percent);
    }

    [Fact]
    public async Task A_state_has_the_same_event_id_until_something_changes()
    {
        await TrainAsync();
        await ProgressAsync(1, 10, "fit");
        var first = await SeeAsync();

        Assert.Equal(first.EventId, (await SeeAsync()).EventId);
        await ProgressAsync(2, 20, "fit");
        var second = await SeeAsync();
        Assert.NotEqual(first.EventId, second.EventId);
        await _world.Runs.ReportAsync(Reference("a"), StageNames.Train, StageStatus.Succeeded, 100, null, default);
        Assert.NotEqual(second.EventId, (await SeeAsync()).EventId);
    }

    [Fact]
    public async Task Files_of_a_job_tell_nothing_once_its_stage_is_over()
    {
        await TrainAsync();
        await ProgressAsync(1, 10, "fit");
        await _world.Runs.ReportAsync(Reference("a"), StageNames.Train, StageStatus.Succeeded, 100, null, default);

        Assert.Equal(100, (await SeeAsync()).View.Stages.Single(stage => stage.Name == StageNames.Train).Percent);
    }

    [Fact]
    public async Task A_model_is_shown_once_its_version_exists()
    {
        await _world.Runs.ChangeAsync(Reference("a"), run => run with { Model = new ModelReference("penguins", 1) }, default);
        Assert.Null((await SeeAsync()).View.Model);

        await _world.Runs.ReportAsync(Reference("a"), StageNames.Register, StageStatus.Succeeded, 100, null, default);

        Assert.Equal(new ModelReference("penguins", 1), (await SeeAsync()).View.Model);
    }

    [Fact]
    public async Task Watching_tells_of_every_state_that_is_seen_and_ends_with_the_run()
    {
        await using var watch = _views.WatchAsync(Reference("a"), "").GetAsyncEnumerator();
        Assert.Equal(RunStatus.Running, await NextAsync(watch));

        var next = NextAsync(watch);
        await Eventually.Holds(() => Task.FromResult(_world.Time.WaitingTimers > 0));
        await _world.EndAsync("a");
        _world.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(RunStatus.Succeeded, await next);
        Assert.False(await watch.MoveNextAsync());
    }

    [Fact]
    public async Task A_reader_who_knows_the_state_is_told_of_the_next_only()
    {
        var known = (await SeeAsync()).EventId;
        await using var watch = _views.WatchAsync(Reference("a"), known).GetAsyncEnumerator();

        var next = NextAsync(watch);
        await Eventually.Holds(() => Task.FromResult(_world.Time.WaitingTimers > 0));
        Assert.False(next.IsCompleted);
        await _world.EndAsync("a", RunStatus.Failed);
        _world.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(RunStatus.Failed, await next);
    }

    [Fact]
    public async Task A_reader_who_knows_the_end_is_told_nothing()
    {
        await _world.EndAsync("a");
        var known = (await SeeAsync()).EventId;

        await using var watch = _views.WatchAsync(Reference("a"), known).GetAsyncEnumerator();

        Assert.False(await watch.MoveNextAsync());
    }

    [Fact]
    public async Task A_trial_that_printed_nothing_yet_has_no_log()
    {
        Assert.Equal(Problem.NotFound, (await Assert.ThrowsAsync<ProblemException>(() => _views.OpenTrialLogAsync(Reference("a"), 1, default))).Problem);
    }

    private Task TrainAsync() => _world.Runs.ReportAsync(Reference("a"), StageNames.Train, StageStatus.Running, 0, null, default);

    private async Task ProgressAsync(int number, double percent, string stage)
    {
        var progress = new JobProgress
        {
            Time = _world.Time.GetUtcNow(),
            Kind = JobProgressKind.Progress,
            Percent = percent,
            Values = new Dictionary<string, JsonElement>
            {
                ["stage"] = JsonSerializer.SerializeToElement(stage),
                ["loss"] = JsonSerializer.SerializeToElement(0.5),
            },
        };
        var folder = Run.JobFolder(Reference("a"), Run.TrainingJobName);
        var path = folder with { Name = $"{folder.Name}outputs/{JobProgress.Folder}/{JobProgress.FileNameOf(number)}" };
        await _world.Store.WriteAsync(path, new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(progress, JsonDefaults.Options)), null, default);
    }

    private Task<SeenRun> SeeAsync() => _views.GetAsync(Reference("a"), default);

    private static async Task<RunStatus> NextAsync(IAsyncEnumerator<ServerEvent> watch)
    {
        Assert.True(await watch.MoveNextAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30)));
        return JsonSerializer.Deserialize<RunView>(watch.Current.Data.Span, JsonDefaults.Options)!.Status;
    }
}
