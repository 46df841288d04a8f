using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace AIaaS.LocalHost.Durable.History;

/// <summary>One record of an instance's history. A record is written whole or not at all.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "$")]
[JsonDerivedType(typeof(ExecutionStarted), "started")]
[JsonDerivedType(typeof(TurnTaken), "turn")]
[JsonDerivedType(typeof(ExecutionEnded), "ended")]
[JsonDerivedType(typeof(TaskCompleted), "completed")]
[JsonDerivedType(typeof(TaskFailed), "failed")]
[JsonDerivedType(typeof(TimerFired), "fired")]
[JsonDerivedType(typeof(EventRaised), "event")]
[JsonDerivedType(typeof(ExecutionSuspended), "suspended")]
[JsonDerivedType(typeof(ExecutionResumed), "resumed")]
internal abstract record HistoryRecord;

/// <summary>Something that happened and that an orchestrator hears of in its next turn.</summary>
internal abstract record Message : HistoryRecord;

/// <summary>The first record of every history.</summary>
/// <param name="ExecutionId">Differs between executions of one instance id.</param>
/// <param name="Events">Events that an earlier execution received and did not use.</param>
/// <param name="Outbox">What an earlier execution sent and may not have been delivered.</param>
/// <param name="Received">Ids of messages that reached an earlier execution and may be sent again.</param>
/// <param name="Continued">Whether it continues an earlier execution as new.</param>
internal sealed record ExecutionStarted(
    string InstanceId,
    string Name,
    string ExecutionId,
    DateTime Created,
    string? Input = null,
    string? Version = null,
    DateTime? StartAt = null,
    IReadOnlyDictionary<string, string>? Tags = null,
    ParentLink? Parent = null,
    IReadOnlyList<EventRaised>? Events = null,
    IReadOnlyList<Outgoing>? Outbox = null,
    IReadOnlyList<string>? Received = null,
    string? CustomStatus = null,
    bool Suspended = false,
    bool Continued = false) : HistoryRecord;

/// <summary>The call that started a sub-orchestration.</summary>
internal sealed record ParentLink(string InstanceId, string Name, string ExecutionId, int TaskId);

/// <summary>One turn of the orchestrator: what it heard and what it did. Everything it did takes effect through this record.</summary>
/// <param name="Consumed">How many of the waiting messages it heard.</param>
/// <param name="Acknowledged">Ids of earlier outgoing messages that have arrived.</param>
internal sealed record TurnTaken(
    DateTime Time,
    int Consumed = 0,
    IReadOnlyList<OrchestrationAction>? Actions = null,
    IReadOnlyList<int>? CancelledTimers = null,
    bool StatusChanged = false,
    string? CustomStatus = null,
    IReadOnlyList<string>? Acknowledged = null) : HistoryRecord;

/// <summary>The last record of every history that ended.</summary>
/// <param name="LastTurn">The turn that ended it; <c>null</c> when it was ended from outside.</param>
/// <param name="Recursive">Whether its sub-orchestrations end with it.</param>
internal sealed record ExecutionEnded(
    DateTime Time,
    OrchestrationRuntimeStatus Status,
    string? Output = null,
    Failure? Failure = null,
    string? CustomStatus = null,
    TurnTaken? LastTurn = null,
    bool Recursive = false) : HistoryRecord;

/// <summary>An activity or a sub-orchestration gave its result.</summary>
internal sealed record TaskCompleted(int TaskId, string? Result = null) : Message;

/// <summary>An activity or a sub-orchestration failed.</summary>
internal sealed record TaskFailed(int TaskId, Failure Failure) : Message;

internal sealed record TimerFired(int TaskId) : Message;

/// <param name="MessageId">Set when an orchestration sent it, which may send it again after a crash.</param>
internal sealed record EventRaised(string Name, string? Input = null, string? MessageId = null) : Message;

internal sealed record ExecutionSuspended(DateTime Time, string? Reason = null) : HistoryRecord;

internal sealed record ExecutionResumed(DateTime Time, string? Reason = null) : HistoryRecord;

internal enum ActionKind
{
    Activity,
    SubOrchestration,
    Timer,
    Event,
}

/// <summary>Something an orchestrator asked for. Ids count up from 0 in each execution.</summary>
internal sealed record OrchestrationAction(
    int Id,
    ActionKind Kind,
    string? Name = null,
    string? Input = null,
    string? InstanceId = null,
    DateTime FireAt = default,
    string? Version = null)
{
    /// <summary>Whether a replay that does this does the same.</summary>
    public bool Matches(OrchestrationAction other) =>
        Id == other.Id
        && Kind == other.Kind
        && string.Equals(Name, other.Name, StringComparison.OrdinalIgnoreCase)
        && string.Equals(InstanceId, other.InstanceId, StringComparison.Ordinal);

    public override string ToString() => Kind switch
    {
        ActionKind.Activity => $"activity '{Name}' (#{Id})",
        ActionKind.SubOrchestration => $"sub-orchestration '{Name}' with instance id '{InstanceId}' (#{Id})",
        ActionKind.Timer => $"a timer (#{Id})",
        _ => $"event '{Name}' to '{InstanceId}' (#{Id})",
    };
}

/// <summary>An event or a sub-orchestration's start on its way to another instance.</summary>
internal sealed record Outgoing(string ExecutionId, OrchestrationAction Action)
{
    [JsonIgnore]
    public string MessageId => $"{ExecutionId}:{Action.Id}";
}

/// <summary>Why a task or an orchestration failed.</summary>
internal sealed record Failure(
    string ErrorType, string ErrorMessage, string? StackTrace = null, Failure? Inner = null, bool NonRetriable = false)
{
    public static Failure From(Exception exception) => From(TaskFailureDetails.FromException(exception));

    public TaskFailureDetails ToDetails() => new(ErrorType, ErrorMessage, StackTrace, Inner?.ToDetails(), null);

    private static Failure From(TaskFailureDetails details) => new(
        details.ErrorType,
        details.ErrorMessage,
        details.StackTrace,
        details.InnerFailure is null ? null : From(details.InnerFailure));
}

[JsonSerializable(typeof(HistoryRecord))]
internal sealed partial class HistoryJson : JsonSerializerContext
{
    /// <summary>Payloads are JSON already; relaxed escaping keeps them from doubling in size.</summary>
    public static HistoryJson Compact { get; } = new(new JsonSerializerOptions
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
