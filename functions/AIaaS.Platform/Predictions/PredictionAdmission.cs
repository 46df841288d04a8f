using AIaaS.Platform.Problems;
using AIaaS.Serving.Models;
using AIaaS.Serving.Telemetry;
using Microsoft.Extensions.Logging;

namespace AIaaS.Platform.Predictions;

/// <summary>Bounds what is predicted at the same time, so that what is accepted is answered as fast as ever.</summary>
/// <remarks>
/// A tenant may have as many requests under way as there is room for, divided by the tenants that have any; alone it leaves an
/// eighth free, so that others get in. Where memory is short and no collection frees any, one request at a time is let in: what
/// the process needs to live at all may be above a bound that is set too low, and refusing everything would not change that.
/// </remarks>
public sealed partial class PredictionAdmission
{
    private static readonly TimeSpan MemoryIsReadEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ModelsAreDroppedEvery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan MemoryIsCollectedEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryAfterMemory = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _underWay = new(StringComparer.Ordinal);
    private readonly int _most;
    private readonly long _memoryLimit;
    private readonly Func<long> _readMemory;
    private readonly Action _collect;
    private readonly ModelServer _server;
    private readonly ServingMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<PredictionAdmission> _logger;
    private int _total;
    private long _memoryRead;
    private long _modelsDropped;
    private long _collected;
    private int _collecting;
    private volatile bool _memoryIsShort;
    private volatile bool _collectedInVain;

    public PredictionAdmission(PlatformOptions options, ModelServer server, ServingMetrics metrics, TimeProvider time, ILogger<PredictionAdmission> logger)
        : this(options, server, metrics, time, logger, static () => Environment.WorkingSet, CollectGarbage)
    {
    }

    internal PredictionAdmission(
        PlatformOptions options,
        ModelServer server,
        ServingMetrics metrics,
        TimeProvider time,
        ILogger<PredictionAdmission> logger,
        Func<long> readMemory,
        Action collect)
    {
        (_server, _metrics, _time, _logger, _readMemory, _collect) = (server, metrics, time, logger, readMemory, collect);
        _most = options.MaxConcurrentPredictions;
        _memoryLimit = options.MemoryLimitBytes > 0 ? options.MemoryLimitBytes : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 10 * 9;
        _memoryRead = time.GetTimestamp() - (time.TimestampFrequency * (long)MemoryIsReadEvery.TotalSeconds);
        _modelsDropped = time.GetTimestamp() - (time.TimestampFrequency * (long)ModelsAreDroppedEvery.TotalSeconds);
        _collected = time.GetTimestamp() - (time.TimestampFrequency * (long)MemoryIsCollectedEvery.TotalSeconds);
    }

    /// <summary>The latest collection that a shortage of memory began.</summary>
    internal Task Collection { get; private set; } = Task.CompletedTask;

    /// <summary>Judges whether there is room for a request whose body is still to come, so that one that is refused costs no memory for it.</summary>
    /// <exception cref="ProblemException">There is no room for it now.</exception>
    public void RequireRoom(string tenant)
    {
        var isShort = IsMemoryShort();
        lock (_lock)
        {
            RequireMemory(isShort);
            RequireTurn(tenant);
        }
    }

    /// <summary>Lets a request in; to be disposed when it is answered.</summary>
    /// <exception cref="ProblemException">There is no room for it now.</exception>
    public Admitted Enter(string tenant)
    {
        var isShort = IsMemoryShort();
        lock (_lock)
        {
            RequireMemory(isShort);
            _underWay[tenant] = RequireTurn(tenant) + 1;
            _total++;
        }

        return new Admitted(this, tenant);
    }

    private void RequireMemory(bool isShort)
    {
        if (isShort && (_total > 0 || !_collectedInVain))
        {
            throw Refusal("memory", Problem.Unavailable, "The server is short of memory. Try again in a moment.", RetryAfterMemory);
        }
    }

    /// <returns>What the tenant has under way.</returns>
    private int RequireTurn(string tenant)
    {
        if (_total >= _most)
        {
            throw Refusal("process", Problem.Unavailable, "The server has as many predictions under way as it can. Try again in a moment.", RetryAfter);
        }

        var mine = _underWay.GetValueOrDefault(tenant);
        var tenants = _underWay.Count + (mine == 0 ? 1 : 0);
        var share = Math.Max(1, tenants == 1 ? _most - (_most / 8) : _most / tenants);
        return mine < share
            ? mine
            : throw Refusal("tenant", Problem.TooManyRequests, $"You have {mine} predictions under way, and others want some too. Send fewer at the same time.", RetryAfter);
    }

    private void Leave(string tenant)
    {
        lock (_lock)
        {
            _total--;
            var left = _underWay[tenant] - 1;
            if (left == 0)
            {
                _underWay.Remove(tenant);
            }
            else
            {
                _underWay[tenant] = left;
            }
        }
    }

    private bool IsMemoryShort()
    {
        var read = Volatile.Read(ref _memoryRead);
        var now = _time.GetTimestamp();
        if (_time.GetElapsedTime(read, now) < MemoryIsReadEvery || Interlocked.CompareExchange(ref _memoryRead, now, read) != read)
        {
            return _memoryIsShort;
        }

        var bytes = _readMemory();
        _memoryIsShort = bytes > _memoryLimit;
        if (_memoryIsShort && _time.GetElapsedTime(_modelsDropped, now) >= ModelsAreDroppedEvery)
        {
            _modelsDropped = now;
            LogMemory(bytes, _memoryLimit);
            _server.Shrink();
        }

        // Refused requests allocate too little to bring a collection about, and without one memory would stay where it is.
        if (_memoryIsShort && _time.GetElapsedTime(Volatile.Read(ref _collected), now) >= MemoryIsCollectedEvery && Interlocked.Exchange(ref _collecting, 1) == 0)
        {
            Collection = Task.Run(Collect);
        }

        return _memoryIsShort;
    }

    private void Collect()
    {
        try
        {
            _collect();
            var isShort = _readMemory() > _memoryLimit;
            (_memoryIsShort, _collectedInVain) = (isShort, isShort);
        }
        finally
        {
            Volatile.Write(ref _collected, _time.GetTimestamp());
            Volatile.Write(ref _collecting, 0);
        }
    }

    // The aggressive kind compacts large objects too, and gives the freed memory back to the system.
    private static void CollectGarbage() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);

    private ProblemException Refusal(string bound, Problem problem, string detail, TimeSpan retryAfter)
    {
        _metrics.AddRefusal(bound);
        return new ProblemException(problem, detail) { RetryAfter = retryAfter };
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The process has {Bytes} bytes of memory, more than the {Limit} it may have: models are dropped, garbage is collected and predictions are refused.")]
    private partial void LogMemory(long bytes, long limit);

    /// <summary>A request that was let in.</summary>
    public readonly record struct Admitted : IDisposable
    {
        private readonly PredictionAdmission _admission;
        private readonly string _tenant;

        internal Admitted(PredictionAdmission admission, string tenant) => (_admission, _tenant) = (admission, tenant);

        public void Dispose() => _admission.Leave(_tenant);
    }
}
