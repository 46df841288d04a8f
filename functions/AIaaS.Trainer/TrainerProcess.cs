using System.Globalization;
using AIaaS.Formats;
using AIaaS.Trainer.Jobs;

namespace AIaaS.Trainer;

/// <summary>The program: <c>AIaaS.Trainer [folder]</c>, or the folder in <c>AIAAS_JOB_DIR</c>.</summary>
/// <remarks>
/// Leaves within 30 s, with a checkpoint, on SIGTERM, and with <c>AIAAS_PARENT_PIPE=1</c> also when standard input ends,
/// so that a parent that was killed leaves no orphan behind. Exit codes are those of <see cref="JobExitCode"/>.
/// </remarks>
internal sealed class TrainerProcess(TimeProvider timeProvider, TextWriter people, TextWriter log, IReadOnlyList<IJobRunner> runners)
{
    private const string LockFileName = "job.lock";
    private const int DiskFull = 28;
    private static readonly TimeSpan LockRetry = TimeSpan.FromMilliseconds(250);

    public async Task<int> RunAsync(string[] arguments)
    {
        var path = arguments.Length == 1 ? arguments[0] : Environment.GetEnvironmentVariable(JobEnvironment.Folder);
        if (arguments.Length > 1 || string.IsNullOrEmpty(path))
        {
            await log.WriteLineAsync($"Usage: AIaaS.Trainer <folder of a job>; or set {JobEnvironment.Folder}.");
            return JobExitCode.Failed;
        }

        if (!Directory.Exists(path))
        {
            await log.WriteLineAsync($"There is no folder '{path}'.");
            return JobExitCode.Failed;
        }

        using var lifetime = new JobLifetime(timeProvider);
        lifetime.Listen(hasParent: Environment.GetEnvironmentVariable(JobEnvironment.ParentPipe) == "1");
        await using var folderLock = await LockAsync(path, lifetime);
        if (folderLock is null)
        {
            await log.WriteLineAsync("Another process works on this job.");
            return JobExitCode.Interrupted;
        }

        JobFolder folder;
        try
        {
            folder = JobFolder.Open(path);
        }
        catch (JobException invalid)
        {
            return Fail(JobFolder.Undescribed(path), invalid.Error);
        }

        return await RunAsync(folder, lifetime);
    }

    private async Task<int> RunAsync(JobFolder folder, JobLifetime lifetime)
    {
        try
        {
            folder.Prepare();
            var job = folder.Description;
            var runner = runners.FirstOrDefault(candidate => candidate.Kind == job.Kind)
                ?? throw new JobException("The kind of job is unknown", $"This trainer runs no jobs of kind '{job.Kind}'.");
            var memory = job.Limits.MemoryMb is { } mebibytes ? (long)mebibytes << 20 : (long?)null;
            if (memory is { } bytes)
                LimitManagedMemory(bytes);
            if (job.Deadline is { } deadline)
                lifetime.EndAt(deadline);
            await people.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"Job {job.Id} of run {job.Run}, attempt {job.Attempt}"));

            var context = new JobContext(folder, new ProgressLog(folder.ProgressFolder, people), job.Limits.Cpu ?? Environment.ProcessorCount, memory);
            var work = Task.Run(() => CompleteAsync(runner, context, lifetime.Ending));
            if (await Task.WhenAny(work, lifetime.GraceOver) != work)
                return End(folder, lifetime, inTime: false);
            var result = await work;
            folder.WriteResult(result);
            await people.WriteLineAsync($"Ended: {result.Status}");
            return result.Status == JobOutcome.Succeeded ? JobExitCode.Succeeded : JobExitCode.Failed;
        }
        catch (OperationCanceledException) when (lifetime.Reason != EndReason.None)
        {
            return End(folder, lifetime, inTime: true);
        }
        catch (JobInterruptedException interrupted)
        {
            log.WriteLine(interrupted.Message);
            return JobExitCode.Interrupted;
        }
        catch (JobException known)
        {
            if (known.InnerException is not null)
                log.WriteLine(known.InnerException);
            return Fail(folder, known.Error);
        }
        catch (OutOfMemoryException exhausted)
        {
            log.WriteLine(exhausted);
            return Fail(folder, new ErrorDetail("The job ran out of memory", "Give the job a higher memory limit, or less data."));
        }
        catch (IOException full) when ((full.HResult & 0xffff) == DiskFull)
        {
            log.WriteLine(full);
            return Fail(folder, new ErrorDetail("The disk is full", "Free some space on the machine that runs the job, then start it again."));
        }
#pragma warning disable CA1031 // The last line of defence: the job's owner gets a result whatever happens.
        catch (Exception unknown)
#pragma warning restore CA1031
        {
            log.WriteLine(unknown);
            return Fail(folder, new ErrorDetail("The job failed unexpectedly", "This is a fault of the trainer, not of your data; the job's log tells more. Starting the job again may help."));
        }
    }

    private static async Task<JobResult> CompleteAsync(IJobRunner runner, JobContext job, CancellationToken ending)
    {
        ending.ThrowIfCancellationRequested();
        var result = await runner.RunAsync(job, ending);
        return result is { Status: JobOutcome.Succeeded, Artifacts.Count: 0 }
            ? result with { Artifacts = await job.Folder.DescribeArtifactsAsync(ending) }
            : result;
    }

    private int End(JobFolder folder, JobLifetime lifetime, bool inTime)
    {
        if (!inTime)
            log.WriteLine("The work did not end in time and was abandoned.");
        if (lifetime.Reason == EndReason.TimedOut)
            return Fail(folder, new ErrorDetail("The job timed out", "It did not end before its deadline. Allow it more time, or give it less to do."));
        people.WriteLine("Interrupted; another attempt resumes the job.");
        return JobExitCode.Interrupted;
    }

    private int Fail(JobFolder folder, ErrorDetail error)
    {
        log.WriteLine($"{error.Title}: {error.Detail}");
        try
        {
            Directory.CreateDirectory(folder.Outputs);
            folder.WriteResult(new JobResult { Status = JobOutcome.Failed, Error = error });
        }
        catch (Exception unwritable) when (unwritable is IOException or UnauthorizedAccessException)
        {
            log.WriteLine(unwritable);
        }

        return JobExitCode.Failed;
    }

    /// <summary>The managed heap's share of the limit; engines get theirs through <see cref="JobContext.MemoryBytes"/>.</summary>
    private void LimitManagedMemory(long bytes)
    {
        AppContext.SetData("GCHeapHardLimit", (ulong)bytes);
        try
        {
            GC.RefreshMemoryLimit();
        }
        catch (InvalidOperationException refused)
        {
            log.WriteLine($"The memory limit could not be put on the managed heap: {refused.Message}");
        }
    }

    /// <summary>One process at a time: an orphan of a killed host may still be saving its checkpoint.</summary>
    private async Task<FileStream?> LockAsync(string path, JobLifetime lifetime)
    {
        while (lifetime.Reason == EndReason.None)
        {
            try
            {
                return new FileStream(Path.Combine(path, LockFileName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (!lifetime.Ending.IsCancellationRequested)
            {
                await Task.Delay(LockRetry, timeProvider);
            }
        }

        return null;
    }
}
