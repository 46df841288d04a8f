using System.Text.Json;
using AIaaS.Data;
using AIaaS.Data.Preparation;
using AIaaS.Formats;
using AIaaS.Trainer.Jobs;

namespace AIaaS.Trainer.Preparation;

/// <summary>Makes a prepared data set of all inputs but the baseline's, in the order of their names; a folder stands for the files in it, by name.</summary>
internal sealed class PrepareRunner(TimeProvider timeProvider) : IJobRunner
{
    private const string WorkFolder = "work";

    /// <summary>The engine's share of the memory limit; the rest is for what it does not count.</summary>
    private const double EngineShare = 0.6;

    public JobKind Kind => JobKind.Prepare;

    public Task<JobResult> RunAsync(JobContext job, CancellationToken cancellationToken)
    {
        var parameters = job.Folder.Parameters<PrepareParameters>();
        var sources = job.Description.Inputs.Keys.Where(PrepareInputs.IsSource).Order(StringComparer.Ordinal).SelectMany(name => SourcesOf(job.Folder.Input(name))).ToList();
        var baseline = parameters.BaselineVersion is { } version
            ? new PreparationBaseline(version, job.Folder.Input(PrepareInputs.BaselineData), job.Folder.Input(PrepareInputs.BaselineSchema), job.Folder.Input(PrepareInputs.BaselineProfile))
            : null;
        var work = Directory.CreateDirectory(Path.Combine(job.Folder.Path, WorkFolder));
        try
        {
            var options = new PreparationOptions
            {
                TempFolder = work.FullName,
                Threads = job.Threads,
                MemoryLimit = job.MemoryBytes is { } bytes ? (long)(bytes * EngineShare) : null,
                WideMemoryLimit = job.MemoryBytes,
            };
            new DatasetPreparation(options).Prepare(sources, parameters, job.Folder.Outputs, baseline, new Reporter(job.Progress, timeProvider), cancellationToken);
            return Task.FromResult(new JobResult { Status = JobOutcome.Succeeded });
        }
        catch (DatasetException unusable)
        {
            throw new JobException("The data cannot be used", unusable.Message);
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    private static IEnumerable<DatasetSource> SourcesOf(string path) => Directory.Exists(path)
        ? Directory.EnumerateFiles(path).Order(StringComparer.Ordinal).Select(file => new DatasetSource(file))
        : [new DatasetSource(path)];

    private sealed class Reporter(IProgress<JobProgress> progress, TimeProvider timeProvider) : IProgress<PreparationProgress>
    {
        public void Report(PreparationProgress value) => progress.Report(new JobProgress
        {
            Time = timeProvider.GetUtcNow(),
            Kind = JobProgressKind.Progress,
            Percent = value.Percent,
            Values = new Dictionary<string, JsonElement> { ["stage"] = JsonSerializer.SerializeToElement(value.Stage) },
        });
    }
}
