using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Pipelines;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Runs;

public enum RunStatus
{
    Queued,
    Running,

    /// <summary>For a person's approval.</summary>
    Waiting,
    Succeeded,
    Failed,
    Cancelled,
}

public enum StageStatus
{
    Pending,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

/// <param name="Name">One of <see cref="StageNames"/>.</param>
/// <param name="Status">Where it stands.</param>
/// <param name="Percent">0 to 100.</param>
/// <param name="Detail">What it is doing or did, for people.</param>
public sealed record RunStage(string Name, StageStatus Status, double Percent, string? Detail = null);

public static class StageNames
{
    public const string Prepare = "prepare";
    public const string Train = "train";
    public const string Evaluate = "evaluate";
    public const string Register = "register";
    public const string Deploy = "deploy";

    /// <summary>A stage's share of the whole, in percent; by what each takes on a small data set.</summary>
    internal static double Share(string stage) => stage switch
    {
        Prepare => 25,
        Train => 50,
        Evaluate => 5,
        _ => 10,
    };
}

/// <summary>A trial of a run, best first on the leaderboard.</summary>
/// <param name="Trial">Its number, from 1.</param>
/// <param name="Trainer">What trained it.</param>
/// <param name="Metrics">On validation rows; the model itself is judged on the holdout rows, which no trial saw.</param>
public sealed record LeaderboardEntry(int Trial, string Trainer, IReadOnlyDictionary<string, double> Metrics)
{
    private const int Most = 100;

    public TrialStatus Status { get; init; }

    public IReadOnlyDictionary<string, JsonElement> Hyperparameters { get; init; } = new Dictionary<string, JsonElement>();

    /// <summary>How long it took.</summary>
    public double? Seconds { get; init; }

    /// <summary>Its share of the run's model, above 0 to 1; null where it has none.</summary>
    public double? Weight { get; init; }

    /// <summary>Why it failed.</summary>
    public ErrorDetail? Error { get; init; }

    /// <param name="trials">Best first.</param>
    /// <param name="members">Those that the model is made of.</param>
    internal static LeaderboardEntry[] Of(IReadOnlyList<TrialResult> trials, IReadOnlyList<ModelMember> members) =>
        [.. trials.Take(Most).Select(trial => new LeaderboardEntry(trial.Spec.Trial, trial.Spec.Trainer, trial.Metrics)
        {
            Status = trial.Status,
            Hyperparameters = trial.Spec.Hyperparameters,
            Seconds = trial.Seconds,
            Weight = members.FirstOrDefault(member => member.Trial == trial.Spec.Trial)?.Weight,
            Error = trial.Error,
        })];
}

public sealed record ModelReference(string Name, int Version);

/// <summary>One pass of a data set through a pipeline.</summary>
public sealed record Run
{
    public int SchemaVersion { get; init; } = 1;

    public required string Id { get; init; }

    /// <summary>Null where the data is prepared and nothing trained.</summary>
    public string? Pipeline { get; init; }

    public required string Dataset { get; init; }

    public required int DatasetVersion { get; init; }

    public required RunStatus Status { get; init; }

    /// <summary>0 to 100 over all stages.</summary>
    public double Percent { get; init; }

    public required IReadOnlyList<RunStage> Stages { get; init; }

    public IReadOnlyList<LeaderboardEntry> Leaderboard { get; init; } = [];

    public ModelReference? Model { get; init; }

    public string? Endpoint { get; init; }

    public ErrorDetail? Error { get; init; }

    public required DateTimeOffset Created { get; init; }

    public DateTimeOffset? Started { get; init; }

    public DateTimeOffset? Ended { get; init; }

    /// <summary>What started it, for people: a dropped file, an upload, a request.</summary>
    public required string Cause { get; init; }

    public bool CancelRequested { get; init; }

    /// <summary>The definition this run follows, whatever becomes of the pipeline's own.</summary>
    public PipelineDefinition? Definition { get; init; }

    /// <summary>What this run's version of the data set is made of; null until that is settled.</summary>
    public PreparationPlan? Preparation { get; init; }

    /// <summary>Counts the changes of this document.</summary>
    public int Revision { get; init; } = 1;

    /// <summary>Whether it is to go on.</summary>
    internal bool IsWanted => !HasEnded && !CancelRequested;

    internal bool HasEnded => Status is RunStatus.Succeeded or RunStatus.Failed or RunStatus.Cancelled;

