using System.Collections.Concurrent;
using System.ComponentModel;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AIaaS.Platform.Training;

/// <summary>
/// Runs jobs as child processes on this machine, in folders <c>{Root}/{tenant}/{run}/{job}/</c>.
/// A job found unfinished at start, because its host was stopped or killed, is resumed from its checkpoints by the cluster itself;
/// a job that leaves by itself to be resumed ends as <see cref="TrainingJobState.Interrupted"/>.
/// </summary>
/// <remarks>
/// <see cref="SubmitAsync"/> may be called before <see cref="StartAsync"/>; jobs run after it.
/// <see cref="StopAsync"/> lets running jobs checkpoint, for up to <see cref="ProcessTrainingClusterOptions.LeaveTimeout"/>.
/// </remarks>
public sealed partial class ProcessTrainingCluster(
    ProcessTrainingClusterOptions options,
    IObjectStore objectStore,
    IMessageQueue messageQueue,
    TimeProvider timeProvider,
    ILogger<ProcessTrainingCluster> logger) : ITrainingCluster, IHostedService, IAsyncDisposable
{
    private const int KilledExitCode = 128 + 9;
    private const int TerminatedExitCode = 128 + 15;
    private const int MaximumAttempt = 1000;
    private const int MaximumTries = 8;
    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(30);

    /// <summary>The trainer ends itself at the deadline; past this it is stuck.</summary>
    private static readonly TimeSpan DeadlineGrace = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(40);

    private readonly string _root = Path.GetFullPath(options.Root);
    private readonly ConcurrentDictionary<TrainingJobId, ProcessJob> _jobs = [];
    private readonly Lock _gate = new();
    private readonly Dictionary<TrainingJobId, Worker> _workers = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _killing = new();
    private bool _started;
    private bool _isDisposed;

    /// <summary>A job in the hands of this process.</summary>
    private sealed class Worker : IDisposable
    {
        private readonly CancellationTokenSource _leave;

        public Worker(CancellationToken stopping) => _leave = CancellationTokenSource.CreateLinkedTokenSource(stopping);

        /// <summary>Cancelled when the job has to leave: it was cancelled, or the host stops.</summary>
        public CancellationToken Leave => _leave.Token;

        public Task Task { get; set; } = Task.CompletedTask;

        public void AskToLeave() => _leave.Cancel();

        public void Dispose() => _leave.Dispose();
    }

    /// <inheritdoc/>
    /// <exception cref="ProblemException">A name or path of the job is unacceptable.</exception>
    public Task SubmitAsync(TrainingJob job, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        job = job.Validated();
        var attempt = job.Description.Attempt;
        lock (_gate)
        {
            var entry = Find(job.Id, create: true)!;
            entry.Update(state => state switch
            {
                null => new ProcessJobState
                {
                    Job = job,
                    SubmittedAttempt = attempt,
                    Attempt = attempt,
                    State = TrainingJobState.Queued,
                    Queued = timeProvider.GetUtcNow(),
                },
                _ when attempt <= state.SubmittedAttempt || state.State == TrainingJobState.Succeeded => null,
                { HasEnded: false } => state with { SubmittedAttempt = attempt },
                _ => new ProcessJobState
                {
                    Job = job,
                    SubmittedAttempt = attempt,
                    Attempt = Math.Max(attempt, state.Attempt + 1),
                    State = TrainingJobState.Queued,
                    Queued = timeProvider.GetUtcNow(),
                },
            });
        }

        Pump();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task<TrainingJobStatus> GetStatusAsync(TrainingJobId id, CancellationToken cancellationToken)
    {
        id.Validated();
        if (Find(id, create: false)?.State is { } state)
            return state.Status;

        // Past the retention the result tells; it lies where the contract has it.
        var path = new ObjectPath(Containers.Runs, $"{id.Tenant}/{id.Run}/jobs/{id.Job}/outputs/{JobResult.FileName}");
        await using var content = await objectStore.OpenReadAsync(path, null, cancellationToken);
        if (content is null)
            return new TrainingJobStatus(TrainingJobState.Unknown);
        return (await ReadResultAsync(content.Stream, cancellationToken)).Status;
    }

    /// <inheritdoc/>
    public Task CancelAsync(TrainingJobId id, CancellationToken cancellationToken)
    {
        id.Validated();
        cancellationToken.ThrowIfCancellationRequested();
        if (Find(id, create: false) is { } job)
        {
            lock (_gate)
            {
                var worker = _workers.GetValueOrDefault(id);
                job.Update(state => state switch
                {
                    null or { HasEnded: true } => null,
                    { State: TrainingJobState.Queued } when worker is null => state with
                    {
                        CancelRequested = true,
                        State = TrainingJobState.Cancelled,
                        Ended = timeProvider.GetUtcNow(),
                    },
                    _ => state with { CancelRequested = true },
                });
                if (job.State is { HasEnded: false })
                    worker?.AskToLeave();
            }

            Pump();
        }

        return Task.CompletedTask;
    }

    /// <summary>Takes up the jobs of the host before, and runs.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(_root);
        foreach (var file in Directory.EnumerateFiles(_root, ProcessJobState.FileName, new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 3 }))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Path.GetRelativePath(_root, Path.GetDirectoryName(file)!).Split(Path.DirectorySeparatorChar) is [var tenant, var run, var name])
                Recover(new TrainingJobId(tenant, run, name));
        }

        Sweep();
        lock (_gate)
            _started = true;
        Pump();
        return Task.CompletedTask;
    }

    /// <summary>Lets running jobs checkpoint and leave; they are resumed at the next start.</summary>
    /// <param name="cancellationToken">Kills what has not left.</param>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        Task[] working;
        lock (_gate)
        {
            _stopping.Cancel();
            working = [.. _workers.Values.Select(worker => worker.Task)];
        }

        await using var registration = cancellationToken.Register(() => _killing.Cancel());
        await Task.WhenAll(working);
    }

    public async ValueTask DisposeAsync()
    {
        // Registered under several types, it is disposed once for each.
        if (Interlocked.Exchange(ref _isDisposed, true))
        {
            return;
        }

        await _killing.CancelAsync();
        await StopAsync(CancellationToken.None);
        _stopping.Dispose();
        _killing.Dispose();
    }

    private ProcessJob? Find(TrainingJobId id, bool create)
    {
        if (_jobs.TryGetValue(id, out var known))
            return known;
        var job = new ProcessJob(id, Path.Combine(_root, id.Tenant, id.Run, id.Job));
        return job.Load() || create ? _jobs.GetOrAdd(id, job) : null;
    }

    private void Recover(TrainingJobId id)
    {
        ProcessJob? job;
        try
        {
            job = Find(id, create: false);
        }
        catch (JsonException unreadable)
        {
            LogStateUnreadable(id, unreadable);
            return;
        }

        if (job?.State is not { State: TrainingJobState.Running } state)
            return;
        if (state is { ProcessId: { } processId, ProcessStarted: { } started } && JobProcess.KillOrphan(processId, started))
            LogOrphanKilled(id, processId);
        if (!File.Exists(Path.Combine(job.Outputs, JobResult.FileName)))
            Requeue(job);
    }

    /// <summary>Another attempt from the checkpoints in the local folder.</summary>
    private void Requeue(ProcessJob job)
    {
        LogResumed(job.Id, job.State!.Attempt + 1);
        job.Update(state => state! with
        {
            State = TrainingJobState.Queued,
            Attempt = state.Attempt + 1,
            ProcessId = null,
            ProcessStarted = null,
        });
    }

    /// <summary>Starts as many jobs as there is room for, the oldest first.</summary>
    private void Pump()
    {
        lock (_gate)
        {
            while (_started && !_stopping.IsCancellationRequested && _workers.Count < options.MaxConcurrentJobs)
            {
                var next = _jobs.Values
                    .Where(job => job.State is { Settled: false } && !_workers.ContainsKey(job.Id))
                    .MinBy(job => (job.State!.Queued, job.Id.Tenant, job.Id.Run, job.Id.Job));
                if (next is null)
                    return;
                var worker = new Worker(_stopping.Token);
                _workers.Add(next.Id, worker);
                worker.Task = Task.Run(() => WorkAsync(next, worker));
            }
        }
    }

    private async Task WorkAsync(ProcessJob job, Worker worker)
    {
        try
        {
            await AdvanceAsync(job, worker.Leave);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
        }
#pragma warning disable CA1031 // Whatever one job runs into must not end the cluster.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            LogWorkFailed(job.Id, failure);
            // The next worker takes up the job where its state says; not at once, since the cause may last.
            await Task.Delay(LongestDelay, timeProvider, _stopping.Token).ContinueWith(_ => { }, TaskScheduler.Default);
        }
        finally
        {
            lock (_gate)
            {
                _workers.Remove(job.Id);
                worker.Dispose();
            }
        }

        Sweep();
        Pump();
    }

    /// <summary>From the state a job is in to its settled end, unless the host stops.</summary>
    private async Task AdvanceAsync(ProcessJob job, CancellationToken leave)
    {
        var state = job.State!;
        var mirror = new JobMirror(objectStore, job, state.Job);
        var log = new BoundedLog();
        if (state.State == TrainingJobState.Queued)
        {
            var ended = await PrepareAsync(job, mirror, log, leave) ?? await RunAsync(job, mirror, log, leave);
            if (ended is null)
                return;
            End(job, ended);
        }
        else if (state.State == TrainingJobState.Running)
        {
            // The host before ended between the job's end and the record of it.
            End(job, await CollectAsync(job, mirror, log, null));
        }

        await SettleAsync(job);
    }

    /// <returns>How the job ended before it began; null when it can run.</returns>
    private async Task<TrainingJobStatus?> PrepareAsync(ProcessJob job, JobMirror mirror, BoundedLog log, CancellationToken leave)
    {
        var state = job.State!;
        if (state.CancelRequested)
            return new TrainingJobStatus(TrainingJobState.Cancelled);
        if (state.Attempt > MaximumAttempt)
            return Failed("The job was restarted too often", $"It was started {MaximumAttempt} times and never came to an end.");
        try
        {
            if (!state.Materialized)
            {
                // An earlier fetch may have been cut short.
                job.Clear();
                await mirror.MaterializeAsync(leave);
                job.Update(current => current! with { Materialized = true });
            }

            Directory.CreateDirectory(job.Outputs);
            File.Delete(Path.Combine(job.Outputs, JobResult.FileName));
            await mirror.DeleteResultAsync(leave);
            var description = state.Job.Description with { Attempt = state.Attempt };
            await File.WriteAllBytesAsync(
                Path.Combine(job.Folder, JobDescription.FileName), JsonSerializer.SerializeToUtf8Bytes(description, JsonDefaults.Indented), leave);
            await mirror.WriteDescriptionAsync(description, leave);
            log.Append(await mirror.ReadLogAsync(leave));
            return null;
        }
        catch (OperationCanceledException) when (leave.IsCancellationRequested && job.State is { CancelRequested: true })
        {
            return new TrainingJobStatus(TrainingJobState.Cancelled);
        }
        catch (ArgumentException unacceptable)
        {
            LogWorkFailed(job.Id, unacceptable);
            return Failed("An input of the job is missing", "The object store has no objects of such a name.");
        }
        catch (FileNotFoundException missing)
        {
            LogInputMissing(job.Id, missing.FileName);
            return Failed("An input of the job is missing", missing.Message);
        }
        catch (IOException unreadable)
        {
            LogWorkFailed(job.Id, unreadable);
            return Failed("The job's inputs could not be fetched", "The disk may be full or the storage unavailable; start the job again later.");
        }
    }

    /// <returns>How the job ended; null when it left because the host stops, and is resumed at the next start.</returns>
    private async Task<TrainingJobStatus?> RunAsync(ProcessJob job, JobMirror mirror, BoundedLog log, CancellationToken leave)
    {
        var attempt = job.State!.Attempt;
        // Before the start, so that no host ever takes a job for queued whose process may be running.
        job.Update(state => state! with { State = TrainingJobState.Running, ProcessId = null, ProcessStarted = null });
        log.Append($"--- attempt {attempt}, {timeProvider.GetUtcNow():u} ---\n");
        int exitCode;
        try
        {
            using var process = JobProcess.Start(TrainerPath(), job.Folder, timeProvider, log);
            job.Update(state => state! with { ProcessId = process.Id, ProcessStarted = process.Started });
            LogStarted(job.Id, attempt, process.Id);
            await using var leaving = leave.Register(() => process.AskToLeave(options.LeaveTimeout));
            await using var killing = _killing.Token.Register(process.Kill);
            await using var deadline = KillPast(job.State!.Job.Description.Deadline, process);
            await MirrorUntilAsync(process.WaitAsync(), job, mirror, log);
            exitCode = process.ExitCode;
        }
        catch (Exception unstartable) when (unstartable is Win32Exception or FileNotFoundException)
        {
            LogTrainerUnstartable(job.Id, unstartable);
            return Failed("The trainer cannot be started", "The training program is missing from this installation or cannot be run; install it anew.");
        }

        LogExited(job.Id, attempt, exitCode);
        var hasResult = File.Exists(Path.Combine(job.Outputs, JobResult.FileName));
        if (!hasResult && _stopping.IsCancellationRequested && job.State is { CancelRequested: false })
        {
            Requeue(job);
            await CopyOnceAsync(job, mirror, log, ended: true, _killing.Token);
            return null;
        }

        return await CollectAsync(job, mirror, log, exitCode);
    }

    private async Task MirrorUntilAsync(Task ended, ProcessJob job, JobMirror mirror, BoundedLog log)
    {
        while (!ended.IsCompleted)
        {
            await Task.WhenAny(ended, Task.Delay(options.MirrorInterval, timeProvider, CancellationToken.None));
            if (!ended.IsCompleted)
                await CopyOnceAsync(job, mirror, log, ended: false, _killing.Token);
        }

        await ended;
    }

    /// <summary>What fails now succeeds the next time or is reported at the end.</summary>
    private async Task CopyOnceAsync(ProcessJob job, JobMirror mirror, BoundedLog log, bool ended, CancellationToken cancellationToken)
    {
        try
        {
            await mirror.CopyAsync(ended, cancellationToken);
            await mirror.WriteLogAsync(log, cancellationToken);
        }
#pragma warning disable CA1031 // Any store may fail in its own way; see above.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            LogMirrorFailed(job.Id, failure);
        }
    }

    /// <summary>Brings everything a job left into the object store, its result last, and says how it ended.</summary>
    private async Task<TrainingJobStatus> CollectAsync(ProcessJob job, JobMirror mirror, BoundedLog log, int? exitCode)
    {
        for (var (tries, delay) = (1, FirstDelay); ; tries++, delay = delay * 2 < LongestDelay ? delay * 2 : LongestDelay)
        {
            try
            {
                var (status, own) = await JudgeAsync(job, exitCode);
                await mirror.CopyAsync(ended: true, _killing.Token);
                await mirror.WriteLogAsync(log, _killing.Token);
                if (own)
                    await mirror.WriteResultAsync(_killing.Token);
                return status;
            }
            catch (ArgumentException unstorable)
            {
                LogMirrorFailed(job.Id, unstorable);
                return Failed("A file of the job cannot be stored", "The job left a file whose name the object store does not take; use plain names.");
            }
            catch (Exception failure) when (failure is not OperationCanceledException && tries < MaximumTries)
            {
                LogMirrorFailed(job.Id, failure);
                await Task.Delay(delay, timeProvider, _stopping.Token);
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                LogMirrorFailed(job.Id, failure);
                return Failed("The job's results could not be stored", "The storage was not available or is full; start the job again later.");
            }
        }
    }

    /// <returns>How the job ended, and whether its own result says so.</returns>
    private static async Task<(TrainingJobStatus Status, bool Own)> JudgeAsync(ProcessJob job, int? exitCode)
    {
        var path = Path.Combine(job.Outputs, JobResult.FileName);
        if (File.Exists(path))
        {
            await using var file = File.OpenRead(path);
            return await ReadResultAsync(file, CancellationToken.None);
        }

        if (job.State!.CancelRequested)
            return (new TrainingJobStatus(TrainingJobState.Cancelled), false);
        return (exitCode switch
        {
            JobExitCode.Interrupted or TerminatedExitCode => new TrainingJobStatus(TrainingJobState.Interrupted),
            KilledExitCode => Failed("The job was killed", "Most likely the machine ran out of memory: give the job less data, or run it on a larger machine."),
            _ => Failed("The job ended without a result", "Its process ended unexpectedly; the job's log tells more."),
        }, false);
    }

    private static async Task<(TrainingJobStatus Status, bool Own)> ReadResultAsync(Stream stream, CancellationToken cancellationToken)
    {
        try
        {
            var result = await JsonSerializer.DeserializeAsync<JobResult>(stream, JsonDefaults.Options, cancellationToken) ?? throw new JsonException();
            return (new TrainingJobStatus(result.Status switch
            {
                JobOutcome.Succeeded => TrainingJobState.Succeeded,
                JobOutcome.Cancelled => TrainingJobState.Cancelled,
                _ => TrainingJobState.Failed,
            }), true);
        }
        catch (JsonException)
        {
            return (Failed("The job's result cannot be read", $"The job wrote a '{JobResult.FileName}' that is not a job's result."), false);
        }
    }

    private void End(ProcessJob job, TrainingJobStatus status)
    {
        job.Update(state => state! with
        {
            State = status.State,
            Error = status.Error,
            Ended = timeProvider.GetUtcNow(),
            ProcessId = null,
            ProcessStarted = null,
        });
        LogEnded(job.Id, status.State);
    }

    /// <summary>Announces the end, then clears the folder; repeated by the next host if this one ends in between.</summary>
    private async Task SettleAsync(ProcessJob job)
    {
        var (tenant, run, name) = job.Id;
        var attempt = job.State!.Attempt;
        var body = BinaryData.FromObjectAsJson(new JobEnded(tenant, run, name), JsonDefaults.Options);
        await messageQueue.SendAsync(TrainingQueues.JobEnded, body, new SendOptions($"{run}-{name}-{attempt}"), _stopping.Token);
        job.Clear();
        // A next attempt may have been submitted meanwhile; it is not settled.
        job.Update(state => state is { HasEnded: true } && state.Attempt == attempt ? state with { Settled = true } : null);
    }

    /// <summary>Forgets jobs that ended long ago.</summary>
    private void Sweep()
    {
        var oldest = timeProvider.GetUtcNow() - options.Retention;
        foreach (var job in _jobs.Values.Where(job => job.State is { Settled: true } state && state.Ended < oldest))
        {
            lock (_gate)
            {
                if (_workers.ContainsKey(job.Id) || job.State is not { Settled: true })
                    continue;
                _jobs.TryRemove(job.Id, out _);
                Directory.Delete(job.Folder, recursive: true);
                foreach (var parent in new[] { Path.Combine(_root, job.Id.Tenant, job.Id.Run), Path.Combine(_root, job.Id.Tenant) })
                {
                    if (Directory.Exists(parent) && !Directory.EnumerateFileSystemEntries(parent).Any())
                        Directory.Delete(parent);
                }
            }
        }
    }

    private string TrainerPath()
    {
        if (options.TrainerPath is { } configured)
            return configured;
        var folder = Path.Combine(AppContext.BaseDirectory, "trainer");
        var program = Path.Combine(folder, OperatingSystem.IsWindows() ? "AIaaS.Trainer.exe" : "AIaaS.Trainer");
        // A deployed package may have lost its execute permissions; the assembly needs none.
        var runnable = File.Exists(program) && (OperatingSystem.IsWindows() || File.GetUnixFileMode(program).HasFlag(UnixFileMode.UserExecute));
        return runnable ? program : Path.Combine(folder, "AIaaS.Trainer.dll");
    }

    private ITimer? KillPast(DateTimeOffset? deadline, JobProcess process)
    {
        var left = deadline - timeProvider.GetUtcNow() + DeadlineGrace;
        return left < LongestTimer
            ? timeProvider.CreateTimer(_ => process.Kill(), null, left.Value > TimeSpan.Zero ? left.Value : TimeSpan.Zero, Timeout.InfiniteTimeSpan)
            : null;
    }

    private static TrainingJobStatus Failed(string title, string detail) => new(TrainingJobState.Failed, new ErrorDetail(title, detail));

    [LoggerMessage(LogLevel.Information, "Job {Job}, attempt {Attempt}, runs in process {ProcessId}")]
    private partial void LogStarted(TrainingJobId job, int attempt, int processId);

    [LoggerMessage(LogLevel.Information, "Job {Job}, attempt {Attempt}, left with exit code {ExitCode}")]
    private partial void LogExited(TrainingJobId job, int attempt, int exitCode);

    [LoggerMessage(LogLevel.Information, "Job {Job} ended: {State}")]
    private partial void LogEnded(TrainingJobId job, TrainingJobState state);

    [LoggerMessage(LogLevel.Information, "Job {Job} is resumed by attempt {Attempt}")]
    private partial void LogResumed(TrainingJobId job, int attempt);

    [LoggerMessage(LogLevel.Warning, "Process {ProcessId} of job {Job} outlived its host and was killed")]
    private partial void LogOrphanKilled(TrainingJobId job, int processId);

    [LoggerMessage(LogLevel.Warning, "The state of job {Job} cannot be read; the job is left alone")]
    private partial void LogStateUnreadable(TrainingJobId job, Exception exception);

    [LoggerMessage(LogLevel.Warning, "Files of job {Job} could not be copied to the object store")]
    private partial void LogMirrorFailed(TrainingJobId job, Exception exception);

    [LoggerMessage(LogLevel.Warning, "The object {Path} that job {Job} needs is missing")]
    private partial void LogInputMissing(TrainingJobId job, string? path);

    [LoggerMessage(LogLevel.Error, "The trainer cannot be started for job {Job}")]
    private partial void LogTrainerUnstartable(TrainingJobId job, Exception exception);

    [LoggerMessage(LogLevel.Error, "Job {Job} could not be taken further")]
    private partial void LogWorkFailed(TrainingJobId job, Exception exception);
}
