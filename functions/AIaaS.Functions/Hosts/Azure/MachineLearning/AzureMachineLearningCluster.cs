using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using AIaaS.Formats;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Training;
using Azure;
using Azure.Core;
using Azure.ResourceManager.MachineLearning;
using Azure.ResourceManager.MachineLearning.Models;
using Microsoft.Extensions.Logging;

namespace AIaaS.Functions.Hosts.Azure.MachineLearning;

/// <summary>Runs jobs as command jobs on the compute clusters of an Azure Machine Learning workspace.</summary>
/// <remarks>
/// What was submitted is read from the job's own <c>job.json</c> in the store, so nothing is kept here, and any instance of the app knows every job.
/// The node's part is <c>AIaaS.Trainer --node</c>.
/// </remarks>
internal sealed partial class AzureMachineLearningCluster(
    AzureMlOptions options,
    Lazy<MachineLearningJobCollection> jobs,
    Lazy<MachineLearningEnvironmentVersionCollection> environments,
    Lazy<TrainerBuild> trainer,
    IObjectStore store,
    TimeProvider time,
    ILogger<AzureMachineLearningCluster> logger) : ITrainingCluster
{
    /// <summary>The environment whose versions are the images that jobs run in.</summary>
    public const string EnvironmentName = "aiaas";

    private const string ExperimentName = "aiaas";

    /// <summary>The trainer ends itself at the deadline; past this the service ends it.</summary>
    private static readonly TimeSpan DeadlineGrace = TimeSpan.FromMinutes(10);

    /// <summary>The containers that the workspace has datastores for.</summary>
    private static readonly string[] Mountable = [Containers.Datasets, Containers.Runs, TrainerBuild.Container];

    private readonly ConcurrentDictionary<string, ResourceIdentifier> _environments = new(StringComparer.Ordinal);
    private volatile bool _trainerUploaded;

    /// <inheritdoc/>
    /// <exception cref="ProblemException">The job asks for something that it cannot have, or the deployment lacks its trainer.</exception>
    public async Task SubmitAsync(TrainingJob job, CancellationToken cancellationToken)
    {
        job = job.Validated();
        var id = job.Id;
        if (job.Folder != FolderOf(id))
        {
            throw new ArgumentException($"The folder of a job is '{FolderOf(id)}', not '{job.Folder}'.", nameof(job));
        }

        if (await ReadAsync<JobDescription>(id, JobDescription.FileName, cancellationToken) is { } before)
        {
            var status = await StatusOfAsync(id, before, cancellationToken);
            var isNew = status.State is TrainingJobState.Unknown
                || (before.Attempt < job.Description.Attempt && status.Ended && status.State is not TrainingJobState.Succeeded);
            if (!isNew)
            {
                return;
            }

            job = job with { Description = job.Description with { Attempt = Math.Max(before.Attempt, job.Description.Attempt) } };
        }

        var data = await DescribeAsync(job, cancellationToken);
        var description = BinaryData.FromObjectAsJson(job.Description, JsonDefaults.Indented);
        await store.DeleteAsync(In(id, ResultName(job.Description)), ifMatch: null, cancellationToken);
        await store.WriteAsync(In(id, JobDescription.FileName), description.ToStream(), options: null, cancellationToken);
        await CreateAsync(AzureMlJobName.Of(id, job.Description.Attempt), ClusterOf(job), data, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<TrainingJobStatus> GetStatusAsync(TrainingJobId id, CancellationToken cancellationToken)
        => await ReadAsync<JobDescription>(id.Validated(), JobDescription.FileName, cancellationToken) is { } description
            ? await StatusOfAsync(id, description, cancellationToken)
            : new TrainingJobStatus(TrainingJobState.Unknown);

    /// <inheritdoc/>
    public async Task CancelAsync(TrainingJobId id, CancellationToken cancellationToken)
    {
        if (await ReadAsync<JobDescription>(id.Validated(), JobDescription.FileName, cancellationToken) is not { } description
            || await FindAsync(id, description.Attempt, cancellationToken) is not { } job
            || new TrainingJobStatus(StateOf(job)).Ended)
        {
            return;
        }

        try
        {
            await job.CancelAsync(WaitUntil.Started, cancellationToken);
        }
        catch (RequestFailedException)
        {
            // Where it ended by itself in between there is nothing left to cancel.
            if (await FindAsync(id, description.Attempt, cancellationToken) is { } left && !new TrainingJobStatus(StateOf(left)).Ended)
            {
                throw;
            }
        }
    }

    private async Task CreateAsync(string name, string cluster, MachineLearningJobData data, CancellationToken cancellationToken)
    {
        try
        {
            await jobs.Value.CreateOrUpdateAsync(WaitUntil.Started, name, data, cancellationToken);
            LogSubmitted(name, cluster);
        }
        catch (RequestFailedException refused) when (refused.Status is 400 or 404 or 409)
        {
            // Another call was first, which is as good.
            if ((await jobs.Value.GetIfExistsAsync(name, cancellationToken)).HasValue)
            {
                return;
            }

            LogRefused(name, cluster, refused);
            throw new ProblemException(
                Problem.InvalidValue,
                $"Azure Machine Learning does not take the job on the cluster '{cluster}' ({refused.ErrorCode ?? refused.Status.ToString(CultureInfo.InvariantCulture)}). See whether the workspace has a compute cluster of that name.")
            { Field = "compute.cluster" };
        }
    }

    private async Task<MachineLearningJobData> DescribeAsync(TrainingJob job, CancellationToken cancellationToken)
    {
        var (id, description, cluster) = (job.Id, job.Description, ClusterOf(job));
        var hasGpu = options.GpuClusters.Contains(cluster, StringComparer.Ordinal);
        await RequireTrainerAsync(cancellationToken);
        var environment = await EnvironmentOfAsync(ImageOf(description) ?? (hasGpu ? options.GpuImage : options.CpuImage), cancellationToken);
        var inputs = description.Inputs.ToList();
        var command = new MachineLearningCommandJob(NodeCommand.Of(inputs.Select(input => input.Value)), environment)
        {
            ComputeId = new ResourceIdentifier($"{options.WorkspaceId}/computes/{cluster}"),
            DisplayName = $"{id.Run} {id.Job}",
            ExperimentName = ExperimentName,
            Identity = new MachineLearningManagedIdentity { ClientId = options.IdentityClientId },
            Tags =
            {
                ["tenant"] = id.Tenant,
                ["run"] = id.Run,
                ["job"] = id.Job,
            },
            Inputs =
            {
                [NodeCommand.TrainerInput] = MountOf(trainer.Value.ArchiveFor(hasGpu ? TrainerBuild.Cuda : TrainerBuild.Cpu)),
                [NodeCommand.FolderInput] = MountOf(job.Folder),
            },
            Outputs =
            {
                [NodeCommand.FolderOutput] = new MachineLearningUriFolderJobOutput
                {
                    Uri = UriOf(job.Folder),
                    Mode = MachineLearningOutputDeliveryMode.ReadWriteMount,
                },
            },
        };
        for (var number = 0; number < inputs.Count; number++)
        {
            command.Inputs[NodeCommand.InputName(number)] = MountOf(job.Inputs[inputs[number].Key]);
        }

        if (description.Deadline is { } deadline)
        {
            // The service knows whole seconds only.
            var left = Math.Ceiling(Math.Max(0, (deadline - time.GetUtcNow()).TotalSeconds));
            command.Limits = new MachineLearningCommandJobLimits { Timeout = TimeSpan.FromSeconds(left) + DeadlineGrace };
        }

        return new MachineLearningJobData(command);
    }

    /// <summary>Makes an image known to the workspace; nothing is built from it.</summary>
    private async Task<ResourceIdentifier> EnvironmentOfAsync(string image, CancellationToken cancellationToken)
    {
        if (_environments.TryGetValue(image, out var known))
        {
            return known;
        }

        var version = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(image)))[..32];
        if (!(await environments.Value.ExistsAsync(version, cancellationToken)).Value)
        {
            var properties = new MachineLearningEnvironmentVersionProperties { Image = image, OSType = MachineLearningOperatingSystemType.Linux };
            await environments.Value.CreateOrUpdateAsync(WaitUntil.Completed, version, new MachineLearningEnvironmentVersionData(properties), cancellationToken);
        }

        return _environments.GetOrAdd(image, new ResourceIdentifier($"{options.WorkspaceId}/environments/{EnvironmentName}/versions/{version}"));
    }

    private async Task RequireTrainerAsync(CancellationToken cancellationToken)
    {
        if (_trainerUploaded)
        {
            return;
        }

        if (await store.GetPropertiesAsync(trainer.Value.Marker, cancellationToken) is null)
        {
            throw new ProblemException(
                Problem.Unavailable,
                $"The trainer of this function app, build {trainer.Value.Id}, is not in the storage account: another build is, or its upload did not end. Run infra/hooks/upload-trainer ('azd deploy' does), and start the run again.");
        }

        _trainerUploaded = true;
    }

    private async Task<TrainingJobStatus> StatusOfAsync(TrainingJobId id, JobDescription description, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, description.Attempt, cancellationToken) is not { } job)
        {
            return new TrainingJobStatus(TrainingJobState.Unknown);
        }

        var state = StateOf(job);
        if (state is TrainingJobState.Queued or TrainingJobState.Running)
        {
            return new TrainingJobStatus(state);
        }

        try
        {
            // What the job itself says counts more than how its container ended.
            if (await ReadAsync<JobResult>(id, ResultName(description), cancellationToken) is { } result)
            {
                return new TrainingJobStatus(result.Status switch
                {
                    JobOutcome.Succeeded => TrainingJobState.Succeeded,
                    JobOutcome.Cancelled => TrainingJobState.Cancelled,
                    _ => TrainingJobState.Failed,
                });
            }
        }
        catch (JsonException)
        {
            return Failed("The job's result cannot be read", $"The job wrote a '{JobResult.FileName}' that is not a job's result.");
        }

        return state switch
        {
            TrainingJobState.Cancelled when description.Deadline < time.GetUtcNow() => Failed(
                "The job timed out", "It did not end before its deadline. Allow it more time, or give it less to do."),
            TrainingJobState.Cancelled or TrainingJobState.Interrupted => new TrainingJobStatus(state),
            _ when await ReadAsync<JobInterruption>(id, JobInterruption.FileName, cancellationToken) is { } left && left.Attempt == description.Attempt
                => new TrainingJobStatus(TrainingJobState.Interrupted),
            _ => Failed(
                "The job ended without a result",
                $"Azure Machine Learning ended the job '{AzureMlJobName.Of(id, description.Attempt)}' before its trainer could say why: the image may be out of reach, or the storage account closed to the cluster's identity. The job's logs in Azure Machine Learning studio tell more."),
        };
    }

    private async Task<MachineLearningJobResource?> FindAsync(TrainingJobId id, int attempt, CancellationToken cancellationToken)
    {
        var found = await jobs.Value.GetIfExistsAsync(AzureMlJobName.Of(id, attempt), cancellationToken);
        return found.HasValue ? found.Value : null;
    }

    private async Task<T?> ReadAsync<T>(TrainingJobId id, string name, CancellationToken cancellationToken)
        where T : class
    {
        await using var content = await store.OpenReadAsync(In(id, name), range: null, cancellationToken);
        return content is null ? null : await content.ReadJsonAsync<T>(cancellationToken);
    }

    private string ClusterOf(TrainingJob job) => job.Cluster ?? options.DefaultCluster;

    private static TrainingJobState StateOf(MachineLearningJobResource job) => AzureMlJobStates.Of(job.Data.Properties.Status?.ToString());

    private static string? ImageOf(JobDescription description)
    {
        if (description.Kind is not JobKind.Command || description.Parameters.Deserialize<CommandParameters>(JsonDefaults.Options)?.Image is not { } image)
        {
            return null;
        }

        return ImagePattern().IsMatch(image)
            ? image
            : throw new ProblemException(Problem.InvalidValue, "'image' must name a public container image, for instance 'docker.io/library/python:3.13'.") { Field = "parameters.image" };
    }

    private static MachineLearningJobInput MountOf(ObjectPath path) => path.Name.EndsWith('/')
        ? new MachineLearningUriFolderJobInput(UriOf(path)) { Mode = MachineLearningInputDeliveryMode.ReadOnlyMount }
        : new MachineLearningUriFileJobInput(UriOf(path)) { Mode = MachineLearningInputDeliveryMode.ReadOnlyMount };

    private static Uri UriOf(ObjectPath path) => Mountable.Contains(path.Container)
        ? new Uri($"azureml://datastores/aiaas_{path.Container}/paths/{path.Name}")
        : throw new ArgumentException($"No datastore leads to '{path}'; an input lies in one of {string.Join(", ", Mountable)}.", nameof(path));

    private static ObjectPath FolderOf(TrainingJobId id) => new(Containers.Runs, $"{id.Tenant}/{id.Run}/jobs/{id.Job}/");

    private static ObjectPath In(TrainingJobId id, string name) => new(Containers.Runs, FolderOf(id).Name + name);

    private static string ResultName(JobDescription description) => $"{description.Outputs}/{JobResult.FileName}";

    private static TrainingJobStatus Failed(string title, string detail) => new(TrainingJobState.Failed, new ErrorDetail(title, detail));

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}\z", RegexOptions.CultureInvariant)]
    private static partial Regex ImagePattern();

    [LoggerMessage(Level = LogLevel.Information, Message = "Azure Machine Learning job {Name} submitted to cluster {Cluster}")]
    private partial void LogSubmitted(string name, string cluster);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Azure Machine Learning refused job {Name} on cluster {Cluster}")]
    private partial void LogRefused(string name, string cluster, Exception exception);
}
