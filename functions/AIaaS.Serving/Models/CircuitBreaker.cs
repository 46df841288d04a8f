namespace AIaaS.Serving.Models;

/// <summary>
/// Keeps requests from a model that keeps failing: after <see cref="Failures"/> failures that are at least half of the requests
/// of the last <see cref="Window"/> it refuses all, then lets one through to see; that one's outcome closes or opens it again.
/// </summary>
internal sealed class CircuitBreaker(TimeProvider timeProvider)
{
    public const int Failures = 5;

    public static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan FirstBreak = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestBreak = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Slot[] _slots = new Slot[(int)Window.TotalSeconds];
    private DateTimeOffset _openUntil;
    private TimeSpan _break = FirstBreak;
    private bool _open;
    private bool _probing;

    /// <exception cref="ModelBrokenException">The model rests.</exception>
    public void ThrowIfOpen()
    {
        if (!Volatile.Read(ref _open))
            return;
        lock (_lock)
        {
            if (!_open)
                return;
            var rest = _openUntil - timeProvider.GetUtcNow();
            if (rest > TimeSpan.Zero || _probing)
                throw new ModelBrokenException(rest > TimeSpan.Zero ? rest : TimeSpan.FromSeconds(1));
            _probing = true;
        }
    }

    /// <summary>Notes a request that went well, in however many runs.</summary>
    public void Succeed()
    {
        lock (_lock)
        {
            if (_open)
                Close();
            SlotOf(timeProvider.GetUtcNow()).Succeeded++;
        }
    }

    /// <summary>Notes that a request that was let through never ran, so that another may try.</summary>
    public void Abandon()
    {
        if (!Volatile.Read(ref _open))
            return;
        lock (_lock)
            _probing = false;
    }

    public void Fail()
    {
        lock (_lock)
        {
            var now = timeProvider.GetUtcNow();
            if (_open)
            {
                if (!_probing)
                    return;
                _break = _break * 2 < LongestBreak ? _break * 2 : LongestBreak;
                Open(now);
                return;
            }

            SlotOf(now).Failed++;
            var (failed, succeeded) = Count(now);
            if (failed >= Failures && failed >= succeeded)
                Open(now);
        }
    }

    private void Open(DateTimeOffset now)
    {
        Volatile.Write(ref _open, true);
        _probing = false;
        _openUntil = now + _break;
    }

    private void Close()
    {
        _probing = false;
        Volatile.Write(ref _open, false);
        _break = FirstBreak;
        Array.Clear(_slots);
    }

    private ref Slot SlotOf(DateTimeOffset now)
    {
        var second = now.ToUnixTimeSeconds();
        ref var slot = ref _slots[second % _slots.Length];
        if (slot.Second != second)
            slot = new() { Second = second };
        return ref slot;
    }

    private (int Failed, int Succeeded) Count(DateTimeOffset now)
    {
        var oldest = now.ToUnixTimeSeconds() - _slots.Length + 1;
        var (failed, succeeded) = (0, 0);
        foreach (var slot in _slots)
        {
            if (slot.Second >= oldest)
                (failed, succeeded) = (failed + slot.Failed, succeeded + slot.Succeeded);
        }

        return (failed, succeeded);
    }

    /// <summary>The requests of one second.</summary>
    private struct Slot
    {
        public long Second;
        public int Failed;
        public int Succeeded;
    }
}

/// <summary>A model failed so often that it rests for a while; the others go on.</summary>
/// <param name="retryAfter">When it is tried again.</param>
public sealed class ModelBrokenException(TimeSpan retryAfter)
    : Exception("The model failed on most of its latest requests and rests for a while.")
{
    public TimeSpan RetryAfter { get; } = retryAfter;
}
