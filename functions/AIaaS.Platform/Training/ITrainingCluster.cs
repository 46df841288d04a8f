using System.Text.Json.Serialization;
using AIaaS.Formats;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Training;

/// <summary>A job to run and where its files lie in the object store.</summary>
public sealed record TrainingJob
{
    private const string InputsFolder = "inputs";

    public required JobDescription Description { get; init; }

    /// <summary>Input name to an object, or to a prefix ending in '/' for a folder.</summary>
    public required IReadOnlyDictionary<string, ObjectPath> Inputs { get; init; }

    /// <summary>
    /// Prefix under which <c>job.json</c>, <c>outputs/…</c> and <c>checkpoints/…</c> of the job appear in the object store,
    /// each file once it is closed and while the job still runs: <c>runs/{tenant}/{run}/jobs/{job}/</c>.
    /// </summary>
    public required ObjectPath Folder { get; init; }

    /// <summary>The pipeline's cluster; null for the default one.</summary>
    public string? Cluster { get; init; }

    [JsonIgnore]
    public TrainingJobId Id => new(Description.Tenant, Description.Run, Description.Id);

    /// <summary>Checks what a job asks for.</summary>
    /// <returns>The same job, its description saying for every input where it will lie.</returns>
    /// <exception cref="ProblemException">A name or path of the job is unacceptable.</exception>
    public TrainingJob Validated()
    {
        Id.Validated();
        if (!Folder.Name.EndsWith('/'))
            throw Invalid("folder", "must end in '/'");
        if (Description.Attempt < 1)
            throw Invalid("attempt", "counts from 1");
        if (Description.Limits is { Cpu: < 1 } or { MemoryMb: < 1 })
            throw Invalid("limits", "must be positive");
        if (!Names.IsFileName(Description.Outputs) || !Names.IsFileName(Description.Checkpoints)
            || new[] { Description.Outputs, Description.Checkpoints, InputsFolder }.Distinct().Count() < 3)
        {
            throw Invalid("outputs", "and 'checkpoints' must be names of two folders of their own");
        }

        var inputs = new Dictionary<string, string>();
        foreach (var name in Inputs.Keys.Union(Description.Inputs.Keys))
        {
            if (!Inputs.ContainsKey(name))
                throw Invalid($"inputs.{name}", "has no object to come from");
            var path = Description.Inputs.GetValueOrDefault(name) ?? $"{InputsFolder}/{name}";
            if (path.Split('/') is not [InputsFolder, .. { Length: > 0 } below] || !below.All(Names.IsFileName))
                throw Invalid($"inputs.{name}", $"must be a path of plain names below '{InputsFolder}/'");
            inputs[name] = path;
        }

        return this with { Description = Description with { Inputs = inputs } };

        static ProblemException Invalid(string field, string reason) => new(Problem.InvalidValue, $"'{field}' of the job {reason}.") { Field = field };
    }
}

/// <summary>Names one job everywhere.</summary>
public readonly record struct TrainingJobId(string Tenant, string Run, string Job)
{
    /// <returns>This id.</returns>
    /// <exception cref="ProblemException">One of its names is unacceptable.</exception>
    public TrainingJobId Validated()
    {
        Names.Require(Tenant, "tenant");
        Names.Require(Run, "run");
        Names.Require(Job, "job");
        return this;
    }

    public override string ToString() => $"{Tenant}/{Run}/{Job}";
}

public enum TrainingJobState
{
    /// <summary>The cluster knows no such job.</summary>
    Unknown,
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,

    /// <summary>Taken from its node, or left on request: submit it again with the next attempt to resume it.</summary>
    Interrupted,
}

/// <param name="State">Where the job stands.</param>
/// <param name="Error">Why it failed, for people; null where the job's own result tells.</param>
public sealed record TrainingJobStatus(TrainingJobState State, ErrorDetail? Error = null)
{
    public bool Ended => State is TrainingJobState.Succeeded or TrainingJobState.Failed or TrainingJobState.Cancelled or TrainingJobState.Interrupted;
}

/// <summary>The message on <see cref="TrainingQueues.JobEnded"/>: a job reached an ended state.</summary>
public sealed record JobEnded(string Tenant, string Run, string Job);

public static class TrainingQueues
{
    public const string JobEnded = "job-ended";
}

/// <summary>Runs jobs on machines made for it. Every call is safe to repeat.</summary>
public interface ITrainingCluster
{
    /// <summary>Starts a job; a second call for the same id and attempt changes nothing.</summary>
    Task SubmitAsync(TrainingJob job, CancellationToken cancellationToken);

    Task<TrainingJobStatus> GetStatusAsync(TrainingJobId id, CancellationToken cancellationToken);

    /// <summary>Asks a job to leave (SIGTERM, 30 s, then SIGKILL); of no effect on an ended or unknown one.</summary>
    Task CancelAsync(TrainingJobId id, CancellationToken cancellationToken);
}
