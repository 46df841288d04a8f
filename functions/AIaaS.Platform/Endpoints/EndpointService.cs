using System.Diagnostics.CodeAnalysis;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Models;
using AIaaS.Platform.Problems;

namespace AIaaS.Platform.Endpoints;

/// <summary>Makes, changes and removes endpoints.</summary>
public sealed class EndpointService(Catalog catalog, ModelRegistry registry, EndpointDirectory directory, TimeProvider time)
{
    public Task<Document<Endpoint>> GetAsync(string tenant, string endpoint, CancellationToken cancellationToken)
        => catalog.GetAsync(Endpoint.Kind, tenant, endpoint, cancellationToken);

    public Task<DocumentPage<Endpoint>> ListAsync(string tenant, int limit, string? continuation, CancellationToken cancellationToken)
        => catalog.ListAsync(Endpoint.Kind, tenant, new DocumentQuery { Limit = limit, Continuation = continuation }, cancellationToken);

    /// <summary>Makes or replaces an endpoint, on the caller's conditions.</summary>
    /// <exception cref="ProblemException">The definition is not acceptable, names a version that does not exist, or a condition does not hold.</exception>
    public async Task<Written<Endpoint>> PutAsync(
        string tenant, string name, EndpointDefinition definition, WriteConditions conditions, CancellationToken cancellationToken)
    {
        definition.Validate();
        var traffic = definition.Traffic ?? [new TrafficShare(await registry.DefaultVersionAsync(tenant, definition.Model!, cancellationToken), 100)];
        foreach (var share in traffic)
        {
            try
            {
                await registry.GetVersionAsync(tenant, definition.Model!, share.Version, cancellationToken);
            }
            catch (ProblemException missing) when (missing.Problem == Problem.NotFound)
            {
                throw new ProblemException(Problem.InvalidValue, $"The model '{definition.Model}' has no version {share.Version}.") { Field = "traffic" };
            }
        }

        var now = time.GetUtcNow();
        var written = await catalog.PutAsync(
            Endpoint.Kind,
            tenant,
            name,
            current => new Endpoint
            {
                Name = name,
                Model = definition.Model!,
                Traffic = traffic,
                UnknownFeatures = definition.UnknownFeatures,
                NonFinite = definition.NonFinite,
                ResponseCacheSeconds = definition.ResponseCacheSeconds,
                Created = current?.Created ?? now,
                Updated = now,
            },
            conditions,
            cancellationToken);
        directory.Forget(tenant, name);
        return written;
    }

    /// <exception cref="ProblemException">There is none, or a condition does not hold.</exception>
    public async Task DeleteAsync(string tenant, string endpoint, string? ifMatch, CancellationToken cancellationToken)
    {
        await GetAsync(tenant, endpoint, cancellationToken);
        await catalog.DeleteAsync(Endpoint.Kind, tenant, endpoint, ifMatch, cancellationToken);
        directory.Forget(tenant, endpoint);
    }

    /// <summary>Tells whether one model version answers all requests of an endpoint.</summary>
    internal async Task<bool> ServesAsync(string tenant, string name, string model, int version, CancellationToken cancellationToken)
        => Serves((await catalog.FindAsync(Endpoint.Kind, tenant, name, cancellationToken))?.Value, model, version);

    /// <summary>Puts one model version behind an endpoint, for all of its requests. Safe to repeat.</summary>
    internal async Task DeployAsync(string tenant, string name, string model, int version, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await catalog.UpsertAsync(
            Endpoint.Kind,
            tenant,
            name,
            current => Serves(current, model, version)
                ? current
                : new Endpoint
                {
                    Name = name,
                    Model = model,
                    Traffic = [new TrafficShare(version, 100)],
                    UnknownFeatures = current?.UnknownFeatures ?? UnknownFeatures.Refuse,
                    NonFinite = current?.NonFinite ?? NonFinite.Refuse,
                    ResponseCacheSeconds = current?.ResponseCacheSeconds,
                    Created = current?.Created ?? now,
                    Updated = now,
                },
            cancellationToken);
        directory.Forget(tenant, name);
    }

    private static bool Serves([NotNullWhen(true)] Endpoint? endpoint, string model, int version)
        => endpoint is { Traffic: [{ Percent: 100 } only] } && only.Version == version && endpoint.Model == model;
}
