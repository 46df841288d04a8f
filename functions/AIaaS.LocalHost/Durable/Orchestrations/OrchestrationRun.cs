using System.Diagnostics.CodeAnalysis;
using AIaaS.LocalHost.Durable.History;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Converters;
using Microsoft.Extensions.Logging;

namespace AIaaS.LocalHost.Durable.Orchestrations;

/// <summary>
/// An orchestrator's code in memory, between its turns asleep on the tasks of its context. It touches neither disk nor
/// clock: the same turns always make it do the same.
/// </summary>
internal sealed partial class OrchestrationRun
{
    private const string IllegalAwaitMessage =
        "An invalid asynchronous invocation was detected: the orchestrator awaited a task that is not durable, or middleware "
        + "did. An orchestrator may only await tasks that come from its context; move other work into an activity.";

    private readonly ExecutionStarted _started;
    private readonly Orchestrator _orchestrator;
    private readonly Action _illegalAwait;
    private readonly OrchestratorThread _thread;
    private readonly Context _context;

    private readonly Dictionary<int, TaskCompletionSource<string?>> _waiting = [];
    private readonly Dictionary<string, Queue<IEventWaiter>> _eventWaiters = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<EventRaised> _earlyEvents = [];

    private List<OrchestrationAction> _actions = [];
    private List<int> _cancelledTimers = [];
    private Task<object?>? _task;
    private int _nextActionId;
    private DateTime _time;
    private bool _replaying;
    private bool _statusSet;
    private object? _status;
    private string? _recordedStatus;
    private (string? Input, bool KeepEvents)? _continueAsNew;
    private volatile bool _awaitedIllegally;

    /// <param name="illegalAwait">Called, on any thread, when the code resumes where no turn is in progress.</param>
    public OrchestrationRun(ExecutionStarted started, Orchestrator orchestrator, ILoggerFactory loggerFactory, Action illegalAwait)
    {
        _started = started;
        _orchestrator = orchestrator;
        _illegalAwait = illegalAwait;
        _thread = new OrchestratorThread(ReportIllegalAwait);
        _context = new Context(this, loggerFactory);
        _recordedStatus = started.CustomStatus;
    }

    private static JsonDataConverter Converter => JsonDataConverter.Default;

    /// <summary>The failure of an orchestrator that awaited something that is not durable.</summary>
    public static Failure IllegalAwait() => Failure.From(new InvalidOperationException(IllegalAwaitMessage));

    /// <summary>Lets the code hear messages, in order, until it ends or has heard all.</summary>
    public TurnOutcome Take(DateTime time, IReadOnlyList<Message> messages, bool replaying)
    {
        _time = time;
        _replaying = replaying;
        _actions = [];
        _cancelledTimers = [];

        var consumed = 0;
        using (_thread.Enter())
        {
            if (_task is null)
            {
                _task = StartAsync();
                _thread.Drain();
                _ = _task.ContinueWith(
                    _ => ReportUnlessInTurn(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }

            while (consumed < messages.Count && !_task.IsCompleted && !_awaitedIllegally)
            {
                Hear(messages[consumed++]);
                _thread.Drain();
            }
        }

        var end = End();
        var (changed, status) = StatusChange(ref end);
        return new TurnOutcome(consumed, _actions, _cancelledTimers, changed, status, end);
    }

    private async Task<object?> StartAsync() => await _orchestrator(_context);

    private TurnEnd? End()
    {
        if (_awaitedIllegally)
            return new ThrewEnd(IllegalAwait());
        if (!_task!.IsCompleted)
        {
            // Nothing durable can ever wake it, so whatever it awaits is not durable.
            return HasDurableWait() ? null : new ThrewEnd(IllegalAwait());
        }

        if (_task.IsCanceled)
            return new ThrewEnd(Failure.From(new TaskCanceledException("The orchestrator was cancelled by a task it awaited.")));
        if (_task.IsFaulted)
            return new ThrewEnd(Failure.From(_task.Exception.InnerException!));
        if (_continueAsNew is { } next)
            return new ContinuedAsNewEnd(next.Input, next.KeepEvents ? _earlyEvents : []);

        try
        {
            return new ReturnedEnd(Converter.Serialize(_task.Result));
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            return new ThrewEnd(Failure.From(exception));
        }
    }

    private bool HasDurableWait() =>
        _waiting.Count > 0 || _eventWaiters.Values.Any(waiters => waiters.Any(waiter => !waiter.IsDone));

    private (bool Changed, string? Status) StatusChange(ref TurnEnd? end)
    {
        if (!_statusSet)
            return (false, null);
        try
        {
            var status = Converter.Serialize(_status);
            var changed = status != _recordedStatus;
            _recordedStatus = status;
            return (changed, changed ? status : null);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            _statusSet = false;
            end = end as ThrewEnd ?? new ThrewEnd(Failure.From(exception));
            return (false, null);
        }
    }

    private void Hear(Message message)
    {
        switch (message)
        {
            case TaskCompleted completed when _waiting.Remove(completed.TaskId, out var task):
                task.SetResult(completed.Result);
                break;
            case TaskFailed failed when _waiting.Remove(failed.TaskId, out var task):
                task.SetException(new FailedTask(failed.TaskId, failed.Failure));
                break;
            case TimerFired fired when _waiting.Remove(fired.TaskId, out var task):
                task.SetResult(null);
                break;
            case EventRaised raised:
                HearEvent(raised);
                break;
        }
    }

    private void HearEvent(EventRaised raised)
    {
        while (_eventWaiters.TryGetValue(raised.Name, out var waiters))
        {
            var waiter = waiters.Dequeue();
            if (waiters.Count == 0)
                _eventWaiters.Remove(raised.Name);
            if (waiter.TryComplete(raised.Input))
                return;
        }

        _earlyEvents.Add(raised);
    }

    private Task<string?> Schedule(OrchestrationAction action)
    {
        var task = new TaskCompletionSource<string?>();
        _waiting.Add(action.Id, task);
        _actions.Add(action);
        return task.Task;
    }

    private void EnsureInTurn()
    {
        if (_thread.IsCurrent)
            return;
        ReportIllegalAwait();
        throw new InvalidOperationException(IllegalAwaitMessage);
    }

    private void ReportUnlessInTurn()
    {
        if (!_thread.IsCurrent)
            ReportIllegalAwait();
    }

    private void ReportIllegalAwait()
    {
        _awaitedIllegally = true;
        _illegalAwait();
    }

    private interface IEventWaiter
    {
        Type EventType { get; }

        bool IsDone { get; }

        /// <returns>Whether it took the event; a cancelled waiter does not.</returns>
        bool TryComplete(string? input);
    }

    private sealed class EventWaiter<T> : TaskCompletionSource<T>, IEventWaiter
    {
        public Type EventType => typeof(T);

        public bool IsDone => Task.IsCompleted;

        public bool TryComplete(string? input)
        {
            if (Task.IsCompleted)
                return false;
            try
            {
                return TrySetResult(Converter.Deserialize<T>(input)!);
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                return TrySetException(exception);
            }
        }
    }

    /// <summary>Carries a failure from the message to the call that turns it into a <see cref="TaskFailedException"/>.</summary>
    [SuppressMessage("Design", "CA1064:Exceptions should be public", Justification = "It never reaches an orchestrator.")]
    private sealed class FailedTask(int taskId, Failure failure) : Exception(failure.ErrorMessage)
    {
        public int TaskId => taskId;

        public Failure Failure => failure;
    }
}
