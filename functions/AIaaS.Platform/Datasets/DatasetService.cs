using AIaaS.Platform.Documents;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Datasets;

/// <summary>Takes in the files that data sets are made of, and reads what was made of them.</summary>
public sealed class DatasetService(Catalog catalog, IObjectStore store, DatasetHousekeeping housekeeping, TimeProvider time)
{
    public Task<Document<Dataset>> GetAsync(string tenant, string dataset, CancellationToken cancellationToken)
        => catalog.GetAsync(Dataset.Kind, tenant, dataset, cancellationToken);

    public Task<DocumentPage<Dataset>> ListAsync(string tenant, int limit, string? continuation, CancellationToken cancellationToken)
        => catalog.ListAsync(Dataset.Kind, tenant, new DocumentQuery { Limit = limit, Continuation = continuation }, cancellationToken);

    /// <exception cref="ProblemException">There is no such version.</exception>
    public async Task<Document<DatasetVersion>> GetVersionAsync(string tenant, string dataset, int version, CancellationToken cancellationToken)
    {
        var known = (await GetAsync(tenant, dataset, cancellationToken)).Value;
        return (version > known.RemovedThrough
            ? await catalog.FindAsync(DatasetVersion.Kind, tenant, DatasetVersion.NameOf(dataset, version), cancellationToken)
            : null) ?? throw new ProblemException(Problem.NotFound, $"The data set '{dataset}' has no version {version}.");
    }

    /// <summary>Gives a version, or the newest one.</summary>
    /// <param name="tenant">Whose data set.</param>
    /// <param name="dataset">The data set.</param>
    /// <param name="version">Null for the newest.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ProblemException">There is no such data set, or no version of it yet.</exception>
    public async Task<DatasetVersion> ResolveVersionAsync(string tenant, string dataset, int? version, CancellationToken cancellationToken)
    {
        var number = version ?? (await GetAsync(tenant, dataset, cancellationToken)).Value.Version
            ?? throw new ProblemException(Problem.NotFound, $"The data set '{dataset}' has no version yet; its first run has not prepared it.");

        // A version exists once its document does, whatever files a run under way has written.
        return (await GetVersionAsync(tenant, dataset, number, cancellationToken)).Value;
    }

    public async Task<DocumentPage<DatasetVersion>> ListVersionsAsync(
        string tenant, string dataset, int limit, string? continuation, CancellationToken cancellationToken)
    {
        var known = (await GetAsync(tenant, dataset, cancellationToken)).Value;
        return await catalog.ListAsync(
            DatasetVersion.Kind,
            tenant,
            new DocumentQuery
            {
                Prefix = $"{dataset}/",
                Where = header => DatasetVersion.NumberOf(header.Name) > known.RemovedThrough,
                Limit = limit,
                Continuation = continuation,
            },
            cancellationToken);
    }

    /// <summary>Opens a file of a version, or of the newest one; see <see cref="ResolveVersionAsync"/>.</summary>
    /// <param name="tenant">Whose data set.</param>
    /// <param name="dataset">The data set.</param>
    /// <param name="version">Null for the newest.</param>
    /// <param name="file">For instance <c>profile.json</c>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ProblemException">There is no such data set, no version of it yet, or no such file of that.</exception>
    public async Task<ObjectContent> OpenFileAsync(string tenant, string dataset, int? version, string file, CancellationToken cancellationToken)
    {
        var number = (await ResolveVersionAsync(tenant, dataset, version, cancellationToken)).Version;
        return await store.OpenReadAsync(DatasetVersion.FileOf(tenant, dataset, number, file), range: null, cancellationToken)
            ?? throw new ProblemException(Problem.NotFound, $"Version {number} of the data set '{dataset}' has no {file}.");
    }

    /// <summary>Deletes a data set, its versions, files and contract. What was trained on it stays.</summary>
    /// <exception cref="ProblemException">There is none, a condition does not hold, or a run is at work on it.</exception>
    public async Task DeleteAsync(string tenant, string dataset, WriteConditions conditions, CancellationToken cancellationToken)
    {
        await GetAsync(tenant, dataset, cancellationToken);
        await catalog.DemandAsync(Dataset.Kind, tenant, dataset, conditions, cancellationToken);
        if (await housekeeping.FindRunAsync(tenant, dataset, cancellationToken) is { } active)
        {
            throw new ProblemException(Problem.Conflict, $"The run '{active}' is at work on the data set '{dataset}'. Cancel it or wait for its end, then delete the data set.");
        }

        // From one write to the next all of it is gone for everyone; what is left of it is cleared away after that, now or by housekeeping.
        await housekeeping.MarkAsync(tenant, dataset, cancellationToken);
        var now = time.GetUtcNow();
        await catalog.PutAsync(Dataset.Kind, tenant, dataset, current => current!.AsRemoved(now), conditions with { MustExist = conditions.IfMatch is null }, cancellationToken);
        await housekeeping.CleanAsync(tenant, dataset, cancellationToken);
    }

