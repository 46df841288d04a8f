using AIaaS.Formats;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Models;

/// <summary>The registry: models, their immutable versions, and the files of each.</summary>
public sealed class ModelRegistry(Catalog catalog, IObjectStore store, TimeProvider time)
{
    public Task<Document<RegisteredModel>> GetAsync(string tenant, string model, CancellationToken cancellationToken)
        => catalog.GetAsync(RegisteredModel.Kind, tenant, model, cancellationToken);

    public Task<DocumentPage<RegisteredModel>> ListAsync(string tenant, int limit, string? continuation, CancellationToken cancellationToken)
        => catalog.ListAsync(RegisteredModel.Kind, tenant, new DocumentQuery { Limit = limit, Continuation = continuation }, cancellationToken);

    /// <exception cref="ProblemException">There is no such version.</exception>
    public async Task<Document<ModelVersion>> GetVersionAsync(string tenant, string model, int version, CancellationToken cancellationToken)
        => await catalog.FindAsync(ModelVersion.Kind, tenant, ModelVersion.NameOf(model, version), cancellationToken)
            ?? throw new ProblemException(Problem.NotFound, $"The model '{model}' has no version {version}.");

    public async Task<DocumentPage<ModelVersion>> ListVersionsAsync(
        string tenant, string model, int limit, string? continuation, CancellationToken cancellationToken)
    {
        await GetAsync(tenant, model, cancellationToken);
        return await catalog.ListAsync(
            ModelVersion.Kind, tenant, new DocumentQuery { Prefix = model + "/", Limit = limit, Continuation = continuation }, cancellationToken);
    }

    /// <summary>The version that a model serves by default: its champion, else its highest.</summary>
    /// <exception cref="ProblemException">There is no such model, or it has no version yet.</exception>
    public async Task<int> DefaultVersionAsync(string tenant, string model, CancellationToken cancellationToken)
    {
        var registered = (await GetAsync(tenant, model, cancellationToken)).Value;
        if (registered.Aliases.TryGetValue(RegisteredModel.Champion, out var champion))
        {
            return champion;
        }

        var versions = await ListVersionNumbersAsync(tenant, model, cancellationToken);
        return versions.Count > 0
            ? versions[^1]
            : throw new ProblemException(Problem.NotFound, $"The model '{model}' has no version yet.");
    }

    /// <summary>All versions of a model, lowest first.</summary>
    public async Task<IReadOnlyList<int>> ListVersionNumbersAsync(string tenant, string model, CancellationToken cancellationToken)
        => [.. (await ListVersionNamesAsync(tenant, model + "/", cancellationToken)).Select(version => version.Version)];

    /// <summary>All versions of all models, by model and version.</summary>
    public Task<IReadOnlyList<(string Model, int Version)>> ListVersionNamesAsync(string tenant, CancellationToken cancellationToken)
        => ListVersionNamesAsync(tenant, prefix: "", cancellationToken);

    private async Task<IReadOnlyList<(string Model, int Version)>> ListVersionNamesAsync(string tenant, string prefix, CancellationToken cancellationToken)
        => [.. (await catalog.ListHeadersAsync(ModelVersion.Kind, tenant, prefix, cancellationToken))
            .Select(header => ModelVersion.ParseName(header.Name))
            .OrderBy(version => version.Model, StringComparer.Ordinal).ThenBy(version => version.Version)];

    /// <summary>Opens a file of a version, such as <c>model.onnx</c> or <c>card.json</c>.</summary>
    public async Task<ObjectContent> OpenFileAsync(string tenant, string model, int version, string file, CancellationToken cancellationToken)
    {
        await GetVersionAsync(tenant, model, version, cancellationToken);
        return await store.OpenReadAsync(ModelVersion.FileOf(tenant, model, version, file), range: null, cancellationToken)
            ?? throw new ProblemException(Problem.NotFound, $"Version {version} of the model '{model}' has no {file}.");
    }

    /// <summary>Reads a small file of a version.</summary>
    /// <returns>Null where it has none.</returns>
    internal async Task<byte[]?> FindFileAsync(string tenant, string model, int version, string file, CancellationToken cancellationToken)
    {
        await GetVersionAsync(tenant, model, version, cancellationToken);
        await using var content = await store.OpenReadAsync(ModelVersion.FileOf(tenant, model, version, file), range: null, cancellationToken);
        if (content is null)
        {
            return null;
        }

        using var buffer = new MemoryStream();
        await content.Stream.CopyToAsync(buffer, cancellationToken);
        return buffer.ToArray();
    }

    /// <summary>Takes a number for a new version; it stays unused if the version is never registered.</summary>
    internal async Task<int> AllocateAsync(string tenant, string model, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var changed = await catalog.UpsertAsync(
            RegisteredModel.Kind,
            tenant,
            model,
            current => (current ?? new RegisteredModel { Name = model, Created = now, Updated = now }) with
            {
                LastAllocated = (current?.LastAllocated ?? 0) + 1,
                Updated = now,
            },
            cancellationToken);
        return changed.Value.LastAllocated;
    }

