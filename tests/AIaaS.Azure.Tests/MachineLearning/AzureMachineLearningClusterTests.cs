using System.ClientModel.Primitives;
using System.Text;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Functions.Hosts.Azure.MachineLearning;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Training;
using Azure;
using Azure.Core;
using Azure.ResourceManager;
using Azure.ResourceManager.MachineLearning;
using Azure.ResourceManager.MachineLearning.Models;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;

namespace AIaaS.Azure.Tests.MachineLearning;

public sealed class AzureMachineLearningClusterTests : IDisposable
{
    private const string Workspace = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws";
    private const string Folder = "default/run/jobs/train/";

    private static readonly TrainingJobId Id = new("default", "run", "train");

    private readonly TemporaryFolder _folder = new();
    private readonly SteppedTime _time = new();
    private readonly FileObjectStore _store;
    private readonly Mock<MachineLearningJobCollection> _jobs = new(MockBehavior.Strict);
    private readonly Mock<MachineLearningEnvironmentVersionCollection> _environments = new(MockBehavior.Strict);
    private readonly Dictionary<string, Mock<MachineLearningJobResource>> _known = [];
    private readonly List<(string Name, MachineLearningCommandJob Job)> _created = [];
    private readonly List<(string Version, string Image)> _images = [];
    private AzureMlOptions _options = new() { WorkspaceId = Workspace };
    private TrainerBuild _build = new()
    {
        Id = "abc",
        Archives = new Dictionary<string, TrainerArchive> { ["cpu"] = new("cpu.tar.gz", "00", 1), ["cuda"] = new("cuda.tar.gz", "00", 1) },
    };

    public AzureMachineLearningClusterTests()
    {
        _store = new FileObjectStore(new FileObjectStoreOptions { Root = _folder.Path }, _time);
        _jobs.Setup(jobs => jobs.GetIfExistsAsync(It.IsAny<string>(), It.IsAny<CancellationToken>()))
            .ReturnsAsync((string name, CancellationToken _) => _known.TryGetValue(name, out var job)
                ? Response.FromValue(job.Object, Mock.Of<Response>())
                : new Nothing<MachineLearningJobResource>());
        _jobs.Setup(jobs => jobs.CreateOrUpdateAsync(WaitUntil.Started, It.IsAny<string>(), It.IsAny<MachineLearningJobData>(), It.IsAny<CancellationToken>()))
            .Callback((WaitUntil _, string name, MachineLearningJobData data, CancellationToken _) =>
            {
                _created.Add((name, (MachineLearningCommandJob)data.Properties));
                Know(name, "Queued");
            })
            .ReturnsAsync((ArmOperation<MachineLearningJobResource>)null!);
        _environments.Setup(environments => environments.ExistsAsync(It.IsAny<string>(), It.IsAny<CancellationToken>()))
            .ReturnsAsync((string version, CancellationToken _) => Response.FromValue(_images.Any(image => image.Version == version), Mock.Of<Response>()));
        _environments.Setup(environments => environments.CreateOrUpdateAsync(
                WaitUntil.Completed, It.IsAny<string>(), It.IsAny<MachineLearningEnvironmentVersionData>(), It.IsAny<CancellationToken>()))
            .Callback((WaitUntil _, string version, MachineLearningEnvironmentVersionData data, CancellationToken _) => _images.Add((version, data.Properties.Image)))
            .ReturnsAsync((ArmOperation<MachineLearningEnvironmentVersionResource>)null!);
        Put("trainer", "abc/build.json", "{}");
    }

