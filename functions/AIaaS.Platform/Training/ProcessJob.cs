using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Platform.Training;

/// <summary><c>state.json</c> in a job's local folder: what a restarted host needs to know.</summary>
internal sealed record ProcessJobState
{
    public const string FileName = "state.json";

    public int SchemaVersion { get; init; } = 1;

    public required TrainingJob Job { get; init; }

    /// <summary>The highest attempt that was submitted; a lower or equal one changes nothing.</summary>
    public required int SubmittedAttempt { get; init; }

    /// <summary>The attempt in <c>job.json</c>; grows with every restart by the cluster itself as well.</summary>
    public required int Attempt { get; init; }

    public required TrainingJobState State { get; init; }

    public required DateTimeOffset Queued { get; init; }

    /// <summary>Whether inputs, and checkpoints of attempts before, lie in the local folder.</summary>
    public bool Materialized { get; init; }

    public int? ProcessId { get; init; }

    /// <summary>Tells the job's process from a later one under the same id.</summary>
    public DateTimeOffset? ProcessStarted { get; init; }

    public bool CancelRequested { get; init; }

    public ErrorDetail? Error { get; init; }

    public DateTimeOffset? Ended { get; init; }

    /// <summary>Whether the end was announced and the folder cleared.</summary>
    public bool Settled { get; init; }

    public bool HasEnded => Status.Ended;

    public TrainingJobStatus Status => new(State, Error);
}

/// <summary>One job in its local folder; its state changes on disk first.</summary>
internal sealed class ProcessJob(TrainingJobId id, string folder)
{
    private readonly Lock _lock = new();
    private ProcessJobState? _state;

    public TrainingJobId Id { get; } = id;

    public string Folder { get; } = folder;

    public string Outputs => Path.Combine(Folder, State!.Job.Description.Outputs);

    public string Checkpoints => Path.Combine(Folder, State!.Job.Description.Checkpoints);

    /// <summary>Null before the job is submitted.</summary>
    public ProcessJobState? State
    {
        get
        {
            lock (_lock)
                return _state;
        }
    }

    public static string StatePath(string folder) => Path.Combine(folder, ProcessJobState.FileName);

    /// <summary>Takes up what an earlier host wrote.</summary>
    /// <returns>False where there is no state to read.</returns>
    public bool Load()
    {
        lock (_lock)
        {
            try
            {
                using var file = File.OpenRead(StatePath(Folder));
                _state = JsonSerializer.Deserialize<ProcessJobState>(file, JsonDefaults.Options);
            }
            catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
            {
                return false;
            }

            return _state is not null;
        }
    }

    /// <summary>Changes the state and has it on disk when this returns.</summary>
    /// <param name="change">Given the state, null before submission; returns what becomes of it, or null to leave it as it is.</param>
    /// <returns>Whether it changed.</returns>
    public bool Update(Func<ProcessJobState?, ProcessJobState?> change)
    {
        lock (_lock)
        {
            if (change(_state) is not { } changed || changed == _state)
                return false;
            Directory.CreateDirectory(Folder);
            var temporary = Path.Combine(Folder, $".{ProcessJobState.FileName}.tmp");
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                JsonSerializer.Serialize(file, changed, JsonDefaults.Indented);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, StatePath(Folder), overwrite: true);
            _state = changed;
            return true;
        }
    }

    /// <summary>Deletes everything but the state.</summary>
    public void Clear()
    {
        foreach (var entry in new DirectoryInfo(Folder).EnumerateFileSystemInfos())
        {
            if (entry is DirectoryInfo { LinkTarget: null } directory)
                directory.Delete(recursive: true);
            else if (entry.Name != ProcessJobState.FileName)
                entry.Delete();
        }
    }
}
