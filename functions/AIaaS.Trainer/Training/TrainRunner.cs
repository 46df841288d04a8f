using AIaaS.Data;
using AIaaS.Formats;
using AIaaS.Learning;
using AIaaS.Learning.Features;
using AIaaS.Trainer.Jobs;

namespace AIaaS.Trainer.Training;

/// <summary>
/// Tries configurations, and trains, judges and exports a model, from the inputs <c>data</c> and <c>schema</c>, and <c>splits</c> where there is one.
/// Where the sweep was other jobs', what they left are inputs in <c>inputs/trials</c>.
/// </summary>
internal sealed class TrainRunner(TimeProvider timeProvider) : IJobRunner
{
    private const string TrialsFolder = "inputs/trials";

    public JobKind Kind => JobKind.Train;

    public Task<JobResult> RunAsync(JobContext job, CancellationToken cancellationToken)
    {
        var parameters = job.Folder.Parameters<TrainParameters>();
        try
        {
            new TrainingRun(timeProvider).Execute(Read(job, parameters, cancellationToken), job.Progress, cancellationToken);
            return Task.FromResult(new JobResult { Status = JobOutcome.Succeeded });
        }
        catch (DatasetException unusable)
        {
            throw new JobException("The data cannot be used", unusable.Message);
        }
        catch (TrainingException impossible)
        {
            throw new JobException(impossible.Title, impossible.Message);
        }
    }

    private static TrainingRequest Read(JobContext job, TrainParameters parameters, CancellationToken cancellationToken)
    {
        // Closed before the training begins: the engine's memory is then the training's.
        using var dataset = PreparedDataset.Open(job.Folder.Input("data"), job.Folder.Input("schema"), job.Threads);
        var (features, target) = TrainingTables.Read(dataset, parameters, cancellationToken);
        return new TrainingRequest
        {
            Parameters = parameters,
            Features = features,
            Target = target,
            Schema = dataset.Schema,
            Weights = ReadWeights(dataset, parameters, cancellationToken),
            Folds = job.Description.Inputs.ContainsKey("splits") ? StoredSplits.ReadFolds(job.Folder.Input("splits"), cancellationToken) : null,
            OutputFolder = job.Folder.Outputs,
            CheckpointFolder = job.Folder.Checkpoints,
            TrialsFolder = job.Description.Inputs.Values.Any(path => path.StartsWith(TrialsFolder + "/", StringComparison.Ordinal))
                ? Path.Combine(job.Folder.Path, TrialsFolder)
                : null,
            Threads = job.Threads,
            Run = job.Description.Run,
        };
    }

    private static float[]? ReadWeights(PreparedDataset dataset, TrainParameters parameters, CancellationToken cancellationToken)
    {
        if (parameters.Weights.Column is not { } name)
            return null;
        var column = dataset.Schema.Columns.FirstOrDefault(c => c.Name == name);
        return column?.Kind is ColumnKind.Number or ColumnKind.Integer or ColumnKind.Constant && column.Type is not ("VARCHAR" or "BLOB")
            ? dataset.ReadNumbers(name, cancellationToken)
            : throw new TrainingException("There is no such weight", $"'{name}' is to weigh rows, and is {(column is null ? "no column of the data" : $"a column of kind {column.Kind}")}. Name a column of numbers in 'weights.column'.");
    }
}
