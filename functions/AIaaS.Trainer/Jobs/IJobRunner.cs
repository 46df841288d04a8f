using AIaaS.Formats;

namespace AIaaS.Trainer.Jobs;

/// <summary>Does the work of one kind of job.</summary>
internal interface IJobRunner
{
    JobKind Kind { get; }

    /// <summary>Runs a job, resuming from its checkpoints where there are any.</summary>
    /// <returns>How it ended; where a successful result names no artifacts, all files in the outputs become its artifacts.</returns>
    /// <exception cref="JobException">It failed, for a reason its owner can understand.</exception>
    /// <exception cref="JobInterruptedException">It left by itself, to be resumed.</exception>
    /// <exception cref="OperationCanceledException">It was asked to leave, and has left a checkpoint.</exception>
    Task<JobResult> RunAsync(JobContext job, CancellationToken cancellationToken);
}

/// <summary>What a runner needs to know and to reach.</summary>
/// <param name="Folder">The job's folder and description.</param>
/// <param name="Progress">Writes progress files; may be called from any thread.</param>
/// <param name="Threads">Threads the engines may use.</param>
/// <param name="MemoryBytes">Bytes the job may use; null without a bound.</param>
internal sealed record JobContext(JobFolder Folder, IProgress<JobProgress> Progress, int Threads, long? MemoryBytes)
{
    public JobDescription Description => Folder.Description;
}
