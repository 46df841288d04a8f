using AIaaS.Data;
using AIaaS.Formats;
using AIaaS.Learning;
using AIaaS.Learning.Features;
using AIaaS.Trainer.Jobs;

namespace AIaaS.Trainer.Training;

/// <summary>Trains, judges and exports a model from the inputs <c>data</c> and <c>schema</c>, and <c>splits</c> where there is one.</summary>
internal sealed class TrainRunner(TimeProvider timeProvider) : IJobRunner
{
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
            Folds = job.Description.Inputs.ContainsKey("splits") ? StoredSplits.ReadFolds(job.Folder.Input("splits"), cancellationToken) : null,
            OutputFolder = job.Folder.Outputs,
            CheckpointFolder = job.Folder.Checkpoints,
            Threads = job.Threads,
            Run = job.Description.Run,
        };
    }
}
