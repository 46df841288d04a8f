using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Trainer.Commands;
using AIaaS.Trainer.Jobs;

namespace AIaaS.Trainer.Tests;

/// <summary>What needs a runner or a clock of the test's own.</summary>
public sealed class TrainerProcessTests : IDisposable
{
    private readonly TrainerJob _job = new();
    private readonly SteppedTime _time = new();
    private readonly StringWriter _people = new();
    private readonly StringWriter _log = new();

    public void Dispose()
    {
        _job.Dispose();
        _people.Dispose();
        _log.Dispose();
    }

    [Theory]
    [InlineData(null, "There is no 'job.json'")]
    [InlineData("{", "it is not JSON (line 1)")]
    [InlineData("[]", "it is not a JSON object")]
    [InlineData("""{"id":"j","tenant":"t","run":"r"}""", "it has no 'kind'")]
    [InlineData("""{"kind":"dance","id":"j","tenant":"t","run":"r"}""", "'kind' has a wrong type or value")]
    [InlineData("""{"kind":"command","id":"","tenant":"t","run":"r"}""", "'id' is empty")]
    [InlineData("""{"kind":"command","id":"j","tenant":"t","run":"r","attempt":"1"}""", "'attempt' has a wrong type or value")]
    [InlineData("""{"kind":"command","id":"j","tenant":"t","run":"r","limits":{"cpu":0}}""", "'limits' must be positive")]
    [InlineData("""{"kind":"command","id":"j","tenant":"t","run":"r","limits":null}""", "'limits' has a wrong type or value")]
    [InlineData("""{"kind":"command","id":"j","tenant":"t","run":"r","schemaVersion":2}""", "schemaVersion is 2")]
    [InlineData("""{"kind":"command","id":"j","tenant":"t","run":"r","outputs":"../elsewhere"}""", "'outputs' must be a path inside")]
    [InlineData("""{"kind":"command","id":"j","tenant":"t","run":"r","inputs":{"data":"/etc/passwd"}}""", "'inputs.data' must be a path inside")]
    [InlineData("""{"kind":"command","id":"j","tenant":"t","run":"r","inputs":{"data":"inputs/data"}}""", "The input 'data' is not at 'inputs/data'")]
    [InlineData("""{"kind":"command","id":"j","tenant":"t","run":"r"}""", "needs an object 'parameters'")]
    [InlineData("""{"kind":"command","id":"j","tenant":"t","run":"r","parameters":{}}""", "'parameters' in 'job.json' lacks something")]
    [InlineData("""{"kind":"command","id":"j","tenant":"t","run":"r","parameters":{"command":"ls"}}""", "'parameters.command' in 'job.json' does not have the type")]
    [InlineData("""{"kind":"command","id":"j","tenant":"t","run":"r","parameters":{"command":[]}}""", "must list an executable")]
    [InlineData("""{"kind":"command","id":"j","tenant":"t","run":"r","parameters":{"command":["no-such-program"]}}""", "'no-such-program' cannot be started")]
    public async Task A_description_that_cannot_be_used_fails_with_the_reason(string? json, string reason)
    {
        if (json is not null)
            _job.Described(json);

        Assert.Equal(JobExitCode.Failed, await RunAsync(new CommandRunner(_time)));

        Assert.Equal(JobOutcome.Failed, _job.Result!.Status);
        Assert.Contains(reason, _job.Result.Error!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_error_gives_a_plain_sentence_and_keeps_its_stack_to_the_log()
    {
        Assert.Equal(JobExitCode.Failed, await RunAsync((_, _) => throw new InvalidOperationException("secret of ours")));

        Assert.Equal("The job failed unexpectedly", _job.Result!.Error!.Title);
        Assert.DoesNotContain("secret", await File.ReadAllTextAsync(_job["outputs/result.json"]), StringComparison.Ordinal);
        Assert.Contains("secret of ours", _log.ToString(), StringComparison.Ordinal);
        Assert.Contains("   at ", _log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_known_error_is_told_as_it_is()
    {
        await RunAsync((_, _) => throw new JobException("Too few rows", "Give at least ten."));

        Assert.Equal(new ErrorDetail("Too few rows", "Give at least ten."), _job.Result!.Error);
    }

    [Fact]
    public async Task Exhausted_memory_is_told_as_such()
    {
        await RunAsync((_, _) => throw new InsufficientMemoryException());

        Assert.Equal("The job ran out of memory", _job.Result!.Error!.Title);
    }

    [Fact]
    public async Task Work_that_does_not_heed_its_deadline_is_abandoned()
    {
        var never = new TaskCompletionSource<JobResult>();
        var running = RunAsync((_, _) => never.Task, deadline: _time.GetUtcNow().AddMinutes(5));

        await AdvanceUntilAsync(running, TimeSpan.FromMinutes(1));

        Assert.Equal(JobExitCode.Failed, await running);
        Assert.Equal("The job timed out", _job.Result!.Error!.Title);
    }

    [Fact]
    public async Task A_deadline_that_has_passed_lets_nothing_begin()
    {
        var began = false;

        await RunAsync(
            (_, _) =>
            {
                began = true;
                return Task.FromResult(new JobResult { Status = JobOutcome.Succeeded });
            },
            deadline: _time.GetUtcNow().AddSeconds(-1));

        Assert.False(began);
        Assert.Equal("The job timed out", _job.Result!.Error!.Title);
    }

    [Fact]
    public async Task Limits_reach_the_runner()
    {
        var context = default(JobContext);

        await RunAsync(
            (job, _) =>
            {
                context = job;
                return Task.FromResult(new JobResult { Status = JobOutcome.Succeeded });
            },
            limits: new JobLimits(Cpu: 3));

        Assert.Equal(3, context!.Threads);
        Assert.Null(context.MemoryBytes);
    }

    [Fact]
    public async Task A_command_that_ignores_the_signal_is_killed()
    {
        _job.Scripted("trap '' TERM; touch started; while :; do sleep 0.05; done");
        using var ending = new CancellationTokenSource();
        var folder = JobFolder.Open(_job.Folder);
        folder.Prepare();
        var running = new CommandRunner(_time).RunAsync(new JobContext(folder, new Progress<JobProgress>(), 1, null), ending.Token);
        await _job.AppearsAsync("started");

        await ending.CancelAsync();
        await AdvanceUntilAsync(running, TimeSpan.FromSeconds(5));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    private Task<int> RunAsync(Func<JobContext, CancellationToken, Task<JobResult>> work, DateTimeOffset? deadline = null, JobLimits? limits = null)
    {
        _job.Described(new JobDescription
        {
            Kind = JobKind.Train,
            Id = "job",
            Tenant = "default",
            Run = "run",
            Deadline = deadline,
            Limits = limits ?? new JobLimits(),
            Parameters = JsonSerializer.SerializeToElement(new { }),
        });
        return RunAsync(new GivenRunner(work));
    }

    private Task<int> RunAsync(IJobRunner runner) => new TrainerProcess(_time, _people, _log, [runner]).RunAsync([_job.Folder]);

    private async Task AdvanceUntilAsync(Task done, TimeSpan step)
    {
        using var patience = new CancellationTokenSource(TrainerJob.Patience);
        while (!done.IsCompleted)
        {
            _time.Advance(step);
            await Task.WhenAny(done, Task.Delay(20, patience.Token));
            patience.Token.ThrowIfCancellationRequested();
        }
    }

    private sealed class GivenRunner(Func<JobContext, CancellationToken, Task<JobResult>> work) : IJobRunner
    {
        public JobKind Kind => JobKind.Train;

        public Task<JobResult> RunAsync(JobContext job, CancellationToken cancellationToken) => work(job, cancellationToken);
    }
}
