using System.Diagnostics;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Trainer.Commands;

namespace AIaaS.Trainer.Tests;

/// <summary>The program on a cluster's node, its job's folder in the store mounted as <c>store</c>.</summary>
public sealed class NodeProgramTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly TemporaryFolder _folder = new();
    private readonly List<Process> _processes = [];

    private string Store => Directory.CreateDirectory(Path.Combine(_folder.Path, "store")).FullName;

    private string Local => Path.Combine(_folder.Path, "node");

    public void Dispose()
    {
        foreach (var process in _processes)
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
            process.WaitForExit();
            process.Dispose();
        }

        _folder.Dispose();
    }

    [Fact]
    public async Task A_job_runs_on_the_nodes_disk_and_its_files_reach_the_store()
    {
        Describe("pwd; echo said; mkdir outputs/deep; printf x > outputs/deep/model.bin; printf half > outputs/model.tmp; printf c > checkpoints/1");

        Assert.Equal(JobExitCode.Succeeded, await RunAsync());

        Assert.Equal("x", Stored("outputs/deep/model.bin"));
        Assert.Equal("c", Stored("checkpoints/1"));
        Assert.Equal([new JobArtifact("deep/model.bin", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", 1)], Result().Artifacts);
        Assert.Contains("said", Stored("log.txt"), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(Store, "outputs/model.tmp")));
        Assert.False(File.Exists(Path.Combine(Store, "job.lock")));
    }

    [Fact]
    public async Task Files_reach_the_store_while_the_job_runs()
    {
        Describe("printf '{}' > outputs/progress/000001.json; while ! test -e release; do sleep 0.05; done");
        var process = Start();

        await SeenAsync("outputs/progress/000001.json");

        Assert.False(process.HasExited);
        await File.WriteAllTextAsync(Path.Combine(Local, "release"), "");
        Assert.Equal(JobExitCode.Succeeded, await EndOf(process));
    }

    [Fact]
    public async Task An_interrupted_job_leaves_its_checkpoint_and_says_that_it_is_to_be_resumed()
    {
        Describe("trap 'printf 7 > checkpoints/step; exit 3' TERM; touch checkpoints/started; while :; do sleep 0.05; done", attempt: 4);
        var process = Start();
        await SeenAsync(Path.Combine(Local, "checkpoints/started"));

        Signals.Terminate(process.Id);

        Assert.Equal(JobExitCode.Interrupted, await EndOf(process));
        Assert.Equal("7", Stored("checkpoints/step"));
        Assert.Equal(4, JsonSerializer.Deserialize<JobInterruption>(Stored(JobInterruption.FileName), JsonDefaults.Options)!.Attempt);
        Assert.False(File.Exists(Path.Combine(Store, "outputs/result.json")));
    }

    [Fact]
    public async Task The_next_attempt_finds_checkpoints_and_log_of_the_one_before()
    {
        Put("checkpoints/deep/step", "7");
        Put("outputs/progress/000041.json", "{}");
        Put("log.txt", "attempt one\n");
        Describe("cat checkpoints/deep/step > outputs/found; ls outputs/progress > outputs/numbers; rm -r checkpoints/deep", attempt: 2);

        Assert.Equal(JobExitCode.Succeeded, await RunAsync());

        Assert.Equal("7", Stored("outputs/found"));
        Assert.Equal("000041.json", Stored("outputs/numbers").Trim());
        Assert.StartsWith("attempt one\n--- attempt 2", Stored("log.txt"), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(Store, "checkpoints/deep/step")));
    }

    [Fact]
    public async Task A_job_that_is_killed_fails_with_a_reason()
    {
        Describe("kill -9 $PPID; sleep 3");

        Assert.Equal(JobExitCode.Failed, await RunAsync());

        Assert.Equal("The job was killed", Result().Error!.Title);
    }

    [Fact]
    public async Task A_description_that_cannot_be_used_fails_the_job_in_the_usual_place()
    {
        Put("job.json", "nonsense");

        Assert.Equal(JobExitCode.Failed, await RunAsync());

        Assert.Equal("The job's description cannot be used", Result().Error!.Title);
    }

    [Fact]
    public async Task A_node_without_the_jobs_folder_says_so()
    {
        var process = Start();

        Assert.Equal(JobExitCode.Failed, await EndOf(process));

        Assert.Contains("cannot be used", await process.StandardError.ReadToEndAsync(), StringComparison.Ordinal);
    }

    private void Describe(string script, int attempt = 1) => Put("job.json", JsonSerializer.Serialize(
        new JobDescription
        {
            Kind = JobKind.Command,
            Id = "job",
            Tenant = "default",
            Run = "run",
            Attempt = attempt,
            Parameters = JsonSerializer.SerializeToElement(new CommandParameters { Command = ["sh", "-c", script] }, JsonDefaults.Options),
        },
        JsonDefaults.Options));

    private void Put(string path, string content)
    {
        var file = Path.Combine(Store, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, content);
    }

    private string Stored(string path) => File.ReadAllText(Path.Combine(Store, path));

    private JobResult Result() => JsonSerializer.Deserialize<JobResult>(Stored("outputs/result.json"), JsonDefaults.Options)!;

    private Process Start()
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "AIaaS.Trainer.dll"), "--node", Store, Store, Local])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var process = Process.Start(start)!;
        _processes.Add(process);
        return process;
    }

    private Task<int> RunAsync() => EndOf(Start());

    private static async Task<int> EndOf(Process process)
    {
        using var timeout = new CancellationTokenSource(Patience);
        await process.WaitForExitAsync(timeout.Token);
        return process.ExitCode;
    }

    private async Task SeenAsync(string path)
    {
        using var timeout = new CancellationTokenSource(Patience);
        while (!File.Exists(Path.Combine(Store, path)))
            await Task.Delay(50, timeout.Token);
    }
}
