namespace AIaaS.LocalHost.Durable;

/// <summary>Calls back at given times, all on one timer.</summary>
internal sealed class DurableTimers : IDisposable
{
    /// <summary>Timers of the runtime have a longest delay; later ones are armed again on the way.</summary>
    private static readonly TimeSpan LongestDelay = TimeSpan.FromDays(1);

    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly Lock _gate = new();
    private readonly PriorityQueue<Action, DateTime> _due = new();
    private bool _disposed;

    public DurableTimers(TimeProvider time)
    {
        _time = time;
        _timer = time.CreateTimer(_ => Fire(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <param name="at">UTC; a past time means at once.</param>
    public void Add(DateTime at, Action callback)
    {
        lock (_gate)
        {
            _due.Enqueue(callback, at);
            if (ReferenceEquals(_due.Peek(), callback))
                Arm();
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _due.Clear();
            _timer.Dispose();
        }
    }

    private void Fire()
    {
        var callbacks = new List<Action>();
        lock (_gate)
        {
            var now = _time.GetUtcNow().UtcDateTime;
            while (_due.TryPeek(out _, out var at) && at <= now)
            {
                callbacks.Add(_due.Dequeue());
            }

            Arm();
        }

        foreach (var callback in callbacks)
        {
            callback();
        }
    }

    private void Arm()
    {
        if (_disposed || !_due.TryPeek(out _, out var at))
            return;
        var delay = at - _time.GetUtcNow().UtcDateTime;

        // Runtime timers tick in whole milliseconds: rounding up avoids waking just before the time.
        var milliseconds = Math.Ceiling(Math.Clamp(delay.TotalMilliseconds, 0, LongestDelay.TotalMilliseconds));
        _timer.Change(TimeSpan.FromMilliseconds(milliseconds), Timeout.InfiniteTimeSpan);
    }
}
