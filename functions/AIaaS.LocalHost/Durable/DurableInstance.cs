using AIaaS.LocalHost.Durable.History;
using AIaaS.LocalHost.Durable.Orchestrations;
using Microsoft.DurableTask.Client;

namespace AIaaS.LocalHost.Durable;

/// <summary>
/// What the engine knows of an instance that has not ended: the sum of its history. <see cref="Apply"/> is the only way
/// it changes, whether a record was just written or read back. Everything is guarded by <see cref="Gate"/>.
/// </summary>
internal sealed class DurableInstance
{
    private volatile ExecutionEnded? _ended;

    public DurableInstance(string key, ExecutionStarted started, long length)
    {
        Key = key;
        Started = started;
        Begin(started, length);
    }

    public Lock Gate { get; } = new();

    public string Key { get; }

    public ExecutionStarted Started { get; private set; }

    public string Id => Started.InstanceId;

    /// <summary>How long the history's file is.</summary>
    public long Length { get; set; }

    /// <summary>Set once the instance has ended; read without the gate too.</summary>
    public ExecutionEnded? Ended => _ended;

    public bool HasBegun { get; private set; }

    public bool Suspended { get; private set; }

    public DateTime LastUpdated { get; private set; }

    public string? CustomStatus { get; private set; }

    /// <summary>What the orchestrator has not heard yet.</summary>
    public List<Message> Waiting { get; } = [];

    /// <summary>Activities, sub-orchestrations and timers without an outcome, by action id.</summary>
    public Dictionary<int, OrchestrationAction> Pending { get; } = [];

    /// <summary>What has not arrived at its target yet, by message id.</summary>
    public Dictionary<string, Outgoing> Outbox { get; } = [];

    /// <summary>What has arrived; the next turn's record says so.</summary>
    public List<Outgoing> Acknowledged { get; } = [];

    /// <summary>The code in memory; <c>null</c> when it must be replayed first.</summary>
    public OrchestrationRun? Run { get; set; }

    public bool AwaitedIllegally { get; set; }

    public bool TurnQueued { get; set; }

    public bool TurnRunning { get; set; }

    public TaskCompletionSource BegunSignal { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource EndedSignal { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the instance has left the engine and its id is free.</summary>
    public TaskCompletionSource LeftSignal { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public OrchestrationRuntimeStatus Status => this switch
    {
        { Ended: { } ended } => ended.Status,
        { Suspended: true } => OrchestrationRuntimeStatus.Suspended,
        { HasBegun: true } or { Started.Continued: true } => OrchestrationRuntimeStatus.Running,
        _ => OrchestrationRuntimeStatus.Pending,
    };

    /// <summary>Whether there is something for the orchestrator to do.</summary>
    public bool NeedsTurn => Ended is null && !Suspended && (!HasBegun || Waiting.Count > 0 || AwaitedIllegally);

    /// <summary>Begins a new execution with a history of its own.</summary>
    public void Begin(ExecutionStarted started, long length)
    {
        Started = started;
        Length = length;
        HasBegun = false;
        Suspended = started.Suspended;
        LastUpdated = started.Created;
        CustomStatus = started.CustomStatus;
        AwaitedIllegally = false;
        Run = null;
        Waiting.Clear();
        Waiting.AddRange(started.Events ?? []);
        Pending.Clear();
        Acknowledged.Clear();
        Outbox.Clear();
        foreach (var outgoing in started.Outbox ?? [])
        {
            Outbox.Add(outgoing.MessageId, outgoing);
        }
    }

    public void Apply(HistoryRecord record)
    {
        switch (record)
        {
            case TurnTaken turn:
                HasBegun = true;
                ApplyTurn(turn);
                break;
            case ExecutionEnded ended:
                if (ended.LastTurn is { } last)
                    ApplyTurn(last);
                LastUpdated = ended.Time;
                CustomStatus = ended.CustomStatus;
                _ended = ended;
                break;
            case TaskCompleted { TaskId: var id }:
                Settle(id, (Message)record);
                break;
            case TaskFailed { TaskId: var id }:
                Settle(id, (Message)record);
                break;
            case TimerFired { TaskId: var id }:
                Settle(id, (Message)record);
                break;
            case EventRaised raised:
                Waiting.Add(raised);
                break;
            case ExecutionSuspended suspended:
                Suspended = true;
                LastUpdated = suspended.Time;
                break;
            case ExecutionResumed resumed:
                Suspended = false;
                LastUpdated = resumed.Time;
                break;
        }
    }

    private void Settle(int taskId, Message message)
    {
        Pending.Remove(taskId);

        // A sub-orchestration that answers has been started.
        Outbox.Remove($"{Started.ExecutionId}:{taskId}");
        Waiting.Add(message);
    }

    private void ApplyTurn(TurnTaken turn)
    {
        LastUpdated = turn.Time;
        Waiting.RemoveRange(0, turn.Consumed);
        foreach (var action in turn.Actions ?? [])
        {
            if (action.Kind != ActionKind.Event)
                Pending.Add(action.Id, action);
            if (action.Kind is ActionKind.Event or ActionKind.SubOrchestration)
            {
                var outgoing = new Outgoing(Started.ExecutionId, action);
                Outbox.Add(outgoing.MessageId, outgoing);
            }
        }

        foreach (var id in turn.CancelledTimers ?? [])
        {
            Pending.Remove(id);
        }

        foreach (var messageId in turn.Acknowledged ?? [])
        {
            Outbox.Remove(messageId);
        }

        if (turn.StatusChanged)
            CustomStatus = turn.CustomStatus;
    }
}
