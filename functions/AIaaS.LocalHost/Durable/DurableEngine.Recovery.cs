using AIaaS.LocalHost.Durable.History;
using Microsoft.DurableTask.Client;

namespace AIaaS.LocalHost.Durable;

internal sealed partial class DurableEngine
{
    /// <summary>The orchestrator of an instance whose history is damaged from its beginning.</summary>
    private const string UnknownName = "(unknown)";

    private void Recover()
    {
        _files.DeleteLeftovers();
        var received = new List<(string Receiver, string MessageId)>();
        foreach (var key in _files.RunningKeys().ToList())
        {
            if (Load(key, received) is { } instance)
                _active[instance.Id] = instance;
        }

        var instances = _active.Values.ToList();
        var owed = instances.SelectMany(instance => instance.Outbox.Keys).ToHashSet();
        foreach (var (receiver, messageId) in received.Where(message => owed.Contains(message.MessageId)))
        {
            _delivered.Add(receiver, messageId);
        }

        // Ended ones first, so that their results are there when the others look for lost sub-orchestrations.
        foreach (var ended in instances.Where(instance => instance.Ended is not null))
        {
            AfterEnd(ended);
        }

        foreach (var running in instances.Where(instance => instance.Ended is null))
        {
            Resume(running);
        }

        if (instances.Count > 0)
            LogRecovered(instances.Count);
    }

    private DurableInstance? Load(string key, List<(string Receiver, string MessageId)> received)
    {
        var content = HistoryFrame.Decode(_files.ReadRunning(key));
        if (content is { Records.Count: 0, Corruption: null })
        {
            // Its creation was interrupted before anyone was told of it.
            _files.DeleteRunning(key);
            return null;
        }

        if (content.Corruption is { } corruption)
            return Fail(key, content, corruption);
        if (content.Records[0] is not ExecutionStarted started)
            return Fail(key, content, "it does not begin with the start of an execution");

        var instance = new DurableInstance(key, started, content.Length);
        try
        {
            foreach (var record in content.Records.Skip(1))
            {
                instance.Apply(record);
            }
        }
        catch (ArgumentException exception)
        {
            return Fail(key, content, $"its records contradict each other ({exception.Message})");
        }

        received.AddRange((started.Received ?? []).Select(messageId => (instance.Id, messageId)));
        received.AddRange(content.Records.OfType<EventRaised>().Concat(started.Events ?? [])
            .Where(raised => raised.MessageId is not null)
            .Select(raised => (instance.Id, raised.MessageId!)));
        return instance;
    }

    /// <summary>Puts in place of a damaged history one that says so.</summary>
    private DurableInstance Fail(string key, HistoryContent content, string reason)
    {
        var now = Now;
        var started = (content.Records.Count > 0 ? content.Records[0] : null) as ExecutionStarted
            ?? new ExecutionStarted(HistoryFolder.InstanceIdOf(key), UnknownName, NewExecutionId(), now);
        var ended = new ExecutionEnded(now, OrchestrationRuntimeStatus.Failed, Failure: new Failure(
            typeof(InvalidDataException).FullName!, $"The history of instance '{started.InstanceId}' is damaged: {reason}."));
        LogCorrupt(started.InstanceId, reason);

        _files.SetAside(key);
        byte[] frames = [.. HistoryFrame.Encode(started), .. HistoryFrame.Encode(ended)];
        _files.Replace(key, frames);
        var instance = new DurableInstance(key, started, frames.Length);
        instance.Apply(ended);
        return instance;
    }

    private void Resume(DurableInstance instance)
    {
        if (instance.HasBegun)
            instance.BegunSignal.TrySetResult();
        List<Outgoing> owed;
        List<OrchestrationAction> pending;
        lock (instance.Gate)
        {
            owed = [.. instance.Outbox.Values];
            pending = [.. instance.Pending.Values];
            if (!instance.HasBegun && instance.Started.StartAt is { } startAt)
                _timers.Add(startAt, () => QueueTurnLocked(instance));
            QueueTurn(instance);
        }

        var executionId = instance.Started.ExecutionId;
        foreach (var outgoing in owed)
        {
            if (outgoing.Action.Kind == ActionKind.SubOrchestration && WasDamagedBeyondRecognition(outgoing.Action.InstanceId!))
                FindLostResult(instance, outgoing.ExecutionId, outgoing.Action);
            else
                _ = DeliverAsync(instance, outgoing);
        }

        foreach (var action in pending)
        {
            switch (action.Kind)
            {
                case ActionKind.Activity:
                    _activities.Writer.TryWrite(new ActivityWork(instance, executionId, action));
                    break;
                case ActionKind.Timer:
                    SetTimer(instance, executionId, action);
                    break;
                case ActionKind.SubOrchestration when !owed.Exists(outgoing => outgoing.Action == action):
                    FindLostResult(instance, executionId, action);
                    break;
            }
        }
    }

    private bool WasDamagedBeyondRecognition(string instanceId) =>
        _files.ReadEnded(HistoryFolder.KeyOf(instanceId)) is { Started: { Name: UnknownName, Parent: null } };

    /// <summary>
    /// A sub-orchestration that was started and has not answered is normally running. Where a power failure or a damaged
    /// history took it, its parent must not wait for ever.
    /// </summary>
    private void FindLostResult(DurableInstance parent, string executionId, OrchestrationAction action)
    {
        if (_active.ContainsKey(action.InstanceId!))
            return;
        var child = _files.ReadEnded(HistoryFolder.KeyOf(action.InstanceId!));
        var answer = child is { } found && found.Started.Parent is { } link && link.ExecutionId == executionId && link.TaskId == action.Id
            ? ResultOf(action.Id, found.Ended)
            : new TaskFailed(action.Id, new Failure(
                typeof(InvalidDataException).FullName!, $"The sub-orchestration '{action.InstanceId}' was lost."));
        Record(parent, executionId, action.Id, answer);
    }
}
