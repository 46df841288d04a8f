using System.Diagnostics;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Training;
using static AIaaS.Platform.Tests.Training.ClusterFixture;

namespace AIaaS.Platform.Tests.Training;

/// <summary>The cluster with the genuine trainer, store and processes.</summary>
public sealed class ProcessTrainingClusterTests : IAsyncDisposable
{
    private const string Endless = "touch checkpoints/started; while :; do sleep 0.05; done";

    /// <summary>Counts in a checkpoint how often it was interrupted; succeeds when it was.</summary>
    private const string Resumable = """
        count=$(cat checkpoints/count 2>/dev/null || echo 0)
        if [ $count = 1 ]; then printf $count > outputs/resumed; exit 0; fi
        trap 'echo 1 > checkpoints/count; exit 3' TERM
        touch checkpoints/started
        while :; do sleep 0.05; done
        """;

    private readonly ClusterFixture _fixture = new();

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task A_job_runs_from_its_inputs_to_its_result_in_the_store()
    {
        var cluster = await _fixture.StartAsync();
        var (data, folder) = (new ObjectPath(Containers.Datasets, "default/penguins/1/data.parquet"), new ObjectPath(Containers.Datasets, "default/images/1/"));
        await _fixture.PutAsync(data, "rows");
        await _fixture.PutAsync(folder with { Name = folder.Name + "a/one.png" }, "picture");
        var job = Script("cat inputs/data.parquet inputs/images/a/one.png > outputs/both; echo said");
        job = job with
        {
            Inputs = new Dictionary<string, ObjectPath> { ["data"] = data, ["images"] = folder },
            Description = job.Description with { Inputs = new Dictionary<string, string> { ["data"] = "inputs/data.parquet" } },
        };

        Assert.Equal(TrainingJobState.Unknown, (await cluster.GetStatusAsync(Id(), default)).State);
        await cluster.SubmitAsync(job, default);

        Assert.Equal(TrainingJobState.Succeeded, (await EndOfAsync(cluster)).State);
        Assert.Equal("rowspicture", await _fixture.ReadAsync("outputs/both"));
        Assert.Equal("inputs/images", JsonSerializer.Deserialize<JobDescription>((await _fixture.ReadAsync("job.json"))!, JsonDefaults.Options)!.Inputs["images"]);
        Assert.Contains("said", await _fixture.ReadAsync("log.txt"), StringComparison.Ordinal);
        await _fixture.SettledAsync();
        Assert.Single(_fixture.Queue.Ended);
    }

