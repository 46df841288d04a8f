using System.Collections.Concurrent;
using AIaaS.Platform.Documents;
using Microsoft.Extensions.Logging;

namespace AIaaS.Platform.Endpoints;

/// <summary>
/// Snapshots of the endpoints that are being called, at most five seconds old, so that a prediction makes no call to the store.
/// Those in use are read again in the background; those nobody calls are let go.
/// </summary>
public sealed partial class EndpointDirectory : IDisposable
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RefreshEvery = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan IdleAfter = TimeSpan.FromMinutes(5);

    // Names come from callers: an unbounded directory would let them fill the memory.
    private const int Capacity = 10_000;

    private readonly ConcurrentDictionary<(string Tenant, string Name), Snapshot> _snapshots = new();
    private readonly Catalog _catalog;
    private readonly TimeProvider _time;
    private readonly ILogger<EndpointDirectory> _logger;
    private readonly ITimer _timer;
    private readonly CancellationTokenSource _stopping = new();
    private int _refreshing;

    public EndpointDirectory(Catalog catalog, TimeProvider time, ILogger<EndpointDirectory> logger)
    {
        _catalog = catalog;
        _time = time;
        _logger = logger;
        _timer = time.CreateTimer(_ => _ = RefreshAsync(), state: null, RefreshEvery, RefreshEvery);
    }

    /// <returns>Null where there is no such endpoint; completes synchronously while a fresh snapshot is at hand.</returns>
    public ValueTask<Endpoint?> FindAsync(string tenant, string name, CancellationToken cancellationToken)
    {
        var now = _time.GetTimestamp();
        if (_snapshots.TryGetValue((tenant, name), out var snapshot) && _time.GetElapsedTime(snapshot.Read, now) <= Fresh)
        {
            snapshot.Used = now;
            return ValueTask.FromResult<Endpoint?>(snapshot.Endpoint);
        }

        return LoadAsync(tenant, name, cancellationToken);
    }

    /// <summary>Drops a snapshot that this process knows to be outdated.</summary>
    internal void Forget(string tenant, string name) => _snapshots.TryRemove((tenant, name), out _);

    public void Dispose()
    {
        if (_stopping.IsCancellationRequested)
        {
            return;
        }

        _stopping.Cancel();
        _timer.Dispose();
        _stopping.Dispose();
    }

    private async ValueTask<Endpoint?> LoadAsync(string tenant, string name, CancellationToken cancellationToken)
    {
        var read = _time.GetTimestamp();
        var document = await _catalog.FindAsync(Endpoint.Kind, tenant, name, cancellationToken);
        if (document is null)
        {
            Forget(tenant, name);
            return null;
        }

        if (_snapshots.Count < Capacity)
        {
            _snapshots[(tenant, name)] = new Snapshot(document.Value, read) { Used = read };
        }

        return document.Value;
    }

    private async Task RefreshAsync()
    {
        if (Interlocked.Exchange(ref _refreshing, 1) == 1)
        {
            return;
        }

        try
        {
            foreach (var ((tenant, name), snapshot) in _snapshots)
            {
                await RefreshAsync(tenant, name, snapshot);
            }
        }
        catch (Exception stopped) when (_stopping.IsCancellationRequested && stopped is OperationCanceledException or ObjectDisposedException)
        {
            // Shutting down.
        }
        finally
        {
            Volatile.Write(ref _refreshing, 0);
        }
    }

    private async Task RefreshAsync(string tenant, string name, Snapshot snapshot)
    {
        if (_time.GetElapsedTime(snapshot.Used) > IdleAfter)
        {
            Forget(tenant, name);
            return;
        }

        try
        {
            var read = _time.GetTimestamp();
            var document = await _catalog.FindAsync(Endpoint.Kind, tenant, name, _stopping.Token);
            if (document is null)
            {
                Forget(tenant, name);
            }
            else
            {
                // Not over a snapshot that was forgotten or replaced meanwhile.
                _snapshots.TryUpdate((tenant, name), new Snapshot(document.Value, read) { Used = snapshot.Used }, snapshot);
            }
        }
#pragma warning disable CA1031 // Whatever the store's trouble is, the snapshot grows stale and the next request sees it; the others are refreshed.
        catch (Exception error) when (!_stopping.IsCancellationRequested)
#pragma warning restore CA1031
        {
            LogRefreshFailed(error, tenant, name);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The endpoint {Tenant}/{Endpoint} could not be refreshed.")]
    private partial void LogRefreshFailed(Exception error, string tenant, string endpoint);

    private sealed class Snapshot(Endpoint endpoint, long read)
    {
        public Endpoint Endpoint { get; } = endpoint;

        public long Read { get; } = read;

        public long Used { get; set; }
    }
}
