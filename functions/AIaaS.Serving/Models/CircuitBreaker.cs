namespace AIaaS.Serving.Models;

/// <summary>
/// Keeps requests from a model whose runs keep failing: after <see cref="Failures"/> failures that are at least half of the
/// runs within <see cref="Window"/> it refuses all, then lets one through to see; that one's outcome closes or opens it again.
/// </summary>
internal sealed class CircuitBreaker(TimeProvider timeProvider)
{
    public const int Failures = 5;

    public static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan FirstBreak = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestBreak = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private DateTimeOffset _windowEnd;
    private DateTimeOffset _openUntil;
    private TimeSpan _break = FirstBreak;
    private int _failed;
    private int _succeeded;
    private bool _open;
    private bool _probing;

    /// <summary>Whether all is well, so that nothing has to be counted.</summary>
    private bool IsQuiet => Volatile.Read(ref _failed) == 0;

    /// <exception cref="ModelBrokenException">The model rests.</exception>
    public void ThrowIfOpen()
    {
        if (IsQuiet)
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

    public void Succeed()
    {
        if (IsQuiet)
            return;
        lock (_lock)
        {
            if (_open)
                Close();
            else if (timeProvider.GetUtcNow() >= _windowEnd)
                Reset();
            else
                _succeeded++;
        }
    }

    /// <summary>Notes that a request that was let through never ran, so that another may try.</summary>
    public void Abandon()
    {
        if (IsQuiet)
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

            if (_failed == 0 || now >= _windowEnd)
            {
                Reset();
                _windowEnd = now + Window;
            }

            Volatile.Write(ref _failed, _failed + 1);
            if (_failed >= Failures && _failed >= _succeeded)
                Open(now);
        }
    }

    private void Open(DateTimeOffset now)
    {
        _open = true;
        _probing = false;
        _openUntil = now + _break;
    }

    private void Close()
    {
        _open = _probing = false;
        _break = FirstBreak;
        Reset();
    }

    private void Reset()
    {
        _succeeded = 0;
        Volatile.Write(ref _failed, 0);
    }
}

/// <summary>A model failed so often that it rests for a while; the others go on.</summary>
/// <param name="retryAfter">When it is tried again.</param>
public sealed class ModelBrokenException(TimeSpan retryAfter)
    : Exception("The model failed on most of its latest requests and rests for a while.")
{
    public TimeSpan RetryAfter { get; } = retryAfter;
}
