using System.Diagnostics;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Functions.Hosts.Azure.MachineLearning;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Training;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;

namespace AIaaS.Functions.Tests.Hosts;

public sealed class MachineLearningTests
{
    private static readonly TrainingJobId Job = new("default", "0197-run", "train");

    [Fact]
    public void A_jobs_name_leads_back_to_the_job() => Assert.Equal(Job, AzureMlJobName.Parse(AzureMlJobName.Of(Job, 3)));

    [Fact]
    public void Every_attempt_has_a_name_of_its_own() => Assert.NotEqual(AzureMlJobName.Of(Job, 1), AzureMlJobName.Of(Job, 2));

    [Fact]
    public void The_longest_name_fits_a_workspace()
    {
        var longest = new string('a', 63);

        Assert.InRange(AzureMlJobName.Of(new TrainingJobId(longest, longest, longest), int.MaxValue).Length, 1, 255);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("AutoML_ad912b2d-6467-4f32-a616-dbe4af6dd8fc_5")]
    [InlineData("default_run_train")]
    [InlineData("default_run_train_x")]
    [InlineData("default_run_train_1_2")]
    [InlineData("Default_run_train_1")]
    [InlineData("default__train_1")]
    public void A_name_of_somebody_elses_is_not_read(string? name) => Assert.Null(AzureMlJobName.Parse(name));

    [Theory]
    [InlineData("NotStarted", TrainingJobState.Queued)]
    [InlineData("Preparing", TrainingJobState.Queued)]
    [InlineData("Queued", TrainingJobState.Queued)]
    [InlineData("Running", TrainingJobState.Running)]
    [InlineData("Finalizing", TrainingJobState.Running)]
    [InlineData("CancelRequested", TrainingJobState.Running)]
    [InlineData("NotResponding", TrainingJobState.Running)]
    [InlineData("SomethingNew", TrainingJobState.Running)]
    [InlineData(null, TrainingJobState.Running)]
    [InlineData("Completed", TrainingJobState.Succeeded)]
    [InlineData("Failed", TrainingJobState.Failed)]
    [InlineData("Canceled", TrainingJobState.Cancelled)]
    [InlineData("Preempted", TrainingJobState.Interrupted)]
    public void A_state_of_the_service_has_its_meaning(string? status, TrainingJobState state) => Assert.Equal(state, AzureMlJobStates.Of(status));

