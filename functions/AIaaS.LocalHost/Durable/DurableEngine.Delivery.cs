using AIaaS.LocalHost.Durable.History;
using Microsoft.DurableTask.Client;

namespace AIaaS.LocalHost.Durable;

internal sealed partial class DurableEngine
{
    /// <summary>Brings an event or a start to its target, however often the disk refuses.</summary>
    private async Task DeliverAsync(DurableInstance sender, Outgoing outgoing)
    {
        if (!TryEnter())
            return;
        try
        {
            await DeliverOnceAsync(sender, outgoing);
        }
        catch (Exception) when (_stop.IsCancellationRequested)
        {
            // The sender's history still has it.
        }
        catch (Exception exception)
        {
            LogRecordFailed(exception, outgoing.Action.InstanceId!);
            Later(() => _ = DeliverAsync(sender, outgoing));
        }
        finally
        {
            Leave();
        }
    }

    private async Task DeliverOnceAsync(DurableInstance sender, Outgoing outgoing)
    {
        var action = outgoing.Action;
        if (action.Kind == ActionKind.Event)
            RaiseEvent(action.InstanceId!, new EventRaised(action.Name!, action.Input, outgoing.MessageId));
        else
            await StartSubOrchestrationAsync(sender, outgoing);

        lock (sender.Gate)
        {
            if (sender.Outbox.Remove(outgoing.MessageId))
                sender.Acknowledged.Add(outgoing);
        }
    }

    /// <summary>Gives an instance an event; one that does not exist or has ended does not get it.</summary>
    private void RaiseEvent(string instanceId, EventRaised raised)
    {
        if (_active.TryGetValue(instanceId, out var receiver))
        {
            lock (receiver.Gate)
            {
                if (receiver.Ended is null && (raised.MessageId is null || !_delivered.Contains(instanceId, raised.MessageId)))
                {
                    Append(receiver, raised);
                    QueueTurn(receiver);
                }

                if (raised.MessageId is not null)
                    _delivered.Add(instanceId, raised.MessageId);
            }
        }
        else if (raised.MessageId is not null)
            _delivered.Add(instanceId, raised.MessageId);
    }

    private async Task StartSubOrchestrationAsync(DurableInstance sender, Outgoing outgoing)
    {
        var action = outgoing.Action;
        var parent = new ParentLink(sender.Id, sender.Started.Name, outgoing.ExecutionId, action.Id);
        var started = new ExecutionStarted(
            action.InstanceId!, action.Name!, NewExecutionId(), Now, action.Input, action.Version, Parent: parent);
        var taken = action.InstanceId == sender.Id || !await TryCreateAsync(started, _stop.Token);
        if (taken)
        {
            Record(sender, outgoing.ExecutionId, action.Id, new TaskFailed(action.Id, new Failure(
                typeof(InvalidOperationException).FullName!,
                $"An orchestration instance with the id '{action.InstanceId}' is already running.")));
        }
    }

    /// <summary>Signals the end and sees to what follows from it.</summary>
    private void AfterEnd(DurableInstance instance)
    {
        instance.BegunSignal.TrySetResult();
        instance.EndedSignal.TrySetResult();
        _ = LeaveEngineAsync(instance);
    }

    /// <summary>Delivers what an ended instance still owes, above all its result to its parent, and files its history.</summary>
    private async Task LeaveEngineAsync(DurableInstance instance)
    {
        if (!TryEnter())
            return;
        try
        {
            List<Outgoing> owed;
            List<OrchestrationAction> children;
            lock (instance.Gate)
            {
                owed = [.. instance.Outbox.Values];
                children = instance.Ended!.Recursive
                    ? [.. instance.Pending.Values.Where(action => action.Kind == ActionKind.SubOrchestration)]
                    : [];
            }

            foreach (var outgoing in owed)
            {
                await DeliverOnceAsync(instance, outgoing);
            }

            foreach (var child in children)
            {
                Terminate(child.InstanceId!, instance.Ended.Output, recursive: true);
            }

            TellParent(instance.Started, instance.Ended);
            lock (_registry)
            {
                _files.MoveToEnded(instance.Key);
                _ended[instance.Id] = EndedInstance.Of(instance.Key, instance.Started, instance.Ended);
                _active.TryRemove(KeyValuePair.Create(instance.Id, instance));
            }

            lock (instance.Gate)
            {
                foreach (var outgoing in instance.Acknowledged)
                {
                    Forget(outgoing);
                }
            }

            instance.LeftSignal.TrySetResult();
        }
        catch (Exception) when (_stop.IsCancellationRequested)
        {
            // The next start finds the ended instance and does the rest.
        }
        catch (Exception exception)
        {
            LogRecordFailed(exception, instance.Id);
            Later(() => _ = LeaveEngineAsync(instance));
        }
        finally
        {
            Leave();
        }
    }

    private void TellParent(ExecutionStarted started, ExecutionEnded ended)
    {
        if (started.Parent is { } link && _active.TryGetValue(link.InstanceId, out var parent))
            RecordOnce(parent, link.ExecutionId, link.TaskId, ResultOf(link.TaskId, ended));
    }

    private static Message ResultOf(int taskId, ExecutionEnded ended) => ended.Status == OrchestrationRuntimeStatus.Completed
        ? new TaskCompleted(taskId, ended.Output)
        : new TaskFailed(taskId, ended.Failure ?? new Failure("(unknown)", ended.Output ?? "The sub-orchestration was terminated."));

    /// <summary>The sender's history says that it arrived, so it will not be sent again.</summary>
    private void Forget(Outgoing outgoing)
    {
        if (outgoing.Action.Kind == ActionKind.Event)
            _delivered.Remove(outgoing.Action.InstanceId!, outgoing.MessageId);
    }
}
