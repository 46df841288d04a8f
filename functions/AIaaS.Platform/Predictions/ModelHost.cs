using System.Collections.Concurrent;
using AIaaS.Formats;
using AIaaS.Platform.Models;
using AIaaS.Platform.Problems;
using AIaaS.Serving.Models;
using ServedModel = AIaaS.Serving.Models.ModelReference;

namespace AIaaS.Platform.Predictions;

/// <summary>Serves registered model versions: finds their files and keeps the loaded ones at hand.</summary>
public sealed class ModelHost(ModelRegistry registry, ModelServer server)
{
    // Versions are immutable, so what was once read of them stays true; the bound is against callers who walk through them all.
    private const int Capacity = 10_000;
    private const int MostBackgrounds = 100;
    private readonly ConcurrentDictionary<(string Tenant, string Model, int Version), ServedModel> _known = new();
    private readonly ConcurrentDictionary<(string Tenant, string Model, int Version), byte[]?> _backgrounds = new();

    /// <summary>Takes a loaded version for one request; completes synchronously where it is at hand.</summary>
    /// <exception cref="ProblemException">There is no such version, or it cannot be loaded.</exception>
    public ValueTask<ModelLease> AcquireAsync(string tenant, string model, int version, CancellationToken cancellationToken)
    {
        if (_known.TryGetValue((tenant, model, version), out var reference))
        {
            var acquiring = server.AcquireAsync(reference, cancellationToken);
            return acquiring.IsCompletedSuccessfully ? acquiring : ExplainedAsync(acquiring);
        }

        return FindAndAcquireAsync(tenant, model, version, cancellationToken);
    }

    /// <summary>Loads a version and runs it once, so that its first request finds it ready.</summary>
    /// <exception cref="ProblemException">There is no such version, or it cannot be loaded.</exception>
    public async Task WarmUpAsync(string tenant, string model, int version, CancellationToken cancellationToken)
        => (await AcquireAsync(tenant, model, version, cancellationToken)).Dispose();

    /// <summary>Reads the rows that a version's predictions are explained against.</summary>
    /// <returns>Null where it has none.</returns>
    public async ValueTask<byte[]?> FindBackgroundAsync(string tenant, string model, int version, CancellationToken cancellationToken)
    {
        if (_backgrounds.TryGetValue((tenant, model, version), out var known))
        {
            return known;
        }

        var background = await registry.FindFileAsync(tenant, model, version, BackgroundSample.FileName, cancellationToken);
        if (_backgrounds.Count >= MostBackgrounds)
        {
            _backgrounds.Clear();
        }

        _backgrounds[(tenant, model, version)] = background;
        return background;
    }

    /// <summary>The file of a version that was asked for before; null where it was not.</summary>
    public ServedModel? Find(string tenant, string model, int version) => _known.GetValueOrDefault((tenant, model, version));

    /// <summary>Whether a version is in memory, by what it counts there, or why it could not be loaded a moment ago.</summary>
    public (long? Bytes, string? Failure) Inspect(string tenant, string model, int version)
        => Find(tenant, model, version) is { } reference ? server.Inspect(reference) : default;

    /// <summary>Drops a version from memory; requests that hold it are not disturbed.</summary>
    /// <returns>False where it was not loaded.</returns>
    public bool Remove(string tenant, string model, int version) => Find(tenant, model, version) is { } reference && server.Remove(reference);

    private async ValueTask<ModelLease> FindAndAcquireAsync(string tenant, string model, int version, CancellationToken cancellationToken)
    {
        var registered = (await registry.GetVersionAsync(tenant, model, version, cancellationToken)).Value;
        var reference = new ServedModel($"{tenant}/{model}", version, registered.Sha256);
        if (_known.Count < Capacity)
        {
            _known[(tenant, model, version)] = reference;
        }

        return await ExplainedAsync(server.AcquireAsync(reference, cancellationToken));
    }

    private static async ValueTask<ModelLease> ExplainedAsync(ValueTask<ModelLease> acquiring)
    {
        try
        {
            return await acquiring;
        }
        catch (ModelLoadException failure)
        {
            var (_, model) = RegistryModelSource.Split(failure.Model);
            throw new ProblemException(Problem.Unavailable, $"The model '{model}' version {failure.Model.Version} cannot be loaded. Deploy another version.")
            {
                RetryAfter = TimeSpan.FromSeconds(10),
            };
        }
    }
}

/// <summary>Gives the model server the files of the registry.</summary>
internal sealed class RegistryModelSource(ModelRegistry registry) : IModelSource
{
    public async Task<ModelSignature> ReadSignatureAsync(ServedModel model, CancellationToken cancellationToken)
    {
        var (tenant, name) = Split(model);
        await using var content = await registry.OpenFileAsync(tenant, name, model.Version, ModelSignature.FileName, cancellationToken);
        return await content.ReadJsonAsync<ModelSignature>(cancellationToken);
    }

    public async Task<ModelFile> OpenFileAsync(ServedModel model, CancellationToken cancellationToken)
    {
        var (tenant, name) = Split(model);
        var content = await registry.OpenFileAsync(tenant, name, model.Version, ModelVersion.ContentFile, cancellationToken);
        return new ModelFile(content.Stream, content.Properties.Length);
    }

    internal static (string Tenant, string Model) Split(ServedModel model)
    {
        var slash = model.Id.IndexOf('/', StringComparison.Ordinal);
        return (model.Id[..slash], model.Id[(slash + 1)..]);
    }
}
