using AIaaS.Serving.Inference;
using AIaaS.Serving.Telemetry;

namespace AIaaS.Serving.Models;

/// <summary>
/// Keeps models in memory: loads each once however many requests ask for it, checks its SHA-256, runs it once before it is
/// used, and drops the least recently used ones to stay within a byte budget, in which loads count too: one that finds no room
/// waits for those before it. Safe for concurrent use.
/// </summary>
/// <param name="source">Where models are stored.</param>
/// <param name="options">Bounds.</param>
/// <param name="timeProvider">The clock.</param>
/// <param name="diskCache">Null to fetch every model from where it is stored.</param>
/// <param name="metrics">Null to measure nothing.</param>
/// <param name="statistics">Told of each run; null where nobody counts them.</param>
public sealed class ModelServer(
    IModelSource source,
    ModelServerOptions options,
    TimeProvider timeProvider,
    ModelDiskCache? diskCache = null,
    ServingMetrics? metrics = null,
    InferenceStatistics? statistics = null) : IAsyncDisposable
{
    private readonly ModelEnvironment _environment = new(options.MemoryBudgetBytes, options.Batching, diskCache, metrics, statistics, timeProvider);
    private readonly Lock _lock = new();
    private readonly Dictionary<ModelReference, Entry> _entries = [];
    private readonly LinkedList<Entry> _leastRecentFirst = [];
    private readonly Queue<Entry> _failures = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly LinkedList<Entry> _firstComeFirst = [];
    private TaskCompletionSource _roomMade = NewSignal();
    private long _bytes;
    private long _reserved;
    private long _loads;
    private long _loadFailures;
    private long _evictions;
    private bool _isDisposed;

    /// <summary>Gives a model, loading it first where it is not in memory.</summary>
    /// <param name="reference">The model.</param>
    /// <param name="cancellationToken">Ends the wait; a load that others may wait for goes on.</param>
    /// <exception cref="ModelLoadException">It cannot be loaded, or could not be a moment ago.</exception>
    public ValueTask<ModelLease> AcquireAsync(ModelReference reference, CancellationToken cancellationToken)
    {
        Entry entry;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_entries.TryGetValue(reference, out var found) && !IsExpired(found))
            {
                if (found.Model is { } model)
                {
                    MarkUsed(found);
                    model.Retain();
                    return new(new ModelLease(model));
                }

                if (found.Failure is { } failure)
                    return ValueTask.FromException<ModelLease>(new ModelLoadException(reference, failure.Reason, failure.InnerException));
                entry = found;
            }
            else
            {
                ForgetExpiredFailures();
                entry = new(reference);
                _entries[reference] = entry;
                // Not the caller's token: whoever gives up waiting must not fail the others.
                entry.Loading = Task.Run(() => LoadAsync(entry));
            }

            entry.Waiters++;
        }

        return WaitAsync(entry, cancellationToken);
    }

    /// <summary>Drops a model from memory, for instance one that was deleted; requests that hold it are not disturbed.</summary>
    /// <returns>False where it was not loaded.</returns>
    public bool Remove(ModelReference reference)
    {
        LoadedModel? removed = null;
        lock (_lock)
        {
            if (_entries.TryGetValue(reference, out var entry) && entry.Model is not null)
                removed = Detach(entry, evicted: false);
        }

        removed?.Release();
        return removed is not null;
    }

    /// <summary>What a model counts in memory, or why it could not be loaded a moment ago; neither where it is not loaded.</summary>
    public (long? Bytes, string? Failure) Inspect(ModelReference reference)
    {
        lock (_lock)
            return _entries.TryGetValue(reference, out var entry) ? (entry.Model?.Bytes, IsExpired(entry) ? null : entry.Failure?.Reason) : default;
    }

    /// <summary>Drops the models used least recently until half of what they count is free, for when memory is short.</summary>
    public void Shrink() => Evict(Interlocked.Read(ref _bytes) / 2, keep: null);

    public ModelServerStatistics GetStatistics()
    {
        lock (_lock)
            return new(_leastRecentFirst.Count, _bytes, _loads, _loadFailures, _evictions);
    }

    /// <summary>Stops loads and drops all models; those that are leased live until their leases are disposed.</summary>
    public async ValueTask DisposeAsync()
    {
        Task[] loading;
        lock (_lock)
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
            loading = [.. _entries.Values.Select(e => e.Loading).Where(t => !t.IsCompleted)];
        }

        await _stopping.CancelAsync();
        // A load that ends now has told its waiters how; nobody is left to tell here.
        await Task.WhenAll(loading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        List<LoadedModel> removed = [];
        lock (_lock)
        {
            while (_leastRecentFirst.First is { } node)
                removed.Add(Detach(node.Value, evicted: false));
            _entries.Clear();
            _failures.Clear();
        }

        removed.ForEach(m => m.Release());
        _stopping.Dispose();
    }

    private async ValueTask<ModelLease> WaitAsync(Entry entry, CancellationToken cancellationToken)
    {
        try
        {
            var model = await entry.Loading.WaitAsync(cancellationToken);
            lock (_lock)
            {
                // While somebody waits the entry is not evicted, but it may have been removed or the server disposed.
                if (entry.Model is not null)
                {
                    model.Retain();
                    return new(model);
                }

                if (_isDisposed)
                    throw new ModelLoadException(entry.Reference, "the server is stopping.");
            }
        }
        finally
        {
            bool isOver;
            lock (_lock)
                isOver = --entry.Waiters == 0 && _bytes > options.MemoryBudgetBytes;
            // What was spared for its waiters may have put memory over the budget, and no further load may come to see to it.
            if (isOver)
                Evict(options.MemoryBudgetBytes, entry);
        }

        // Removing frees memory, and takes a model from nobody who asks for it.
        return await AcquireAsync(entry.Reference, cancellationToken);
    }

    private async Task<LoadedModel> LoadAsync(Entry entry)
    {
        try
        {
            using var timeout = new CancellationTokenSource(options.LoadTimeout, timeProvider);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, _stopping.Token);
            var started = timeProvider.GetTimestamp();
            LoadedModel model;
            try
            {
                model = await LoadedModel.LoadAsync(
                    source, entry.Reference, _environment, (bytes, token) => ReserveAsync(entry, bytes, token), either.Token);
                metrics?.AddLoad(model, timeProvider.GetElapsedTime(started));
            }
            catch (Exception e) when (timeout.IsCancellationRequested && e is not ModelLoadException)
            {
                throw new ModelLoadException(entry.Reference, $"it took longer than {options.LoadTimeout.TotalSeconds:0} seconds.", e);
            }

            Keep(entry, model);
            return model;
        }
        catch (Exception e)
        {
            var failure = e as ModelLoadException
                ?? new ModelLoadException(entry.Reference, _stopping.IsCancellationRequested
                    ? "the server is stopping."
                    : "its file could not be read.", e);
            metrics?.AddLoadFailure(entry.Reference);
            lock (_lock)
            {
                _loadFailures++;
                entry.Failure = failure;
                entry.RetryAt = timeProvider.GetUtcNow() + options.FailureRetention;
                _failures.Enqueue(entry);
            }

            throw failure;
        }
        finally
        {
            GiveBack(entry);
        }
    }

    /// <summary>Waits until a load's bytes fit beside the models in memory and the loads before it; idle models make room.</summary>
    /// <remarks>A load that is alone goes on in any case, since models that are waited for are not dropped for it.</remarks>
    private async Task ReserveAsync(Entry entry, long bytes, CancellationToken cancellationToken)
    {
        LinkedListNode<Entry> place;
        lock (_lock)
            place = _firstComeFirst.AddLast(entry);
        try
        {
            while (!TryReserve(place, bytes, out var roomMade))
                await roomMade.WaitAsync(cancellationToken);
        }
        finally
        {
            lock (_lock)
                _firstComeFirst.Remove(place);
            Signal();
        }
    }

    /// <param name="place">The load's, in the order in which they came.</param>
    /// <param name="bytes">What it will count.</param>
    /// <param name="roomMade">Ends when it is worth while to try again.</param>
    private bool TryReserve(LinkedListNode<Entry> place, long bytes, out Task roomMade)
    {
        List<LoadedModel> evicted = [];
        lock (_lock)
        {
            roomMade = _roomMade.Task;
            if (_firstComeFirst.First != place)
                return false;
            EvictLocked(options.MemoryBudgetBytes - _reserved - bytes, place.Value, evicted);
            if (_reserved == 0 || _bytes + _reserved + bytes <= options.MemoryBudgetBytes)
            {
                _reserved += bytes;
                place.Value.Reserved = bytes;
            }
        }

        evicted.ForEach(m => m.Release());
        return place.Value.Reserved > 0;
    }

    private void GiveBack(Entry entry)
    {
        lock (_lock)
            GiveBackLocked(entry);
        Signal();
    }

    private void GiveBackLocked(Entry entry)
    {
        _reserved -= entry.Reserved;
        entry.Reserved = 0;
    }

    private void Signal()
    {
        TaskCompletionSource roomMade;
        lock (_lock)
            (roomMade, _roomMade) = (_roomMade, NewSignal());
        roomMade.SetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Keep(Entry entry, LoadedModel model)
    {
        lock (_lock)
        {
            _loads++;
            entry.Model = model;
            // What was reserved for it counts as the model from here.
            GiveBackLocked(entry);
            _bytes += model.Bytes;
            _leastRecentFirst.AddLast(entry.Node);
        }

        Evict(options.MemoryBudgetBytes, entry);
    }

    private void Evict(long budget, Entry? keep)
    {
        List<LoadedModel> evicted = [];
        lock (_lock)
            EvictLocked(budget, keep, evicted);
        evicted.ForEach(m => m.Release());
    }

    private void EvictLocked(long budget, Entry? keep, List<LoadedModel> evicted)
    {
        for (var node = _leastRecentFirst.First; node is not null && _bytes > budget;)
        {
            var candidate = node.Value;
            node = node.Next;
            // Evicting what somebody waits for would make them load it again, possibly for ever.
            if (candidate == keep || candidate.Waiters > 0)
                continue;
            evicted.Add(Detach(candidate, evicted: true));
            _evictions++;
        }
    }

    private LoadedModel Detach(Entry entry, bool evicted)
    {
        var model = entry.Model!;
        metrics?.AddUnload(model, evicted);
        entry.Model = null;
        _bytes -= model.Bytes;
        _leastRecentFirst.Remove(entry.Node);
        _entries.Remove(entry.Reference);
        return model;
    }

    private void MarkUsed(Entry entry)
    {
        if (_leastRecentFirst.Last == entry.Node)
            return;
        _leastRecentFirst.Remove(entry.Node);
        _leastRecentFirst.AddLast(entry.Node);
    }

    private bool IsExpired(Entry entry) => entry.Failure is not null && timeProvider.GetUtcNow() >= entry.RetryAt;

    private void ForgetExpiredFailures()
    {
        while (_failures.TryPeek(out var oldest) && IsExpired(oldest))
        {
            _failures.Dequeue();
            if (_entries.TryGetValue(oldest.Reference, out var current) && current == oldest)
                _entries.Remove(oldest.Reference);
        }
    }

    private sealed class Entry
    {
        public Entry(ModelReference reference)
        {
            Reference = reference;
            Node = new(this);
        }

        public ModelReference Reference { get; }

        public LinkedListNode<Entry> Node { get; }

        public Task<LoadedModel> Loading { get; set; } = null!;

        public int Waiters { get; set; }

        public LoadedModel? Model { get; set; }

        /// <summary>What its load counts until the model does.</summary>
        public long Reserved { get; set; }

        public ModelLoadException? Failure { get; set; }

        public DateTimeOffset RetryAt { get; set; }
    }
}
