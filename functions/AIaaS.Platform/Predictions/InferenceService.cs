using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using AIaaS.Platform.Models;
using AIaaS.Platform.Problems;
using AIaaS.Serving.Batching;
using AIaaS.Serving.Inference;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;
using AIaaS.Serving.Telemetry;
using Microsoft.Extensions.Logging;

namespace AIaaS.Platform.Predictions;

/// <summary>What is known of a model version of the repository.</summary>
/// <param name="Model">The model.</param>
/// <param name="Version">Its version.</param>
/// <param name="IsLoaded">Whether this process has it in memory.</param>
/// <param name="Reason">Why it has not; empty where it has.</param>
public sealed record RepositoryEntry(string Model, int Version, bool IsLoaded, string Reason);

/// <summary>What a model version of a name takes and gives.</summary>
/// <param name="Versions">All that can be asked for.</param>
/// <param name="Tensors">Of the version that was asked for.</param>
public sealed record DescribedModel(IReadOnlyList<int> Versions, TensorSignature Tensors);

/// <summary>What a model version has done in this process.</summary>
/// <param name="Name">The endpoint or the model that was asked for.</param>
/// <param name="Version">The version.</param>
/// <param name="LoadedBytes">Memory it counts; null where it is not loaded.</param>
/// <param name="Statistics">Since the process started.</param>
public sealed record ModelActivity(string Name, int Version, long? LoadedBytes, ModelStatistics Statistics);

/// <summary>An answer, and the model that it needs until it is sent.</summary>
public sealed class ServedAnswer(InferenceAnswer answer, ModelLease lease) : IDisposable
{
    public InferenceAnswer Answer { get; } = answer;

    public void Dispose()
    {
        Answer.Dispose();
        lease.Dispose();
    }
}

