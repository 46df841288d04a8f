using System.Text.Json;

namespace AIaaS.Formats;

/// <summary>What a job does.</summary>
public enum JobKind
{
    /// <summary>Fits, judges and exports a model.</summary>
    Train,

    /// <summary>Reads, cleans and profiles a data set.</summary>
    Prepare,

    /// <summary>Anyone's own command under the same folder contract.</summary>
    Command,
}

/// <summary>How a job ended.</summary>
public enum JobOutcome
{
    Succeeded,
    Failed,
    Cancelled,
}

/// <summary><c>job.json</c>: everything a job needs to know; paths are relative to its folder.</summary>
public sealed record JobDescription
{
    public const string FileName = "job.json";

    public int SchemaVersion { get; init; } = 1;

    public required JobKind Kind { get; init; }

    public required string Id { get; init; }

    public required string Tenant { get; init; }

    public required string Run { get; init; }

    /// <summary>Counts from 1; a resubmitted job finds the checkpoints of the attempts before it.</summary>
    public int Attempt { get; init; } = 1;

    /// <summary>Input name to the path of a file or folder, for instance <c>data</c> to <c>inputs/data.parquet</c>.</summary>
    public IReadOnlyDictionary<string, string> Inputs { get; init; } = new Dictionary<string, string>();

    public string Outputs { get; init; } = "outputs";

    public string Checkpoints { get; init; } = "checkpoints";

    /// <summary>When the job must have ended; past it the job writes a failed result and leaves.</summary>
    public DateTimeOffset? Deadline { get; init; }

    public JobLimits Limits { get; init; } = new();

    /// <summary>What the kind asks for: <see cref="TrainParameters"/>, <see cref="PrepareParameters"/> or a command's own.</summary>
    public JsonElement Parameters { get; init; }
}

/// <summary>Bounds on one job.</summary>
/// <param name="Cpu">Threads the job may use; null for all.</param>
/// <param name="MemoryMb">Memory in MiB the job may use; null for no bound of ours.</param>
public sealed record JobLimits(int? Cpu = null, int? MemoryMb = null);

/// <summary>What a progress file tells of.</summary>
public enum JobProgressKind
{
    Progress,
    Trial,
    Metric,
    Error,
}

/// <summary><c>outputs/progress/{n:D6}.json</c>, written once, numbered from 1 without gaps.</summary>
public sealed record JobProgress
{
    public const string Folder = "progress";

    public required DateTimeOffset Time { get; init; }

    public required JobProgressKind Kind { get; init; }

    /// <summary>0 to 100 over the whole job.</summary>
    public double? Percent { get; init; }

    /// <summary>The trial this is about, from 1.</summary>
    public int? Trial { get; init; }

    /// <summary>Free values, for instance <c>stage</c>, <c>epoch</c>, <c>loss</c>.</summary>
    public IReadOnlyDictionary<string, JsonElement>? Values { get; init; }

    public static string FileNameOf(int number) => $"{number:D6}.json";
}

/// <summary><c>outputs/result.json</c>, written last of all; a job that ended without it failed.</summary>
public sealed record JobResult
{
    public const string FileName = "result.json";

    public int SchemaVersion { get; init; } = 1;

    public required JobOutcome Status { get; init; }

    public ErrorDetail? Error { get; init; }

    public IReadOnlyList<JobArtifact> Artifacts { get; init; } = [];
}

/// <summary><c>interrupted.json</c> beside <c>job.json</c>: where a cluster only tells that a job ended, its node says with this that the job is to be resumed.</summary>
public sealed record JobInterruption
{
    public const string FileName = "interrupted.json";

    public int SchemaVersion { get; init; } = 1;

    /// <summary>The attempt that left; another one's word means nothing.</summary>
    public required int Attempt { get; init; }
}

/// <summary>A file the job leaves in its outputs.</summary>
/// <param name="Path">Relative to the outputs folder, with forward slashes.</param>
/// <param name="Sha256">Lower-case hexadecimal.</param>
/// <param name="Bytes">Length in bytes.</param>
public sealed record JobArtifact(string Path, string Sha256, long Bytes);

/// <summary>A failure in words for its reader: what happened, and what to do about it.</summary>
/// <param name="Title">A short name of the failure.</param>
/// <param name="Detail">What to do about it; never a stack trace.</param>
public sealed record ErrorDetail(string Title, string Detail);

/// <summary>Exit codes of a job's process.</summary>
public static class JobExitCode
{
    public const int Succeeded = 0;
    public const int Failed = 1;

    /// <summary>Left on request after a checkpoint; submitting it again resumes it.</summary>
    public const int Interrupted = 3;
}

/// <summary>Names of files in a job's outputs and checkpoints.</summary>
public static class JobFiles
{
    /// <summary>Whether a file is a writer's own business: hidden, in a hidden folder, or half-written. Such files are neither artifacts nor mirrored.</summary>
    /// <param name="path">Relative, with forward slashes.</param>
    public static bool IsPrivate(string path) =>
        path.StartsWith('.') || path.Contains("/.", StringComparison.Ordinal)
        || path.EndsWith(".tmp", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".part", StringComparison.OrdinalIgnoreCase);
}

/// <summary>Environment variables of a job's process.</summary>
public static class JobEnvironment
{
    /// <summary>The job's folder.</summary>
    public const string Folder = "AIAAS_JOB_DIR";

    /// <summary><c>1</c> where standard input is a pipe whose end means the same as SIGTERM: a parent that was killed leaves no orphan.</summary>
    public const string ParentPipe = "AIAAS_PARENT_PIPE";
}

/// <summary>
/// Parameters of a <see cref="JobKind.Command"/> job. The command runs in the job's folder with <see cref="JobEnvironment.Folder"/> set
/// and may write progress, checkpoints and a result of its own; otherwise its exit code decides, and its artifacts are all files in the outputs.
/// </summary>
public sealed record CommandParameters
{
    /// <summary>An executable, then its arguments; no shell is involved.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// A public container image to run in, with glibc, bash, tar and gzip, for instance <c>docker.io/library/python:3.13</c>;
    /// null for the cluster's own. A cluster without containers runs the command on the machine itself.
    /// </summary>
    public string? Image { get; init; }
}
