using AIaaS.LocalHost.Durable.History;
using AIaaS.LocalHost.Durable.Orchestrations;
using Microsoft.DurableTask.Client;

namespace AIaaS.LocalHost.Durable;

internal sealed partial class DurableEngine
{
    private static TurnOutcome Failed(Failure failure) => new(0, [], [], false, null, new ThrewEnd(failure));

    /// <summary>The gate must be held.</summary>
    private void QueueTurn(DurableInstance instance)
    {
        if (instance.TurnQueued || instance.TurnRunning || !instance.NeedsTurn)
            return;
        instance.TurnQueued = true;
        ThreadPool.UnsafeQueueUserWorkItem(TakeTurn, instance, preferLocal: false);
    }

    private void QueueTurnLocked(DurableInstance instance)
    {
        lock (instance.Gate)
        {
            QueueTurn(instance);
        }
    }

    private void TakeTurn(DurableInstance instance)
    {
        if (!TryEnter())
            return;
        try
        {
            OrchestrationRun? run;
            List<Message> messages;
            DateTime time;
            lock (instance.Gate)
            {
                instance.TurnQueued = false;
                time = Now;
                if (!instance.NeedsTurn || (!instance.HasBegun && instance.Started.StartAt > time))
                    return;
                instance.TurnRunning = true;
                if (time < instance.LastUpdated)
                    time = instance.LastUpdated;
                messages = [.. instance.Waiting];
                run = instance.Run;
            }

            var outcome = Think(instance, ref run, time, messages);
            Conclude(instance, run, time, outcome);
        }
        catch (ObjectDisposedException) when (_stop.IsCancellationRequested)
        {
            // What the turn did is not recorded, so it never happened.
        }
        catch (Exception exception)
        {
            LogTurnFailed(exception, instance.Id);
            lock (instance.Gate)
            {
                // The code has run ahead of its history.
                instance.Run = null;
                instance.TurnRunning = false;
            }

            Later(() => QueueTurnLocked(instance));
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Lets the orchestrator's code take a turn, replaying it first where it is not in memory.</summary>
    private TurnOutcome Think(DurableInstance instance, ref OrchestrationRun? run, DateTime time, List<Message> messages)
    {
        var started = instance.Started;
        if (instance.AwaitedIllegally)
            return Failed(OrchestrationRun.IllegalAwait());
        if (run is null)
        {
            if (!_functions.TryGetOrchestrator(started.Name, out var orchestrator))
                return Failed(new Failure("OrchestratorTaskNotFound", $"There is no orchestrator function named '{started.Name}'."));
            run = new OrchestrationRun(started, orchestrator, _loggerFactory, () => NoteIllegalAwait(instance, started.ExecutionId));
            if (instance.HasBegun)
            {
                var content = HistoryFrame.Decode(_files.ReadRunning(instance.Key, instance.Length));
                if (content.Corruption is { } corruption)
                    return Failed(new Failure(typeof(InvalidDataException).FullName!, $"The history is damaged: {corruption}."));
                try
                {
                    Replay.Run(run, content.Records);
                }
                catch (NonDeterminismException exception)
                {
                    return Failed(new Failure("DurableTask.Core.Exceptions.NonDeterministicOrchestrationException", exception.Message));
                }
            }
        }

        return run.Take(time, messages, replaying: false);
    }

    /// <summary>Records a turn and lets it take effect.</summary>
    private void Conclude(DurableInstance instance, OrchestrationRun? run, DateTime time, TurnOutcome outcome)
    {
        string executionId;
        IReadOnlyList<Outgoing> acknowledged;
        lock (instance.Gate)
        {
            instance.TurnRunning = false;
            if (instance.Ended is not null)
                return;

            executionId = instance.Started.ExecutionId;
            acknowledged = [.. instance.Acknowledged];
            var turn = new TurnTaken(
                time,
                outcome.Consumed,
                outcome.Actions.Count > 0 ? outcome.Actions : null,
                outcome.CancelledTimers.Count > 0 ? outcome.CancelledTimers : null,
                outcome.StatusChanged,
                outcome.CustomStatus,
                acknowledged.Count > 0 ? [.. acknowledged.Select(outgoing => outgoing.MessageId)] : null);
            switch (outcome.End)
            {
                case null:
                    Append(instance, turn);
                    break;
                case ContinuedAsNewEnd next:
                    ContinueAsNew(instance, turn, next);
                    break;
                case var end:
                    var status = turn.StatusChanged ? turn.CustomStatus : instance.CustomStatus;
                    Append(instance, end is ThrewEnd threw
                        ? new ExecutionEnded(time, OrchestrationRuntimeStatus.Failed, null, threw.Failure, status, turn)
                        : new ExecutionEnded(time, OrchestrationRuntimeStatus.Completed, ((ReturnedEnd)end).Output, null, status, turn));
                    break;
            }

            instance.Acknowledged.Clear();
            instance.Run = outcome.End is null && !_options.ReplayEveryTurn ? run : null;
            instance.BegunSignal.TrySetResult();
            QueueTurn(instance);
        }

        foreach (var outgoing in acknowledged)
        {
            Forget(outgoing);
        }

        CarryOut(instance, executionId, outcome);
        if (instance.Ended is { } ended)
        {
            if (ended.Failure is { } failure)
                LogOrchestrationFailed(instance.Id, instance.Started.Name, failure.ErrorType, failure.ErrorMessage);
            AfterEnd(instance);
        }
    }

    /// <summary>Replaces the history by that of the next execution. The gate must be held.</summary>
    private void ContinueAsNew(DurableInstance instance, TurnTaken turn, ContinuedAsNewEnd next)
    {
        var started = instance.Started;
        var sent = (turn.Actions ?? [])
            .Where(action => action.Kind is ActionKind.Event or ActionKind.SubOrchestration)
            .Select(action => new Outgoing(started.ExecutionId, action));
        var continued = started with
        {
            ExecutionId = NewExecutionId(),
            Created = turn.Time,
            Input = next.Input,
            StartAt = null,
            Events = [.. next.Events, .. instance.Waiting.Skip(turn.Consumed).OfType<EventRaised>()],
            Outbox = [.. instance.Outbox.Values, .. sent],
            Received = _delivered.Of(instance.Id),
            CustomStatus = turn.StatusChanged ? turn.CustomStatus : instance.CustomStatus,
            Suspended = instance.Suspended,
            Continued = true,
        };
        var frame = HistoryFrame.Encode(continued);
        _files.Replace(instance.Key, frame);
        instance.Begin(continued, frame.Length);
    }

    /// <summary>Begins what a recorded turn asked for.</summary>
    private void CarryOut(DurableInstance instance, string executionId, TurnOutcome outcome)
    {
        foreach (var action in outcome.Actions)
        {
            switch (action.Kind)
            {
                case ActionKind.Activity:
                    _activities.Writer.TryWrite(new ActivityWork(instance, executionId, action));
                    break;
                case ActionKind.Timer when !outcome.CancelledTimers.Contains(action.Id):
                    SetTimer(instance, executionId, action);
                    break;
                case ActionKind.Event or ActionKind.SubOrchestration when instance.Ended is null:
                    _ = DeliverAsync(instance, new Outgoing(executionId, action));
                    break;
            }
        }
    }

    private void SetTimer(DurableInstance instance, string executionId, OrchestrationAction timer) =>
        _timers.Add(timer.FireAt, () => Record(instance, executionId, timer.Id, new TimerFired(timer.Id)));

    private void NoteIllegalAwait(DurableInstance instance, string executionId)
    {
        lock (instance.Gate)
        {
            if (instance.Ended is not null || instance.Started.ExecutionId != executionId)
                return;
            instance.AwaitedIllegally = true;
            QueueTurn(instance);
        }
    }

    /// <summary>Records the outcome of a task, unless the orchestrator no longer waits for it.</summary>
    private void Record(DurableInstance instance, string executionId, int taskId, Message message)
    {
        try
        {
            RecordOnce(instance, executionId, taskId, message);
        }
        catch (ObjectDisposedException) when (_stop.IsCancellationRequested)
        {
            // It will be found pending at the next start.
        }
        catch (Exception exception)
        {
            LogRecordFailed(exception, instance.Id);
            Later(() => Record(instance, executionId, taskId, message));
        }
    }

    private void RecordOnce(DurableInstance instance, string executionId, int taskId, Message message)
    {
        lock (instance.Gate)
        {
            if (instance.Ended is not null || instance.Started.ExecutionId != executionId || !instance.Pending.ContainsKey(taskId))
                return;
            Append(instance, message);
            QueueTurn(instance);
        }
    }

    /// <summary>Writes a record and then lets the instance change by it. The gate must be held.</summary>
    private void Append(DurableInstance instance, HistoryRecord record)
    {
        var frame = HistoryFrame.Encode(record);
        _files.Append(instance.Key, instance.Length, frame);
        instance.Length += frame.Length;
        instance.Apply(record);
    }

    private async Task RunActivitiesAsync()
    {
        try
        {
            await foreach (var work in _activities.Reader.ReadAllAsync(_stop.Token))
            {
                await _activitySlots.WaitAsync(_stop.Token);
                _ = Task.Run(() => RunActivityAsync(work), CancellationToken.None);
            }
        }
        catch (OperationCanceledException)
        {
            // The engine stops.
        }
    }

    private async Task RunActivityAsync(ActivityWork work)
    {
        var (instance, executionId, action) = work;
        if (!TryEnter())
            return;
        try
        {
            if (instance.Ended?.Status == OrchestrationRuntimeStatus.Terminated)
                return;
            Message message;
            try
            {
                message = _functions.HasActivity(action.Name!)
                    ? new TaskCompleted(action.Id, Converter.Serialize(await _functions.RunActivityAsync(
                        new ActivityCall(action.Name!, action.Input, instance.Id, action.Id), _stop.Token)))
                    : new TaskFailed(action.Id, new Failure(
                        "ActivityTaskNotFound", $"There is no activity function named '{action.Name}'.", NonRetriable: true));
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                // Not recorded: it runs again after the next start.
                return;
            }
            catch (Exception exception)
            {
                message = new TaskFailed(action.Id, Failure.From(exception));
            }

            Record(instance, executionId, action.Id, message);
        }
        finally
        {
            _activitySlots.Release();
            Leave();
        }
    }

    private sealed record ActivityWork(DurableInstance Instance, string ExecutionId, OrchestrationAction Action);
}