/// <summary>
/// The Open Inference Protocol for a tenant's models: by the name of an endpoint its traffic decides, by the name of a model
/// its champion or highest version answers; a version may be named with either.
/// </summary>
/// <remarks>
/// Models are loaded when they are first asked for. One that was unloaded is told to be not ready, until it is loaded or asked
/// again: unloading frees memory and takes nothing out of service. Loading, unloading and statistics are those of this process.
/// </remarks>
public sealed partial class InferenceService(
    ModelRouter router,
    ModelRegistry registry,
    ModelHost models,
    InferenceEngine engine,
    InferenceStatistics statistics,
    PredictionAdmission admission,
    ServingMetrics metrics,
    TimeProvider time,
    ILogger<InferenceService> logger)
{
    private readonly ConcurrentDictionary<(string Tenant, string Model, int Version), byte> _unloaded = new();

    /// <summary>Answers one request.</summary>
    /// <param name="tenant">Whose model.</param>
    /// <param name="name">An endpoint or a model.</param>
    /// <param name="version">As the caller wrote it; null for the one that the name serves.</param>
    /// <param name="body">The whole body, decompressed.</param>
    /// <param name="headerLength">Length of its JSON object where binary data follows, 0 for binary data alone, else null.</param>
    /// <param name="timeout">What the request has left, where it has a deadline.</param>
    /// <param name="cancellationToken">Ends the run of the model.</param>
    /// <returns>To be disposed once it is sent.</returns>
    /// <exception cref="ProblemException">There is no such model, no room for the request, it is not acceptable, or the model failed.</exception>
    public async ValueTask<ServedAnswer> InferAsync(
        string tenant, string name, string? version, ReadOnlySequence<byte> body, long? headerLength, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        using var admitted = admission.Enter(tenant);
        var route = await router.RouteAsync(tenant, name, cancellationToken);
        var number = version is null ? router.Choose(tenant, name, route.Traffic) : ParseVersion(name, version);
        var lease = await AcquireAsync(tenant, name, route.Model, number, cancellationToken);
        var started = time.GetTimestamp();
        try
        {
            if (!_unloaded.IsEmpty)
            {
                _unloaded.TryRemove((tenant, route.Model, number), out _);
            }

            var answer = await engine.InferAsync(lease, body, headerLength, name, number.ToString(CultureInfo.InvariantCulture), timeout, cancellationToken);
            statistics.Succeeded(lease.Reference, new(answer.Rows, answer.Parse, answer.Queue, answer.Run, answer.Write) { RunRows = answer.RunRows });
            return new ServedAnswer(answer, lease);
        }
        catch (Exception exception)
        {
            statistics.Failed(lease.Reference, time.GetElapsedTime(started));
            lease.Dispose();
            switch (exception)
            {
                case InferenceRequestException refusal:
                    throw new ProblemException(Problem.InvalidValue, refusal.Message);
                case PredictionOverloadException overload:
                    metrics.AddRefusal("model");
                    throw new ProblemException(Problem.TooManyRequests, overload.Message) { RetryAfter = overload.RetryAfter };
                case ModelBrokenException broken:
                    metrics.AddRefusal("circuit");
                    throw new ProblemException(
                        Problem.Unavailable, $"The model '{route.Model}' version {number} failed on most of its latest requests and rests for a while. Try again, or ask another version.")
                    {
                        RetryAfter = broken.RetryAfter,
                    };
                case PredictionFailedException failure:
                    LogFailed(failure, tenant, name, route.Model, number);
                    throw new ProblemException(Problem.Internal, $"The model '{route.Model}' version {number} failed on these tensors. Try others, or another version.");
                default:
                    throw;
            }
        }
    }

    /// <summary>What a model takes and gives; loads it.</summary>
    /// <exception cref="ProblemException">There is no such model or version, or it cannot be loaded.</exception>
    public async Task<DescribedModel> DescribeAsync(string tenant, string name, string? version, CancellationToken cancellationToken)
    {
        var route = await router.RouteAsync(tenant, name, cancellationToken);
        var number = version is null ? route.Traffic.MaxBy(share => share.Percent)!.Version : ParseVersion(name, version);
        using var lease = await AcquireAsync(tenant, name, route.Model, number, cancellationToken);
        return new DescribedModel(await registry.ListVersionNumbersAsync(tenant, route.Model, cancellationToken), InferenceEngine.Describe(lease));
    }

    /// <summary>Whether a model can answer: it is loaded for that, unless it was unloaded.</summary>
    /// <exception cref="ProblemException">It cannot, for the reason given.</exception>
    public async Task RequireReadyAsync(string tenant, string name, string? version, CancellationToken cancellationToken)
    {
        var route = await router.RouteAsync(tenant, name, cancellationToken);
        foreach (var number in VersionsOf(name, version, route))
        {
            if (_unloaded.ContainsKey((tenant, route.Model, number)))
            {
                throw new ProblemException(Problem.Unavailable, $"The model '{name}' version {number} is unloaded. Load it, or send it a request.");
            }

            (await AcquireAsync(tenant, name, route.Model, number, cancellationToken)).Dispose();
        }
    }

    /// <summary>Loads the versions that a name serves.</summary>
    /// <exception cref="ProblemException">They cannot be loaded, for the reason given.</exception>
    public async Task LoadAsync(string tenant, string name, CancellationToken cancellationToken)
    {
        try
        {
            var route = await router.RouteAsync(tenant, name, cancellationToken);
            foreach (var number in VersionsOf(name, null, route))
            {
                (await AcquireAsync(tenant, name, route.Model, number, cancellationToken)).Dispose();
                _unloaded.TryRemove((tenant, route.Model, number), out _);
            }
        }
        catch (ProblemException problem)
        {
            throw new ProblemException(problem.Problem, $"failed to load '{name}': {problem.Message}") { RetryAfter = problem.RetryAfter };
        }
    }

    /// <summary>Drops all versions of a model from this process's memory; requests that hold one are not disturbed.</summary>
    /// <exception cref="ProblemException">There is no such model.</exception>
    public async Task UnloadAsync(string tenant, string name, CancellationToken cancellationToken)
    {
        try
        {
            var route = await router.RouteAsync(tenant, name, cancellationToken);
            foreach (var number in await registry.ListVersionNumbersAsync(tenant, route.Model, cancellationToken))
            {
                if (models.Remove(tenant, route.Model, number) || route.Traffic.Any(share => share.Version == number))
                {
                    _unloaded[(tenant, route.Model, number)] = 0;
                }
            }
        }
        catch (ProblemException problem)
        {
            throw new ProblemException(problem.Problem, $"failed to unload '{name}': {problem.Message}");
        }
    }

    /// <summary>All versions of all models.</summary>
    public async Task<IReadOnlyList<RepositoryEntry>> ListAsync(string tenant, CancellationToken cancellationToken)
        => [.. (await registry.ListVersionNamesAsync(tenant, cancellationToken)).Select(entry =>
        {
            var (bytes, failure) = models.Inspect(tenant, entry.Model, entry.Version);
            var reason = bytes is not null ? ""
                : failure ?? (_unloaded.ContainsKey((tenant, entry.Model, entry.Version)) ? "unloaded" : "loaded when it is first asked for");
            return new RepositoryEntry(entry.Model, entry.Version, bytes is not null, reason);
        })];

    /// <summary>What versions have done in this process.</summary>
    /// <param name="tenant">Whose models.</param>
    /// <param name="name">An endpoint or a model; null for all models.</param>
    /// <param name="version">As the caller wrote it; null for all.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ProblemException">There is no such model or version.</exception>
    public async Task<IReadOnlyList<ModelActivity>> ReadStatisticsAsync(string tenant, string? name, string? version, CancellationToken cancellationToken)
    {
        if (name is null)
        {
            return [.. (await registry.ListVersionNamesAsync(tenant, cancellationToken)).Select(entry => ActivityOf(tenant, entry.Model, entry.Version))];
        }

        var model = (await router.RouteAsync(tenant, name, cancellationToken)).Model;
        var versions = await registry.ListVersionNumbersAsync(tenant, model, cancellationToken);
        if (version is not null)
        {
            var number = ParseVersion(name, version);
            versions = versions.Contains(number) ? [number] : throw UnknownVersion(name, version);
        }

        // Under the name that was asked for, which a client looks for in the answer.
        return [.. versions.Select(number => ActivityOf(tenant, model, number) with { Name = name })];
    }

    private ModelActivity ActivityOf(string tenant, string model, int version) => new(
        model, version, models.Inspect(tenant, model, version).Bytes, models.Find(tenant, model, version) is { } reference ? statistics.Get(reference) : new ModelStatistics());

    private static IEnumerable<int> VersionsOf(string name, string? version, ModelRoute route)
        => version is null ? route.Traffic.Where(share => share.Percent > 0).Select(share => share.Version) : [ParseVersion(name, version)];

    private async ValueTask<ModelLease> AcquireAsync(string tenant, string name, string model, int version, CancellationToken cancellationToken)
    {
        var acquiring = models.AcquireAsync(tenant, model, version, cancellationToken);
        if (acquiring.IsCompletedSuccessfully)
        {
            return acquiring.Result;
        }

        try
        {
            return await acquiring;
        }
        catch (ProblemException missing) when (missing.Problem == Problem.NotFound)
        {
            throw UnknownVersion(name, version.ToString(CultureInfo.InvariantCulture));
        }
    }

    private static int ParseVersion(string name, string version)
        => int.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : throw UnknownVersion(name, version);

    private static ProblemException UnknownVersion(string name, string version)
        => new(Problem.NotFound, $"Request for unknown model: '{name}' version {(version.Length > 20 ? version[..20] + "…" : version)} is not found");

    [LoggerMessage(Level = LogLevel.Error, Message = "The model {Model} version {Version} failed on tensors sent to {Tenant}/{Name}.")]
    private partial void LogFailed(Exception failure, string tenant, string name, string model, int version);
}