    internal static DocumentKind<Run> Kind { get; } = new("runs", "run", run => new Dictionary<string, string>
    {
        [DocumentHeader.CreatedKey] = DocumentHeader.FormatCreated(run.Created),
        [StatusKey] = StatusText(run.Status),
        [PipelineKey] = run.Pipeline ?? "",
    });

    internal const string StatusKey = "status";
    internal const string PipelineKey = "pipeline";

    internal static string StatusText(RunStatus status) => status.ToString().ToLowerInvariant();

    internal static Run Create(string id, string? pipeline, string dataset, int version, string cause, DateTimeOffset now)
    {
        string[] stages = pipeline is null
            ? [StageNames.Prepare]
            : [StageNames.Prepare, StageNames.Train, StageNames.Evaluate, StageNames.Register, StageNames.Deploy];
        return new Run
        {
            Id = id,
            Pipeline = pipeline,
            Dataset = dataset,
            DatasetVersion = version,
            Status = RunStatus.Queued,
            Stages = [.. stages.Select(name => new RunStage(name, StageStatus.Pending, 0))],
            Created = now,
            Cause = cause,
        };
    }

    /// <summary>This run with one of its stages changed and the whole's percentage with it.</summary>
    internal Run WithStage(string name, StageStatus status, double percent, string? detail)
    {
        RunStage[] stages = [.. Stages.Select(stage => stage.Name == name ? new RunStage(name, status, Math.Clamp(percent, 0, 100), detail ?? stage.Detail) : stage)];
        var whole = stages.Sum(stage => StageNames.Share(stage.Name));
        var done = stages.Sum(stage => StageNames.Share(stage.Name) * stage.Percent / 100);
        return this with { Stages = stages, Percent = Math.Round(100 * done / whole, 1) };
    }

    /// <summary>This run ended: stages that were under way end as it does.</summary>
    internal Run AsEnded(RunStatus status, ErrorDetail? error, DateTimeOffset now) => this with
    {
        Status = status,
        Error = error,
        Ended = now,
        Percent = status is RunStatus.Succeeded ? 100 : Percent,
        Stages = [.. Stages.Select(stage => stage.Status is not StageStatus.Running ? stage : stage with
        {
            Status = status switch
            {
                RunStatus.Succeeded => StageStatus.Succeeded,
                RunStatus.Cancelled => StageStatus.Cancelled,
                _ => StageStatus.Failed,
            },
        })],
    };

    /// <summary>The job that trains, within its run.</summary>
    internal const string TrainingJobName = "train";

    /// <summary>The job that prepares the data, where that is not done inside a function.</summary>
    internal const string PreparationJobName = "prepare";

    /// <summary>Where a job of a run keeps its files.</summary>
    internal static ObjectPath JobFolder(RunReference run, string job) => new(Containers.Runs, $"{run.Tenant}/{run.Run}/jobs/{job}/");

    /// <summary>Where that job leaves its results.</summary>
    internal static ObjectPath OutputsOf(RunReference run, string job)
    {
        var folder = JobFolder(run, job);
        return folder with { Name = folder.Name + "outputs/" };
    }

    /// <summary>Where the report lies on data that a pipeline refused, and that has no version.</summary>
    internal static ObjectPath ReportFile(RunReference run, string file) => new(Containers.Runs, $"{run.Tenant}/{run.Run}/refused/{file}");
}

/// <summary>Names a run across tenants; the input of its orchestration, whose instance id is the run's.</summary>
public sealed record RunReference(string Tenant, string Run);

/// <summary>A run that was asked for, and whether it is its turn now.</summary>
/// <param name="Run">The run.</param>
/// <param name="StartNow">Whether its orchestration is to be scheduled; else it waits behind the active run of its pipeline, or has begun.</param>
public sealed record RunTicket(Run Run, bool StartNow);

/// <summary>An entry for every run that has not ended, over all tenants: <c>catalog/_unfinished/runs/{tenant}/{run}.json</c>.</summary>
internal sealed record UnfinishedRun(string Tenant, string Run)
{
    /// <summary>No tenant can be called so.</summary>
    internal const string AllTenants = "_unfinished";

    internal static DocumentKind<UnfinishedRun> Kind { get; } = new("runs", "unfinished run", _ => new Dictionary<string, string>());

    internal string Name => $"{Tenant}/{Run}";
}

/// <summary>Queues about runs.</summary>
public static class RunQueues
{
    /// <summary>A <see cref="RunReference"/> whose turn it is.</summary>
    public const string Start = "run-start";
}