    /// <summary>Takes in an uploaded file as a source.</summary>
    /// <param name="tenant">Whose data set.</param>
    /// <param name="dataset">The data set, made if there is none.</param>
    /// <param name="file">The file's own name.</param>
    /// <param name="content">Its bytes, read once.</param>
    /// <param name="append">Whether other sources stay.</param>
    /// <param name="conditions">What the data set must be like before.</param>
    /// <param name="cancellationToken">Gives up; nothing is recorded then.</param>
    /// <exception cref="ProblemException">The file is empty, or a condition does not hold.</exception>
    public async Task<DatasetSource> UploadAsync(
        string tenant, string dataset, string file, Stream content, bool append, WriteConditions conditions, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (conditions != default)
        {
            // Looked at before the body is read, and again when the source is recorded.
            await catalog.DemandAsync(Dataset.Kind, tenant, dataset, conditions, cancellationToken);
        }

        await housekeeping.MarkAsync(tenant, dataset, cancellationToken);
        var location = SourceAt(tenant, dataset, Guid.CreateVersion7(now).ToString(), file);
        var written = await store.WriteAsync(location, content, WriteOptions.CreateOnly, cancellationToken);
        if (written.Length == 0)
        {
            await store.DeleteAsync(location, ifMatch: null, cancellationToken);
            throw new ProblemException(Problem.UnusableData, "The body is empty; send the file's bytes as the body, for instance with 'curl --data-binary @file.csv'.");
        }

        var source = new DatasetSource(file, location, written.ETag, written.Length, now);
        try
        {
            await RecordAsync(tenant, dataset, source, replaceAll: !append, conditions, cancellationToken);
        }
        catch (ProblemException)
        {
            // Refused, so nothing will ever refer to it.
            await store.DeleteAsync(location, ifMatch: null, CancellationToken.None);
            throw;
        }

        return source;
    }

    /// <summary>Takes in a dropped file as a source. Safe to repeat.</summary>
    /// <returns>The data set with it; null where the file is no longer in the drop zone, or is another version by now.</returns>
    internal async Task<Dataset?> TakeDropAsync(string tenant, string dataset, string file, string etag, CancellationToken cancellationToken)
    {
        var incoming = await store.OpenReadAsync(new ObjectPath(Containers.Incoming, $"{tenant}/{dataset}/{file}"), range: null, cancellationToken);
        if (incoming is null)
        {
            return null;
        }

        await using (incoming)
        {
            if (incoming.Properties.ETag != etag)
            {
                return null;
            }

            await housekeeping.MarkAsync(tenant, dataset, cancellationToken);

            // A copy, since whoever dropped the file may replace it while runs still read it.
            var location = SourceAt(tenant, dataset, Convert.ToHexStringLower(System.Text.Encoding.UTF8.GetBytes(etag)), file);
            var copy = await store.GetPropertiesAsync(location, cancellationToken)
                ?? await store.WriteAsync(location, incoming.Stream, options: null, cancellationToken);
            var source = new DatasetSource(file, location, etag, copy.Length, time.GetUtcNow());
            return (await RecordAsync(tenant, dataset, source, replaceAll: false, conditions: default, cancellationToken)).Document.Value;
        }
    }

    private Task<Written<Dataset>> RecordAsync(
        string tenant, string dataset, DatasetSource source, bool replaceAll, WriteConditions conditions, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return catalog.PutAsync(
            Dataset.Kind,
            tenant,
            dataset,
            current => (current ?? new Dataset { Name = dataset, Created = now, Updated = now }) is var known
                && !replaceAll && known.Sources.Any(other => other.Name == source.Name && other.ETag == source.ETag)
                    ? known
                    : known.With(source, replaceAll, now),
            conditions,
            cancellationToken);
    }

    private static ObjectPath SourceAt(string tenant, string dataset, string unique, string file)
        => new(Containers.Datasets, $"{DatasetVersion.FolderOf(tenant, dataset)}{DatasetHousekeeping.SourcesFolder}{unique}/{file}");
}
