using System.Security.Cryptography;
using System.Text;
using AIaaS.Formats;

namespace AIaaS.Trainer.Tests;

/// <summary>The program, as a cluster starts it.</summary>
public sealed class TrainerProgramTests : IDisposable
{
    private const string Endless = "mkdir -p checkpoints; touch checkpoints/started; while :; do sleep 0.05; done";

    private readonly TrainerJob _job = new();

    public void Dispose() => _job.Dispose();

    [Fact]
    public async Task A_command_succeeds_and_what_it_leaves_becomes_artifacts()
    {
        _job.Scripted("mkdir outputs/deep; printf one > outputs/b.txt; printf three > outputs/deep/a.txt; printf no > outputs/half.tmp; printf no > outputs/.hidden");

        Assert.Equal(JobExitCode.Succeeded, await _job.RunAsync());

        Assert.Equal(JobOutcome.Succeeded, _job.Result!.Status);
        Assert.Equal(
            [new JobArtifact("b.txt", Sha256("one"), 3), new JobArtifact("deep/a.txt", Sha256("three"), 5)],
            _job.Result.Artifacts);
    }

    [Fact]
    public async Task A_link_out_of_the_outputs_is_no_artifact()
    {
        _job.Scripted("ln -s ../job.json outputs/link; ln -s .. outputs/folder");

        await _job.RunAsync();

        Assert.Empty(_job.Result!.Artifacts);
    }

    [Fact]
    public async Task A_failing_command_leaves_a_failed_result_with_its_exit_code()
    {
        Assert.Equal(JobExitCode.Failed, await _job.Scripted("exit 7").RunAsync());

        Assert.Equal(JobOutcome.Failed, _job.Result!.Status);
        Assert.Contains("exit code 7", _job.Result.Error!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_command_that_asks_to_be_resumed_leaves_no_result()
    {
        Assert.Equal(JobExitCode.Interrupted, await _job.Scripted("exit 3").RunAsync());

        Assert.Null(_job.Result);
    }

    [Fact]
    public async Task A_commands_own_result_is_kept()
    {
        _job.Scripted("""printf '{"status":"failed","error":{"title":"No luck","detail":"Try again."}}' > outputs/result.json""");

        Assert.Equal(JobExitCode.Failed, await _job.RunAsync());

        Assert.Equal(new ErrorDetail("No luck", "Try again."), _job.Result!.Error);
    }

    [Fact]
    public async Task A_commands_own_success_does_not_hide_its_failure()
    {
        _job.Scripted("""printf '{"status":"succeeded"}' > outputs/result.json; exit 2""");

        Assert.Equal(JobExitCode.Failed, await _job.RunAsync());

        Assert.Equal(JobOutcome.Failed, _job.Result!.Status);
    }

    [Fact]
    public async Task A_commands_unreadable_result_fails_the_job()
    {
        Assert.Equal(JobExitCode.Failed, await _job.Scripted("echo nonsense > outputs/result.json").RunAsync());

        Assert.Equal("The result cannot be read", _job.Result!.Error!.Title);
    }

    [Fact]
    public async Task The_result_of_an_earlier_attempt_is_forgotten()
    {
        Directory.CreateDirectory(_job["outputs"]);
        await File.WriteAllTextAsync(_job["outputs/result.json"], """{"status":"succeeded"}""");

        await _job.Scripted("exit 3", attempt: 2).RunAsync();

        Assert.Null(_job.Result);
    }

    [Fact]
    public async Task A_command_knows_its_folder_and_the_environment_it_asked_for()
    {
        _job.Described("""
            {"kind":"command","id":"j","tenant":"t","run":"r",
             "parameters":{"command":["sh","-c","printf \"$AIAAS_JOB_DIR $COLOUR\" > outputs/said"],"environment":{"COLOUR":"green"}}}
            """);

        await _job.RunAsync();

        Assert.Equal($"{_job.Folder} green", await File.ReadAllTextAsync(_job["outputs/said"]));
    }

    [Fact]
    public async Task A_signal_interrupts_the_job_and_the_next_attempt_resumes_it()
    {
        const string Counting = """
            count=$(cat checkpoints/count 2>/dev/null || echo 0)
            trap 'echo $((count + 1)) > checkpoints/count; exit 3' TERM
            if [ $count = 1 ]; then printf $count > outputs/resumed; exit 0; fi
            touch checkpoints/started
            while :; do sleep 0.05; done
            """;
        var first = _job.Scripted(Counting).Start();
        await _job.AppearsAsync("checkpoints/started");
        first.Terminate();

        Assert.Equal(JobExitCode.Interrupted, await first.ExitCodeAsync());
        Assert.Null(_job.Result);

        Assert.Equal(JobExitCode.Succeeded, await _job.Scripted(Counting, attempt: 2).RunAsync());
        Assert.Equal("1", await File.ReadAllTextAsync(_job["outputs/resumed"]));
    }

    [Fact]
    public async Task A_parent_that_is_gone_interrupts_the_job()
    {
        var trainer = _job.Scripted(Endless).Start(parentPipe: true);
        await _job.AppearsAsync("checkpoints/started");

        trainer.LeaveByParent();

        Assert.Equal(JobExitCode.Interrupted, await trainer.ExitCodeAsync());
        Assert.Null(_job.Result);
    }

    [Fact]
    public async Task A_job_past_its_deadline_fails_as_timed_out()
    {
        var trainer = _job.Scripted(Endless, deadline: DateTimeOffset.UtcNow.AddSeconds(2)).Start();

        Assert.Equal(JobExitCode.Failed, await trainer.ExitCodeAsync());

        Assert.Equal("The job timed out", _job.Result!.Error!.Title);
    }

    [Fact]
    public async Task A_second_process_waits_for_the_first()
    {
        var first = _job.Scripted("touch checkpoints/started; until [ -e go ]; do sleep 0.05; done; echo first >> order").Start();
        await _job.AppearsAsync("checkpoints/started");
        var second = _job.Scripted("echo second >> order").Start();

        await File.WriteAllTextAsync(_job["go"], "");
        await first.ExitCodeAsync();
        await second.ExitCodeAsync();

        Assert.Equal(["first", "second"], await File.ReadAllLinesAsync(_job["order"]));
    }

    [Fact]
    public async Task What_the_command_prints_is_printed()
    {
        var trainer = _job.Scripted("echo for people; echo trouble >&2").Start();

        Assert.Contains("for people", await trainer.OutputAsync(), StringComparison.Ordinal);
        Assert.Contains("trouble", await trainer.ErrorsAsync(), StringComparison.Ordinal);
    }

    private static string Sha256(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
