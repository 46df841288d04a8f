using System.Text.Json;
using AIaaS.Data;
using AIaaS.Formats;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Training;

namespace AIaaS.Platform.Runs;

/// <summary>Describes the jobs that train for a run.</summary>
public sealed class TrainingJobs(IObjectStore store, PlatformOptions options, TimeProvider time)
{
    /// <param name="attempt">The run and the attempt.</param>
    /// <param name="run">The run, its data prepared and its definition settled.</param>
    /// <param name="name">The job's name within the run.</param>
    /// <param name="adapt">Narrows what the job does of the run's training.</param>
    /// <param name="more">Further inputs: name to object, and the place it takes below <c>inputs/</c>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    internal async Task<TrainingJob> DescribeAsync(
        TrainingAttempt attempt,
        Run run,
        string name,
        Func<TrainParameters, TrainParameters> adapt,
        IReadOnlyDictionary<string, (ObjectPath From, string To)> more,
        CancellationToken cancellationToken)
    {
        var (tenant, definition) = (attempt.Reference.Tenant, run.Definition!);
        var parameters = adapt(new TrainParameters
        {
            Model = run.Pipeline!,
            Target = definition.Target!,
            Task = definition.Task!.Value,
            Trainers = definition.Trainers,
            Holdout = definition.Split.Holdout,
            FoldsInOrder = definition.Split.Time is not null,
            Seed = definition.Split.Seed,
            Sweep = definition.Sweep,
            Weights = definition.Weights,
            Calibrate = definition.Calibrate,
            Evaluate = definition.Evaluate,
            Features = definition.Features,
            Dataset = run.Dataset,
            DatasetVersion = run.DatasetVersion,
        });
        ObjectPath File(string file) => DatasetVersion.FileOf(tenant, run.Dataset, run.DatasetVersion, file);
        var inputs = new Dictionary<string, (ObjectPath From, string To)>(more)
        {
            ["data"] = (File(PreparedDataset.DataFileName), PreparedDataset.DataFileName),
            ["schema"] = (File(DataSchema.FileName), DataSchema.FileName),
            ["profile"] = (File(DataProfile.FileName), DataProfile.FileName),
        };
        // Versions from before splits were stored have none; training then deals the rows itself.
        if (await store.GetPropertiesAsync(File(DataSplits.RowsFileName), cancellationToken) is not null)
        {
            inputs["splits"] = (File(DataSplits.RowsFileName), DataSplits.RowsFileName);
        }

        return new TrainingJob
        {
            Description = new JobDescription
            {
                Kind = JobKind.Train,
                Id = name,
                Tenant = tenant,
                Run = run.Id,
                Attempt = attempt.Attempt,
                Inputs = inputs.ToDictionary(input => input.Key, input => $"inputs/{input.Value.To}"),
                Deadline = time.GetUtcNow() + options.TrainingTimeout,
                Parameters = JsonSerializer.SerializeToElement(parameters, JsonDefaults.Options),
            },
            Inputs = inputs.ToDictionary(input => input.Key, input => input.Value.From),
            Folder = Run.JobFolder(attempt.Reference, name),
            Cluster = definition.Compute.Cluster,
        };
    }
}