    [Theory]
    [InlineData("""{"eventType":"Microsoft.MachineLearningServices.RunCompleted","data":{"runId":"default_0197-run_train_1"}}""")]
    [InlineData("""[{"eventType":"Microsoft.MachineLearningServices.RunCompleted","data":{"RunId":"default_0197-run_train_1","RunType":null}}]""")]
    [InlineData("""{"specversion":"1.0","type":"Microsoft.MachineLearningServices.RunCompleted","data":{"runId":"default_0197-run_train_1"}}""")]
    [InlineData("""{"eventType":"Microsoft.MachineLearningServices.RunStatusChanged","data":{"runId":"default_0197-run_train_1","runStatus":"Failed"}}""")]
    [InlineData("""{"eventType":"Microsoft.MachineLearningServices.RunStatusChanged","data":{"runId":"default_0197-run_train_1","runStatus":"Canceled"}}""")]
    public async Task The_end_of_a_job_is_passed_on(string message) => Assert.Equal(new JobEnded("default", "0197-run", "train"), Assert.Single(await HandleAsync(message)));

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("[7]")]
    [InlineData("{}")]
    [InlineData("""{"eventType":7}""")]
    [InlineData("""{"eventType":"Microsoft.MachineLearningServices.ModelRegistered","data":{"modelName":"churn"}}""")]
    [InlineData("""{"eventType":"Microsoft.MachineLearningServices.RunCompleted"}""")]
    [InlineData("""{"eventType":"Microsoft.MachineLearningServices.RunCompleted","data":"text"}""")]
    [InlineData("""{"eventType":"Microsoft.MachineLearningServices.RunCompleted","data":{"runId":"somebody-elses"}}""")]
    [InlineData("""{"eventType":"Microsoft.MachineLearningServices.RunStatusChanged","data":{"runId":"default_0197-run_train_1","runStatus":"Running"}}""")]
    public async Task Anything_else_in_the_queue_is_dropped(string message) => Assert.Empty(await HandleAsync(message));

    [Fact]
    public void Settings_are_read()
    {
        var options = AzureMlOptions.FromConfiguration(Configuration(
            ("WorkspaceId", "/workspace"), ("DefaultCluster", "big"), ("GpuClusters", "gpu, a100 "), ("CpuImage", "cpu:1"), ("GpuImage", "gpu:1"),
            ("IdentityClientId", "7a9bb1cb-6c4a-4d1b-9a53-9a9d2d1f2a10")));

        Assert.Equal("big", options.DefaultCluster);
        Assert.Equal(["gpu", "a100"], options.GpuClusters);
        Assert.Equal(("cpu:1", "gpu:1"), (options.CpuImage, options.GpuImage));
        Assert.Equal(new Guid("7a9bb1cb-6c4a-4d1b-9a53-9a9d2d1f2a10"), options.IdentityClientId);
    }

    [Fact]
    public void Settings_that_are_left_empty_have_defaults()
    {
        var options = AzureMlOptions.FromConfiguration(Configuration(("WorkspaceId", "/workspace"), ("CpuImage", ""), ("IdentityClientId", "")));

        Assert.Equal(("cpu", AzureMlOptions.DefaultCpuImage), (options.DefaultCluster, options.CpuImage));
        Assert.Null(options.IdentityClientId);
    }

    [Fact]
    public void A_missing_workspace_is_named()
        => Assert.Contains("AIaaS__AzureMl__WorkspaceId", Assert.Throws<InvalidOperationException>(() => AzureMlOptions.FromConfiguration(Configuration())).Message, StringComparison.Ordinal);

    [Fact]
    public void The_packages_trainer_is_read()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(
            Path.Combine(folder.Path, TrainerBuild.FileName),
            """{"schemaVersion":1,"id":"0123abcd","archives":{"cpu":{"file":"cpu.tar.gz","sha256":"00","bytes":7}}}""");

        var build = TrainerBuild.Read(folder.Path);

        Assert.Equal("trainer/0123abcd/build.json", build.Marker.ToString());
        Assert.Equal("trainer/0123abcd/cpu.tar.gz", build.ArchiveFor(TrainerBuild.Cpu).ToString());
        Assert.Contains("no trainer for 'cuda'", Assert.Throws<ProblemException>(() => build.ArchiveFor(TrainerBuild.Cuda)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("nonsense")]
    [InlineData("{}")]
    public void A_package_without_its_trainer_says_what_to_do(string? content)
    {
        using var folder = new TemporaryFolder();
        if (content is not null)
        {
            File.WriteAllText(Path.Combine(folder.Path, TrainerBuild.FileName), content);
        }

        Assert.Contains("build-trainer", Assert.Throws<ProblemException>(() => TrainerBuild.Read(folder.Path)).Message, StringComparison.Ordinal);
    }

    /// <summary>The command line in a shell, what the service puts for its bindings being paths of mounts.</summary>
    [Fact]
    public async Task A_node_unpacks_the_trainer_lays_out_the_inputs_and_becomes_the_trainer()
    {
        // A node is a Linux machine.
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        using var folder = new TemporaryFolder();
        string Made(string path, string content)
        {
            var file = Path.Combine(folder.Path, path);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, content);
            return file;
        }

        var program = Made("build/AIaaS.Trainer", "#!/bin/sh\necho \"$@\"; cat \"$4/inputs/data.parquet\" \"$4/inputs/o'clock/b/1\"; echo pid $$\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        await RunAsync("tar", ["-czf", Path.Combine(folder.Path, "cpu.tar.gz"), "-C", Path.GetDirectoryName(program)!, "."], folder.Path);
        Made("mount 0/data", "rows ");
        Made("mount 1/1", "more");
        var command = NodeCommand.Of(["inputs/data.parquet", "inputs/o'clock/b"])
            .Replace("${{inputs.trainer}}", Path.Combine(folder.Path, "cpu.tar.gz"), StringComparison.Ordinal)
            .Replace("${{inputs.input0}}", Path.Combine(folder.Path, "mount 0/data"), StringComparison.Ordinal)
            .Replace("${{inputs.input1}}", Path.Combine(folder.Path, "mount 1"), StringComparison.Ordinal)
            .Replace("${{inputs.folder}}", "/mounted to/read", StringComparison.Ordinal)
            .Replace("${{outputs.stored}}", "/mounted to/write", StringComparison.Ordinal);

        Assert.DoesNotContain("${{", command, StringComparison.Ordinal);
        var (output, id) = await RunAsync("sh", ["-c", command], folder.Path);

        Assert.StartsWith($"--node /mounted to/read /mounted to/write {folder.Path}/aiaas.", output, StringComparison.Ordinal);
        Assert.Contains("rows more", output, StringComparison.Ordinal);
        Assert.EndsWith($"pid {id}\n", output, StringComparison.Ordinal);
    }

    private static async Task<IReadOnlyList<JobEnded>> HandleAsync(string message)
    {
        var sent = new List<JobEnded>();
        var queue = new Mock<IMessageQueue>();
        queue.Setup(sender => sender.SendAsync(TrainingQueues.JobEnded, It.IsAny<BinaryData>(), It.IsAny<SendOptions>(), It.IsAny<CancellationToken>()))
            .Callback((string _, BinaryData body, SendOptions? _, CancellationToken _) => sent.Add(JsonSerializer.Deserialize<JobEnded>(body, JsonDefaults.Options)!));
        await new TrainingEventFunctions(queue.Object, NullLogger<TrainingEventFunctions>.Instance).HandleAsync(message, CancellationToken.None);
        return sent;
    }

    private static IConfiguration Configuration(params (string Name, string Value)[] settings)
        => new ConfigurationBuilder().AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create($"AIaaS:AzureMl:{setting.Name}", (string?)setting.Value))).Build();

    private static async Task<(string Output, int ProcessId)> RunAsync(string program, string[] arguments, string folder)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, WorkingDirectory = folder })!;
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var output = await process.StandardOutput.ReadToEndAsync(patience.Token);
        await process.WaitForExitAsync(patience.Token);
        Assert.Equal(0, process.ExitCode);
        return (output, process.Id);
    }
}
