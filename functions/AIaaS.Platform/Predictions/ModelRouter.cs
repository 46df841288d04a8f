using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Models;
using AIaaS.Platform.Problems;

namespace AIaaS.Platform.Predictions;

/// <summary>The model versions that answer for a name.</summary>
/// <param name="Model">The model.</param>
/// <param name="Traffic">Its versions and their shares.</param>
public sealed record ModelRoute(string Model, IReadOnlyList<TrafficShare> Traffic);

/// <summary>Finds who answers for a name: an endpoint's versions by their shares, else a model's champion, else its highest version.</summary>
public sealed class ModelRouter(EndpointDirectory endpoints, ModelRegistry registry, TimeProvider time)
{
    // Coprime to 100, so that a hundred requests in a row take each position once and shares are met exactly.
    private const uint Stride = 61;

    // Names come from callers: an unbounded directory would let them fill the memory.
    private const int Capacity = 10_000;

    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RefreshAfter = TimeSpan.FromSeconds(3);

    // Each endpoint counts its own: a shared counter would deal endpoints that are called in turn always the same positions.
    private readonly ConcurrentDictionary<(string Tenant, string Name), StrongBox<uint>> _requests = new();

    private readonly ConcurrentDictionary<(string Tenant, string Name), Snapshot> _models = new();

    /// <summary>Finds who answers for a name; completes synchronously while what it knows is fresh.</summary>
    /// <exception cref="ProblemException">There is neither such an endpoint nor such a model, or the model has no version.</exception>
    public ValueTask<ModelRoute> RouteAsync(string tenant, string name, CancellationToken cancellationToken)
    {
        if (!_models.TryGetValue((tenant, name), out var snapshot))
        {
            return FindAsync(tenant, name, cancellationToken);
        }

        var age = time.GetElapsedTime(snapshot.Read);
        if (age > Fresh)
        {
            return FindAsync(tenant, name, cancellationToken);
        }

        if (age > RefreshAfter && Interlocked.Exchange(ref snapshot.Refreshing, 1) == 0)
        {
            // A name that is in use is looked up before it grows stale, so that no request waits for the store.
            _ = RefreshAsync(tenant, name);
        }

        return new ValueTask<ModelRoute>(snapshot.Route);
    }

    /// <summary>Picks the version for one request.</summary>
    public int Choose(string tenant, string name, IReadOnlyList<TrafficShare> traffic)
    {
        if (traffic.Count == 1)
        {
            return traffic[0].Version;
        }

        var requests = _requests.GetOrAdd((tenant, name), static _ => new StrongBox<uint>());
        var position = (int)(Interlocked.Increment(ref requests.Value) * (ulong)Stride % 100);
        foreach (var share in traffic)
        {
            position -= share.Percent;
            if (position < 0)
            {
                return share.Version;
            }
        }

        return traffic[^1].Version;
    }

    private async ValueTask<ModelRoute> FindAsync(string tenant, string name, CancellationToken cancellationToken)
    {
        if (!Names.IsName(name))
        {
            throw Unknown(name);
        }

        var read = time.GetTimestamp();
        if (await endpoints.FindAsync(tenant, name, cancellationToken) is { } endpoint)
        {
            // The directory keeps endpoints fresh by itself.
            _models.TryRemove((tenant, name), out _);
            return new ModelRoute(endpoint.Model, endpoint.Traffic);
        }

        try
        {
            var route = new ModelRoute(name, [new TrafficShare(await registry.DefaultVersionAsync(tenant, name, cancellationToken), 100)]);
            if (_models.Count < Capacity)
            {
                _models[(tenant, name)] = new Snapshot(route, read);
            }

            return route;
        }
        catch (ProblemException missing) when (missing.Problem == Problem.NotFound)
        {
            _models.TryRemove((tenant, name), out _);
            throw Unknown(name);
        }
    }

    private async Task RefreshAsync(string tenant, string name)
    {
        try
        {
            await FindAsync(tenant, name, CancellationToken.None);
        }
#pragma warning disable CA1031 // Whatever the store's trouble is, the snapshot grows stale and the next request sees it.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }

    private static ProblemException Unknown(string name)
        => new(Problem.NotFound, $"Request for unknown model: '{(name.Length > 63 ? name[..63] + "…" : name)}' is not found");

    private sealed class Snapshot(ModelRoute route, long read)
    {
        public int Refreshing;

        public ModelRoute Route { get; } = route;

        public long Read { get; } = read;
    }
}