    public void Dispose()
    {
        _store.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_job_is_described_in_the_store_and_submitted_with_everything_mounted()
    {
        await SubmitAsync(Job() with { Description = Job().Description with { Deadline = _time.GetUtcNow() + TimeSpan.FromMinutes(30.5) } });

        var (name, job) = Assert.Single(_created);
        Assert.Equal("default_run_train_1", name);
        Assert.Equal($"{Workspace}/computes/cpu", job.ComputeId.ToString());
        Assert.Equal(TimeSpan.FromMinutes(40.5), job.Limits.Timeout);
        Assert.IsType<MachineLearningManagedIdentity>(job.Identity);
        Assert.Equal("azureml://datastores/aiaas_trainer/paths/abc/cpu.tar.gz", MountedFile(job, "trainer"));
        Assert.Equal("azureml://datastores/aiaas_datasets/paths/default/churn/1/data.parquet", MountedFile(job, "input0"));
        var read = Assert.IsType<MachineLearningUriFolderJobInput>(job.Inputs["folder"]);
        var written = Assert.IsType<MachineLearningUriFolderJobOutput>(job.Outputs["stored"]);
        Assert.Equal("azureml://datastores/aiaas_runs/paths/default/run/jobs/train/", read.Uri.AbsoluteUri);
        Assert.Equal(read.Uri, written.Uri);
        Assert.Equal("ReadOnlyMount", read.Mode.ToString());
        Assert.Equal("ReadWriteMount", written.Mode.ToString());
        Assert.Equal("inputs/data.parquet", (await DescriptionAsync()).Inputs["data"]);
        Assert.Equal(NodeCommand.Of(["inputs/data.parquet"]), job.Command);
    }

    [Fact]
    public async Task A_job_runs_in_its_clusters_image()
    {
        await SubmitAsync(Job());

        var (version, image) = Assert.Single(_images);
        Assert.Equal(AzureMlOptions.DefaultCpuImage, image);
        Assert.Equal($"{Workspace}/environments/aiaas/versions/{version}", _created[0].Job.EnvironmentId.ToString());
    }

    [Fact]
    public async Task A_gpu_cluster_gets_the_trainer_and_the_image_for_cuda()
    {
        await SubmitAsync(Job() with { Cluster = "gpu" });

        Assert.Equal(AzureMlOptions.DefaultGpuImage, Assert.Single(_images).Image);
        Assert.Equal("azureml://datastores/aiaas_trainer/paths/abc/cuda.tar.gz", MountedFile(_created[0].Job, "trainer"));
    }

    [Fact]
    public async Task An_image_is_made_known_once()
    {
        var cluster = Cluster();
        await cluster.SubmitAsync(Job(), default);
        Know("default_run_train_1", "Failed");
        Put("runs", Folder + "interrupted.json", """{"attempt":1}""");

        await cluster.SubmitAsync(Job(attempt: 2), default);

        Assert.Equal(2, _created.Count);
        Assert.Single(_images);
        _environments.Verify(environments => environments.ExistsAsync(It.IsAny<string>(), It.IsAny<CancellationToken>()), Times.Once);
    }

    [Fact]
    public async Task A_command_runs_in_its_own_image()
    {
        await SubmitAsync(Command("docker.io/library/python:3.13"));

        Assert.Equal("docker.io/library/python:3.13", Assert.Single(_images).Image);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("python:3; rm")]
    public async Task A_name_of_no_image_is_refused(string image)
        => Assert.Equal("parameters.image", (await Assert.ThrowsAsync<ProblemException>(() => SubmitAsync(Command(image)))).Field);

    [Fact]
    public async Task The_clusters_identity_is_named_where_the_settings_name_it()
    {
        var client = Guid.NewGuid();
        _options = _options with { IdentityClientId = client };

        await SubmitAsync(Job());

        Assert.Equal(client, Assert.IsType<MachineLearningManagedIdentity>(_created[0].Job.Identity).ClientId);
    }

    [Theory]
    [InlineData("Queued")]
    [InlineData("Running")]
    [InlineData("Completed")]
    [InlineData("Failed")]
    public async Task Submitting_an_attempt_again_changes_nothing(string status)
    {
        await SubmitAsync(Job());
        Know("default_run_train_1", status);

        await SubmitAsync(Job());

        Assert.Single(_created);
    }

    [Fact]
    public async Task A_next_attempt_waits_for_no_second_job_while_the_one_before_runs()
    {
        await SubmitAsync(Job());

        await SubmitAsync(Job(attempt: 2));

        Assert.Single(_created);
        Assert.Equal(1, (await DescriptionAsync()).Attempt);
    }

    [Fact]
    public async Task An_interrupted_job_is_submitted_as_its_next_attempt()
    {
        await SubmitAsync(Job());
        Know("default_run_train_1", "Failed");
        Put("runs", Folder + "interrupted.json", """{"attempt":1}""");

        Assert.Equal(TrainingJobState.Interrupted, (await StatusAsync()).State);
        await SubmitAsync(Job(attempt: 2));

        Assert.Equal("default_run_train_2", _created[1].Name);
        Assert.Equal(TrainingJobState.Queued, (await StatusAsync()).State);
    }

    [Fact]
    public async Task An_attempt_that_never_reached_the_service_is_submitted_again()
    {
        await SubmitAsync(Job());
        _known.Clear();

        Assert.Equal(TrainingJobState.Unknown, (await StatusAsync()).State);
        await SubmitAsync(Job());

        Assert.Equal(["default_run_train_1", "default_run_train_1"], _created.Select(job => job.Name));
    }

    [Fact]
    public async Task A_job_that_another_call_submitted_meanwhile_is_as_good()
    {
        _jobs.Setup(jobs => jobs.CreateOrUpdateAsync(WaitUntil.Started, It.IsAny<string>(), It.IsAny<MachineLearningJobData>(), It.IsAny<CancellationToken>()))
            .Callback((WaitUntil _, string name, MachineLearningJobData _, CancellationToken _) => Know(name, "Queued"))
            .ThrowsAsync(new RequestFailedException(409, "There is such a job."));

        await SubmitAsync(Job());

        Assert.Equal(TrainingJobState.Queued, (await StatusAsync()).State);
    }

    [Fact]
    public async Task A_cluster_that_does_not_exist_is_named()
    {
        _jobs.Setup(jobs => jobs.CreateOrUpdateAsync(WaitUntil.Started, It.IsAny<string>(), It.IsAny<MachineLearningJobData>(), It.IsAny<CancellationToken>()))
            .ThrowsAsync(new RequestFailedException(400, "No such compute.", "UserError", null));

        var refused = await Assert.ThrowsAsync<ProblemException>(() => SubmitAsync(Job() with { Cluster = "nowhere" }));

        Assert.Equal("compute.cluster", refused.Field);
        Assert.Contains("'nowhere'", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trouble_of_the_services_own_is_not_the_users()
    {
        _jobs.Setup(jobs => jobs.CreateOrUpdateAsync(WaitUntil.Started, It.IsAny<string>(), It.IsAny<MachineLearningJobData>(), It.IsAny<CancellationToken>()))
            .ThrowsAsync(new RequestFailedException(503, "Busy."));

        await Assert.ThrowsAsync<RequestFailedException>(() => SubmitAsync(Job()));
    }

    [Fact]
    public async Task A_trainer_of_another_build_is_refused()
    {
        _build = _build with { Id = "def" };

        var refused = await Assert.ThrowsAsync<ProblemException>(() => SubmitAsync(Job()));

        Assert.Contains("build def", refused.Message, StringComparison.Ordinal);
        Assert.Empty(_created);
    }

    [Fact]
    public async Task An_input_out_of_the_nodes_reach_is_refused()
    {
        var job = Job() with { Inputs = new Dictionary<string, ObjectPath> { ["data"] = new("catalog", "_keys/x") } };

        await Assert.ThrowsAsync<ArgumentException>(() => SubmitAsync(job));
    }

    [Theory]
    [InlineData("Completed", """{"status":"succeeded"}""", TrainingJobState.Succeeded)]
    [InlineData("Failed", """{"status":"failed","error":{"title":"No luck","detail":"Try again."}}""", TrainingJobState.Failed)]
    [InlineData("Completed", """{"status":"failed"}""", TrainingJobState.Failed)]
    [InlineData("Canceled", """{"status":"succeeded"}""", TrainingJobState.Succeeded)]
    public async Task A_jobs_own_result_decides(string status, string result, TrainingJobState state)
    {
        await SubmitAsync(Job());
        Know("default_run_train_1", status);
        Put("runs", Folder + "outputs/result.json", result);

        // Without an error of the cluster's, whoever asks reads the job's own.
        Assert.Equal(new TrainingJobStatus(state), await StatusAsync());
    }

    [Theory]
    [InlineData("Completed", "The job ended without a result")]
    [InlineData("Failed", "The job ended without a result")]
    public async Task A_job_without_a_result_failed(string status, string title)
    {
        await SubmitAsync(Job());
        Know("default_run_train_1", status);

        Assert.Equal(title, (await StatusAsync()).Error!.Title);
    }

    [Fact]
    public async Task An_unreadable_result_fails_the_job()
    {
        await SubmitAsync(Job());
        Know("default_run_train_1", "Completed");
        Put("runs", Folder + "outputs/result.json", "nonsense");

        Assert.Equal("The job's result cannot be read", (await StatusAsync()).Error!.Title);
    }

    [Fact]
    public async Task An_earlier_attempts_word_does_not_make_a_failure_an_interruption()
    {
        await SubmitAsync(Job(attempt: 2));
        Know("default_run_train_2", "Failed");
        Put("runs", Folder + "interrupted.json", """{"attempt":1}""");

        Assert.Equal(TrainingJobState.Failed, (await StatusAsync()).State);
    }

    [Fact]
    public async Task An_earlier_attempts_result_is_forgotten()
    {
        Put("runs", Folder + "outputs/result.json", """{"status":"failed"}""");

        await SubmitAsync(Job());

        Assert.Null(await _store.GetPropertiesAsync(new ObjectPath("runs", Folder + "outputs/result.json"), default));
    }

    [Fact]
    public async Task A_job_that_the_service_ended_past_its_deadline_timed_out()
    {
        await SubmitAsync(Job() with { Description = Job().Description with { Deadline = _time.GetUtcNow() + TimeSpan.FromMinutes(1) } });
        Know("default_run_train_1", "Canceled");

        Assert.Equal(TrainingJobState.Cancelled, (await StatusAsync()).State);
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal("The job timed out", (await StatusAsync()).Error!.Title);
    }

    [Fact]
    public async Task A_running_job_is_cancelled()
    {
        await SubmitAsync(Job());
        var job = Know("default_run_train_1", "Running");

        await Cluster().CancelAsync(Id, default);

        job.Verify(resource => resource.CancelAsync(WaitUntil.Started, It.IsAny<CancellationToken>()), Times.Once);
    }

    [Fact]
    public async Task Cancelling_an_ended_or_unknown_job_does_nothing()
    {
        await Cluster().CancelAsync(Id, default);
        await SubmitAsync(Job());
        var job = Know("default_run_train_1", "Completed");

        await Cluster().CancelAsync(Id, default);

        job.Verify(resource => resource.CancelAsync(It.IsAny<WaitUntil>(), It.IsAny<CancellationToken>()), Times.Never);
    }

    [Fact]
    public async Task A_job_nobody_submitted_is_unknown() => Assert.Equal(TrainingJobState.Unknown, (await StatusAsync()).State);

    private AzureMachineLearningCluster Cluster() => new(
        _options, new(() => _jobs.Object), new(() => _environments.Object), new(() => _build), _store, _time, NullLogger<AzureMachineLearningCluster>.Instance);

    private Task SubmitAsync(TrainingJob job) => Cluster().SubmitAsync(job, default);

    private Task<TrainingJobStatus> StatusAsync() => Cluster().GetStatusAsync(Id, default);

    private async Task<JobDescription> DescriptionAsync()
    {
        await using var content = await _store.OpenReadAsync(new ObjectPath("runs", Folder + "job.json"), null, default);
        return await content!.ReadJsonAsync<JobDescription>(default);
    }

    private void Put(string container, string name, string content)
        => _store.WriteAsync(new ObjectPath(container, name), new MemoryStream(Encoding.UTF8.GetBytes(content)), null, default).GetAwaiter().GetResult();

    /// <summary>Lets the workspace have a job in a state.</summary>
    private Mock<MachineLearningJobResource> Know(string name, string status)
    {
        // Its state cannot be set; what the service sends can be read.
        var data = ModelReaderWriter.Read<MachineLearningJobData>(BinaryData.FromString($$"""
            {"id":"{{Workspace}}/jobs/{{name}}","name":"{{name}}","type":"Microsoft.MachineLearningServices/workspaces/jobs",
             "properties":{"jobType":"Command","status":"{{status}}","command":"true","environmentId":"{{Workspace}}/environments/aiaas/versions/1"} }
            """))!;
        var job = new Mock<MachineLearningJobResource>();
        job.Setup(resource => resource.Data).Returns(data);
        job.Setup(resource => resource.CancelAsync(It.IsAny<WaitUntil>(), It.IsAny<CancellationToken>())).ReturnsAsync((ArmOperation)null!);
        return _known[name] = job;
    }

    private static string MountedFile(MachineLearningCommandJob job, string input) => Assert.IsType<MachineLearningUriFileJobInput>(job.Inputs[input]).Uri.AbsoluteUri;

    private static TrainingJob Job(int attempt = 1) => new()
    {
        Description = new JobDescription
        {
            Kind = JobKind.Train,
            Id = Id.Job,
            Tenant = Id.Tenant,
            Run = Id.Run,
            Attempt = attempt,
            Inputs = new Dictionary<string, string> { ["data"] = "inputs/data.parquet" },
            Parameters = JsonSerializer.SerializeToElement(new { }),
        },
        Inputs = new Dictionary<string, ObjectPath> { ["data"] = new("datasets", "default/churn/1/data.parquet") },
        Folder = new ObjectPath("runs", Folder),
    };

    private static TrainingJob Command(string image)
    {
        var job = Job();
        var parameters = new CommandParameters { Command = ["python3", "train.py"], Image = image };
        return job with { Description = job.Description with { Kind = JobKind.Command, Parameters = JsonSerializer.SerializeToElement(parameters, JsonDefaults.Options) } };
    }

    private sealed class Nothing<T> : NullableResponse<T>
    {
        public override bool HasValue => false;

        public override T Value => throw new InvalidOperationException("There is nothing.");

        public override Response GetRawResponse() => Mock.Of<Response>();
    }
}