    /// <summary>Copies a version's files into the registry and makes it exist. Safe to repeat with the same version.</summary>
    /// <param name="tenant">Whose model.</param>
    /// <param name="version">Its document; the digest and length are those of the copied <c>model.onnx</c>.</param>
    /// <param name="folder">A prefix ending in '/' that the files lie under.</param>
    /// <param name="artifacts">The files, with what they must hash to.</param>
    /// <param name="cancellationToken">Gives up; the version does not exist then.</param>
    /// <exception cref="InvalidDataException">A file is missing, or is not what its digest says.</exception>
    internal async Task RegisterAsync(
        string tenant, ModelVersion version, ObjectPath folder, IReadOnlyList<JobArtifact> artifacts, CancellationToken cancellationToken)
    {
        foreach (var artifact in artifacts)
        {
            var target = ModelVersion.FileOf(tenant, version.Model, version.Version, artifact.Path);
            await CopyVerifiedAsync(folder with { Name = folder.Name + artifact.Path }, target, artifact, cancellationToken);
        }

        await catalog.TryCreateAsync(ModelVersion.Kind, tenant, ModelVersion.NameOf(version.Model, version.Version), version, cancellationToken);
    }

    /// <summary>Writes a version's files and makes it exist. Safe to repeat with the same version.</summary>
    /// <param name="tenant">Whose model.</param>
    /// <param name="version">Its document; the digest and length are those of the <c>model.onnx</c> among the files.</param>
    /// <param name="files">Name to content.</param>
    /// <param name="cancellationToken">Gives up; the version does not exist then.</param>
    internal async Task<Document<ModelVersion>> RegisterAsync(
        string tenant, ModelVersion version, IReadOnlyDictionary<string, byte[]> files, CancellationToken cancellationToken)
    {
        foreach (var (name, content) in files)
        {
            await using var stream = new MemoryStream(content, writable: false);
            await store.WriteAsync(ModelVersion.FileOf(tenant, version.Model, version.Version, name), stream, options: null, cancellationToken);
        }

        return await catalog.TryCreateAsync(ModelVersion.Kind, tenant, ModelVersion.NameOf(version.Model, version.Version), version, cancellationToken)
            ?? await GetVersionAsync(tenant, version.Model, version.Version, cancellationToken);
    }

    /// <summary>Points an alias to a version, on the caller's conditions on the model's document.</summary>
    /// <returns>The model, and whether the alias is new.</returns>
    /// <exception cref="ProblemException">There is no such model or version, or a condition does not hold.</exception>
    public async Task<Written<RegisteredModel>> PutAliasAsync(
        string tenant, string model, string alias, int version, WriteConditions conditions, CancellationToken cancellationToken)
    {
        await GetAsync(tenant, model, cancellationToken);
        if (await catalog.FindAsync(ModelVersion.Kind, tenant, ModelVersion.NameOf(model, version), cancellationToken) is null)
        {
            throw new ProblemException(Problem.InvalidValue, $"The model '{model}' has no version {version}.") { Field = "version" };
        }

        var added = false;
        var written = await catalog.PutAsync(
            RegisteredModel.Kind,
            tenant,
            model,
            current =>
            {
                added = current?.Aliases.ContainsKey(alias) is not true;
                return WithAlias(current ?? throw new ProblemException(Problem.NotFound, $"There is no model '{model}'."), alias, version);
            },
            conditions,
            cancellationToken);
        return written with { Created = added };
    }

    /// <summary>Points an alias to a version.</summary>
    internal Task SetAliasAsync(string tenant, string model, string alias, int version, CancellationToken cancellationToken)
        => catalog.UpdateAsync(
            RegisteredModel.Kind,
            tenant,
            model,
            current => WithAlias(current, alias, version),
            cancellationToken);

    private RegisteredModel WithAlias(RegisteredModel current, string alias, int version)
        => current.Aliases.TryGetValue(alias, out var known) && known == version
            ? current
            : current with { Aliases = new Dictionary<string, int>(current.Aliases) { [alias] = version }, Updated = time.GetUtcNow() };

    private async Task CopyVerifiedAsync(ObjectPath source, ObjectPath target, JobArtifact artifact, CancellationToken cancellationToken)
    {
        await using var content = await store.OpenReadAsync(source, range: null, cancellationToken)
            ?? throw new InvalidDataException($"The job left no {artifact.Path}.");
        var digest = await System.Security.Cryptography.SHA256.HashDataAsync(content.Stream, cancellationToken);
        if (content.Properties.Length != artifact.Bytes || Convert.ToHexStringLower(digest) != artifact.Sha256)
        {
            throw new InvalidDataException($"{artifact.Path} is not what the job's result says it is.");
        }

        await using var again = await store.OpenReadAsync(source, range: null, cancellationToken)
            ?? throw new InvalidDataException($"The job left no {artifact.Path}.");
        await store.WriteAsync(target, again.Stream, options: null, cancellationToken);
    }
}
