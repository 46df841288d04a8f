using System.Threading.Channels;

namespace AIaaS.LocalHost.Tests.Timers;

/// <summary>A clock that moves when told to, and runs the timers that fall due.</summary>
internal sealed class ManualTime(DateTimeOffset start) : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<Timer> _timers = [];
    private readonly Channel<bool> _armed = Channel.CreateUnbounded<bool>();
    private DateTimeOffset _now = start;

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate)
            return _now;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Waits until someone waits for the clock, then moves it to when the earliest of them is due.</summary>
    public async Task<DateTimeOffset> JumpToNextAsync()
    {
        await _armed.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        Timer due;
        lock (_gate)
        {
            due = _timers.MinBy(timer => timer.Due)!;
            _timers.Remove(due);
            _now = due.Due;
        }

        due.Fire();
        return due.Due;
    }

    /// <summary>Moves the clock; nobody may be waiting for a time in between.</summary>
    public void Advance(TimeSpan by)
    {
        lock (_gate)
        {
            Assert.DoesNotContain(_timers, timer => timer.Due <= _now + by);
            _now += by;
        }
    }

    private sealed class Timer(ManualTime clock, TimerCallback callback, object? state) : ITimer
    {
        public DateTimeOffset Due { get; private set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._gate)
            {
                if (dueTime == Timeout.InfiniteTimeSpan)
                    return clock._timers.Remove(this);
                Due = clock._now + dueTime;
                clock._timers.Add(this);
            }

            clock._armed.Writer.TryWrite(true);
            return true;
        }

        public void Dispose()
        {
            lock (clock._gate)
                clock._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