    [Fact]
    public async Task The_result_is_stored_last_of_all()
    {
        var cluster = await _fixture.StartAsync();

        await cluster.SubmitAsync(Script("for n in 1 2 3 4 5; do echo $n > outputs/$n; echo {} > outputs/progress/00000$n.json; done; echo c > checkpoints/c"), default);
        await _fixture.SettledAsync();

        var written = _fixture.Store.Written.ToList();
        Assert.Equal("default/run/jobs/job/outputs/result.json", written[^1]);
        Assert.Equal(1, written.Count(name => name.EndsWith("result.json", StringComparison.Ordinal)));
        Assert.Equal(5, written.Count(name => name.Contains("/progress/", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Files_appear_in_the_store_while_the_job_runs()
    {
        var cluster = await _fixture.StartAsync();

        await cluster.SubmitAsync(Script("echo {} > outputs/progress/000001.json; echo c > checkpoints/c; echo talk; " + Endless), default);

        await UntilAsync(async () => await _fixture.ReadAsync("outputs/progress/000001.json") is not null);
        await UntilAsync(async () => await _fixture.ReadAsync("checkpoints/c") is not null);
        await UntilAsync(async () => (await _fixture.ReadAsync("log.txt"))?.Contains("talk", StringComparison.Ordinal) == true);
        Assert.Equal(TrainingJobState.Running, (await cluster.GetStatusAsync(Id(), default)).State);
    }

    [Fact]
    public async Task A_checkpoint_that_the_job_deletes_leaves_the_store()
    {
        var cluster = await _fixture.StartAsync();

        await cluster.SubmitAsync(Script("echo old > checkpoints/old; until [ -e go ]; do sleep 0.05; done; rm checkpoints/old; echo new > checkpoints/new"), default);
        await UntilAsync(async () => await _fixture.ReadAsync("checkpoints/old") is not null);
        await File.WriteAllTextAsync(Path.Combine(_fixture.LocalFolder(), "go"), "");
        await _fixture.SettledAsync();

        Assert.Null(await _fixture.ReadAsync("checkpoints/old"));
        Assert.NotNull(await _fixture.ReadAsync("checkpoints/new"));
    }

    [Fact]
    public async Task A_second_submission_of_an_attempt_changes_nothing()
    {
        var cluster = await _fixture.StartAsync();
        var job = Script("echo ran >> outputs/runs");

        await cluster.SubmitAsync(job, default);
        await cluster.SubmitAsync(job, default);
        await _fixture.SettledAsync();
        await cluster.SubmitAsync(job, default);
        await cluster.SubmitAsync(Script("true", "next"), default);
        await _fixture.SettledAsync("next");

        Assert.Equal("ran\n", await _fixture.ReadAsync("outputs/runs"));
        Assert.Single(_fixture.Queue.Ended, ended => ended.Job == "job");
    }

    [Fact]
    public async Task Jobs_beyond_the_limit_wait_in_order()
    {
        var cluster = await _fixture.StartAsync();

        await cluster.SubmitAsync(Script("until [ -e go ]; do sleep 0.05; done", "one"), default);
        await cluster.SubmitAsync(Script("true", "two"), default);
        await cluster.SubmitAsync(Script("true", "three"), default);
        await UntilAsync(() => File.Exists(Path.Combine(_fixture.LocalFolder("one"), JobDescription.FileName)));
        Assert.Equal(TrainingJobState.Queued, (await cluster.GetStatusAsync(Id("two"), default)).State);
        await File.WriteAllTextAsync(Path.Combine(_fixture.LocalFolder("one"), "go"), "");
        await _fixture.SettledAsync("three");

        Assert.Equal(["one", "two", "three"], _fixture.Queue.Ended.Select(ended => ended.Job));
    }

    [Fact]
    public async Task A_failed_job_tells_why_in_its_own_result()
    {
        var cluster = await _fixture.StartAsync();

        await cluster.SubmitAsync(Script("exit 9"), default);

        Assert.Equal(new TrainingJobStatus(TrainingJobState.Failed), await EndOfAsync(cluster));
        Assert.Contains("exit code 9", await _fixture.ReadAsync("outputs/result.json"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_input_fails_the_job()
    {
        var cluster = await _fixture.StartAsync();

        await cluster.SubmitAsync(Script("true") with { Inputs = new Dictionary<string, ObjectPath> { ["data"] = new(Containers.Datasets, "default/none") } }, default);

        var status = await EndOfAsync(cluster);
        Assert.Equal(TrainingJobState.Failed, status.State);
        Assert.Contains("'data'", status.Error!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_trainer_fails_the_job()
    {
        var cluster = await _fixture.StartAsync(trainerPath: Path.Combine(_fixture.JobsRoot, "none"));

        await cluster.SubmitAsync(Script("true"), default);

        Assert.Equal("The trainer cannot be started", (await EndOfAsync(cluster)).Error!.Title);
    }

    [Fact]
    public async Task A_job_that_is_killed_fails_with_a_reason()
    {
        var cluster = await _fixture.StartAsync();

        await cluster.SubmitAsync(Script("kill -9 $PPID"), default);

        Assert.Equal("The job was killed", (await EndOfAsync(cluster)).Error!.Title);
    }

    [Fact]
    public async Task A_running_job_is_cancelled()
    {
        var cluster = await _fixture.StartAsync();
        await cluster.SubmitAsync(Script(Endless), default);
        await UntilAsync(() => File.Exists(Path.Combine(_fixture.LocalFolder(), "checkpoints", "started")));

        await cluster.CancelAsync(Id(), default);
        await cluster.CancelAsync(Id(), default);

        Assert.Equal(new TrainingJobStatus(TrainingJobState.Cancelled), await EndOfAsync(cluster));
        await _fixture.SettledAsync();
    }

    [Fact]
    public async Task A_waiting_job_is_cancelled_without_having_run()
    {
        var cluster = _fixture.Create();
        await cluster.SubmitAsync(Script("touch outputs/ran"), default);

        await cluster.CancelAsync(Id(), default);
        Assert.Equal(TrainingJobState.Cancelled, (await cluster.GetStatusAsync(Id(), default)).State);
        await cluster.StartAsync(default);
        await _fixture.SettledAsync();

        Assert.Null(await _fixture.ReadAsync("outputs/ran"));
    }

    [Fact]
    public async Task Cancelling_an_ended_or_unknown_job_does_nothing()
    {
        var cluster = await _fixture.StartAsync();
        await cluster.SubmitAsync(Script("true"), default);
        await _fixture.SettledAsync();

        await cluster.CancelAsync(Id(), default);
        await cluster.CancelAsync(Id("unknown"), default);

        Assert.Equal(TrainingJobState.Succeeded, (await cluster.GetStatusAsync(Id(), default)).State);
        Assert.Equal(TrainingJobState.Unknown, (await cluster.GetStatusAsync(Id("unknown"), default)).State);
    }

    [Fact]
    public async Task A_stopped_hosts_job_is_resumed_by_the_next_host()
    {
        var first = await _fixture.StartAsync();
        await first.SubmitAsync(Script(Resumable), default);
        await UntilAsync(() => File.Exists(Path.Combine(_fixture.LocalFolder(), "checkpoints", "started")));

        await first.StopAsync(default);
        Assert.Empty(_fixture.Queue.Ended);
        var second = await _fixture.StartAsync();

        Assert.Equal(TrainingJobState.Succeeded, (await EndOfAsync(second)).State);
        Assert.Equal("1", await _fixture.ReadAsync("outputs/resumed"));
        Assert.Contains("\"attempt\": 2", await _fixture.ReadAsync("job.json"), StringComparison.Ordinal);
        await _fixture.SettledAsync();
        Assert.Single(_fixture.Queue.Ended);
    }

    [Fact]
    public async Task A_killed_hosts_job_is_resumed_after_its_orphan_was_killed()
    {
        using var orphan = Process.Start(new ProcessStartInfo("sleep", "600"))!;
        Directory.CreateDirectory(Path.Combine(_fixture.LocalFolder(), "checkpoints"));
        await File.WriteAllTextAsync(Path.Combine(_fixture.LocalFolder(), "checkpoints", "count"), "1");
        Write(Running(Script(Resumable)) with { ProcessId = orphan.Id, ProcessStarted = orphan.StartTime.ToUniversalTime() });

        var cluster = await _fixture.StartAsync();

        Assert.True(orphan.WaitForExit(Patience));
        Assert.Equal(TrainingJobState.Succeeded, (await EndOfAsync(cluster)).State);
        Assert.Equal("1", await _fixture.ReadAsync("outputs/resumed"));
    }

    [Fact]
    public async Task A_process_that_only_bears_the_same_id_is_left_alone()
    {
        using var other = Process.Start(new ProcessStartInfo("sleep", "600"))!;
        Write(Running(Script("true")) with { ProcessId = other.Id, ProcessStarted = other.StartTime.ToUniversalTime().AddMinutes(-5) });

        var cluster = await _fixture.StartAsync();

        Assert.Equal(TrainingJobState.Succeeded, (await EndOfAsync(cluster)).State);
        Assert.False(other.HasExited);
        other.Kill();
    }

    [Fact]
    public async Task A_job_that_ended_while_its_host_was_killed_is_not_run_again()
    {
        Directory.CreateDirectory(Path.Combine(_fixture.LocalFolder(), "outputs"));
        await File.WriteAllTextAsync(Path.Combine(_fixture.LocalFolder(), "outputs", "model"), "kept");
        await File.WriteAllTextAsync(Path.Combine(_fixture.LocalFolder(), "outputs", JobResult.FileName), """{"status":"succeeded"}""");
        Write(Running(Script("echo again > outputs/model")));

        var cluster = await _fixture.StartAsync();

        Assert.Equal(TrainingJobState.Succeeded, (await EndOfAsync(cluster)).State);
        Assert.Equal("kept", await _fixture.ReadAsync("outputs/model"));
    }

    [Fact]
    public async Task An_end_that_was_not_announced_is_announced_by_the_next_host()
    {
        Write(Running(Script("true")) with { State = TrainingJobState.Succeeded, Ended = DateTimeOffset.UtcNow });

        await _fixture.StartAsync();

        await _fixture.SettledAsync();
    }

    [Fact]
    public async Task An_end_that_could_not_be_announced_is_announced_later()
    {
        var time = new SteppedTime();
        _fixture.Queue.Failures = 1;
        var cluster = await _fixture.StartAsync(time);
        await cluster.SubmitAsync(Script("true"), default);

        await UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(5));
            return !_fixture.Queue.Ended.IsEmpty;
        });

        await _fixture.SettledAsync();
    }

    [Fact]
    public async Task An_interrupted_job_is_resumed_by_its_next_attempt_from_the_store()
    {
        var cluster = await _fixture.StartAsync();
        const string Twice = """
            if [ -e checkpoints/mark ]; then ls outputs/progress > outputs/found; exit 0; fi
            echo {} > outputs/progress/000001.json; echo {} > outputs/progress/000002.json; echo m > checkpoints/mark; exit 3
            """;

        await cluster.SubmitAsync(Script(Twice), default);
        await _fixture.SettledAsync();
        Assert.Equal(TrainingJobState.Interrupted, (await cluster.GetStatusAsync(Id(), default)).State);
        await cluster.SubmitAsync(Script(Twice, attempt: 2), default);
        await _fixture.SettledAsync(times: 2);

        Assert.Equal(TrainingJobState.Succeeded, (await cluster.GetStatusAsync(Id(), default)).State);
        Assert.Equal("000002.json\n", await _fixture.ReadAsync("outputs/found"));
        Assert.Equal(2, (await _fixture.ReadAsync("log.txt"))!.Split("--- attempt ").Length - 1);
    }

    [Fact]
    public async Task The_host_keeps_its_secrets()
    {
        Environment.SetEnvironmentVariable("AIaaS__BootstrapKeySha256", "not-for-jobs");
        Environment.SetEnvironmentVariable("AzureWebJobsStorage", "not-for-jobs");
        Environment.SetEnvironmentVariable("DOTNET_ConnectionStrings__Store", "not-for-jobs");
        var cluster = await _fixture.StartAsync();

        await cluster.SubmitAsync(Script("env > outputs/env"), default);
        await _fixture.SettledAsync();

        var environment = await _fixture.ReadAsync("outputs/env");
        Assert.Contains("PATH=", environment, StringComparison.Ordinal);
        Assert.DoesNotContain("not-for-jobs", environment, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_ended_long_ago_is_forgotten_but_for_its_result()
    {
        var cluster = await _fixture.StartAsync(retention: TimeSpan.Zero);
        await cluster.SubmitAsync(Script("exit 9"), default);
        await UntilAsync(() => !_fixture.Queue.Ended.IsEmpty && Directory.GetFileSystemEntries(_fixture.JobsRoot).Length == 0);

        Assert.Equal(TrainingJobState.Failed, (await cluster.GetStatusAsync(Id(), default)).State);
    }

    [Fact]
    public async Task A_file_with_a_name_the_store_does_not_take_fails_the_job()
    {
        var cluster = await _fixture.StartAsync();

        await cluster.SubmitAsync(Script("""touch 'outputs/a\b'"""), default);

        Assert.Equal("A file of the job cannot be stored", (await EndOfAsync(cluster)).Error!.Title);
        Assert.Null(await _fixture.ReadAsync("outputs/result.json"));
    }

    [Theory]
    [InlineData("..", "run", "job")]
    [InlineData("default", "a/b", "job")]
    [InlineData("default", "run", "")]
    public async Task Names_that_could_lead_elsewhere_are_refused(string tenant, string run, string job)
    {
        var cluster = _fixture.Create();
        var submission = Script("true");
        submission = submission with { Description = submission.Description with { Tenant = tenant, Run = run, Id = job } };

        await Assert.ThrowsAsync<ProblemException>(() => cluster.SubmitAsync(submission, default));
        await Assert.ThrowsAsync<ProblemException>(() => cluster.GetStatusAsync(new TrainingJobId(tenant, run, job), default));
        await Assert.ThrowsAsync<ProblemException>(() => cluster.CancelAsync(new TrainingJobId(tenant, run, job), default));
    }

    [Theory]
    [InlineData("../data")]
    [InlineData("outputs/data")]
    [InlineData("inputs")]
    [InlineData("inputs/../../data")]
    [InlineData("/inputs/data")]
    public async Task Inputs_stay_in_their_folder(string path)
    {
        var cluster = _fixture.Create();
        var job = Script("true");
        job = job with
        {
            Inputs = new Dictionary<string, ObjectPath> { ["data"] = new(Containers.Datasets, "default/d/1/data.parquet") },
            Description = job.Description with { Inputs = new Dictionary<string, string> { ["data"] = path } },
        };

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => cluster.SubmitAsync(job, default));
        Assert.Equal("inputs.data", refusal.Field);
    }

    private static ProcessJobState Running(TrainingJob job) => new()
    {
        Job = job,
        SubmittedAttempt = 1,
        Attempt = 1,
        State = TrainingJobState.Running,
        Queued = DateTimeOffset.UtcNow,
        Materialized = true,
    };

    /// <summary>What a host leaves that is killed at this instant.</summary>
    private void Write(ProcessJobState state) => new ProcessJob(Id(), _fixture.LocalFolder()).Update(_ => state);
}
