using System.Globalization;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Storage;
using Microsoft.Extensions.Logging;

namespace AIaaS.Platform.Datasets;

/// <summary>
/// Removes files that nothing refers to any more: replaced sources, what writers that died have left, and all of deleted data sets.
/// Every write that may leave such files first marks its data set; the mark goes once there is nothing left to look for.
/// </summary>
/// <remarks>
/// Versions refer to their sources, and so does a run from when it has settled what its version is made of. A run settles that from the data set as it is, so
/// a source is kept for <see cref="Grace"/> after it has left the data set: longer than a run can take from reading the one to writing the other.
/// </remarks>
public sealed partial class DatasetHousekeeping(Catalog catalog, IObjectStore store, DatasetContracts contracts, TimeProvider time, ILogger<DatasetHousekeeping> logger)
{
    /// <summary>How long a source stays after it was replaced.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromHours(1);

    /// <summary>How old a file is that no writer can still be about to refer to.</summary>
    public static readonly TimeSpan OrphanAge = TimeSpan.FromHours(24);

    internal const string SourcesFolder = "sources/";

    internal static readonly DocumentKind<CleaningMark> MarkKind = CleaningMark.KindOf("datasets", "data set");

    private readonly CleaningMarks _marks = new(MarkKind, catalog, time);

    /// <summary>Cleans every data set that is marked; one that cannot be keeps no other waiting.</summary>
    public Task CleanAllAsync(CancellationToken cancellationToken) => _marks.CleanAllAsync(CleanAsync, LogFailed, cancellationToken);

    /// <summary>Says that a data set is worth a look, before a file of it is written or abandoned.</summary>
    internal Task MarkAsync(string tenant, string dataset, CancellationToken cancellationToken) => _marks.MarkAsync(tenant, dataset, cancellationToken);

    /// <returns>A run that has not ended and is over this data set; null where there is none.</returns>
    internal async Task<string?> FindRunAsync(string tenant, string dataset, CancellationToken cancellationToken)
        => await UnendedRunsAsync(tenant, dataset, cancellationToken) is [var first, ..] ? first.Id : null;

    /// <summary>Removes what is left of a data set and no longer needed. Safe to repeat, and to break off.</summary>
    internal async Task CleanAsync(string tenant, string dataset, CancellationToken cancellationToken)
    {
        var mark = await _marks.FindAsync(tenant, dataset, cancellationToken);
        var known = (await catalog.FindAnyAsync(Dataset.Kind, tenant, dataset, cancellationToken))?.Value;
        if (known is { RemovedThrough: > 0 })
        {
            // At every look: a run that nobody could stop may have brought some of it back.
            await RemoveVersionsAsync(tenant, known, cancellationToken);
        }

        var runs = await UnendedRunsAsync(tenant, dataset, cancellationToken);
        var versions = await VersionsAsync(tenant, dataset, cancellationToken);
        var waits = known is not null && await RemoveRetiredAsync(tenant, known, runs, versions, cancellationToken);
        waits |= await RemoveOrphansAsync(tenant, dataset, runs, versions, cancellationToken);
        if (mark is not null && !waits && mark.Value.Time + OrphanAge < time.GetUtcNow())
        {
            await _marks.ForgetAsync(mark, cancellationToken);
        }
    }

    private async Task RemoveVersionsAsync(string tenant, Dataset dataset, CancellationToken cancellationToken)
    {
        var removed = false;
        foreach (var header in await catalog.ListHeadersAsync(DatasetVersion.Kind, tenant, $"{dataset.Name}/", cancellationToken))
        {
            if (DatasetVersion.NumberOf(header.Name) <= dataset.RemovedThrough)
            {
                removed |= await catalog.DeleteAsync(DatasetVersion.Kind, tenant, header.Name, ifMatch: null, cancellationToken);
            }
        }

        await contracts.ForgetAsync(tenant, dataset, cancellationToken);
        foreach (var (file, version) in await FilesOfVersionsAsync(tenant, dataset.Name, cancellationToken))
        {
            if (version <= dataset.RemovedThrough)
            {
                removed |= await store.DeleteAsync(file.Path, ifMatch: null, cancellationToken);
            }
        }

        if (removed)
        {
            LogRemoved(tenant, dataset.Name, dataset.RemovedThrough);
        }
    }

    /// <returns>Whether some wait for a later look.</returns>
    private async Task<bool> RemoveRetiredAsync(
        string tenant, Dataset dataset, IReadOnlyList<Run> runs, IReadOnlyList<DatasetVersion> versions, CancellationToken cancellationToken)
    {
        var inVersions = versions.SelectMany(version => version.Sources).Select(source => source.Location).ToHashSet();
        var inRuns = PlannedBy(runs);
        var now = time.GetUtcNow();
        var settled = new HashSet<ObjectPath>();
        foreach (var (source, since) in dataset.Retired)
        {
            if (dataset.Removed)
            {
                await RemoveDropAsync(tenant, dataset.Name, source, cancellationToken);
            }

            if (inVersions.Contains(source.Location))
            {
                settled.Add(source.Location);
            }
            else if (!inRuns.Contains(source.Location) && (dataset.Removed || since + Grace < now))
            {
                await store.DeleteAsync(source.Location, ifMatch: null, cancellationToken);
                settled.Add(source.Location);
            }
        }

        if (settled.Count > 0)
        {
            await catalog.UpsertAsync(
                Dataset.Kind,
                tenant,
                dataset.Name,
                current => current! with { Retired = [.. current.Retired.Where(retired => !settled.Contains(retired.Source.Location))] },
                cancellationToken);
        }

        return dataset.Retired.Count > settled.Count;
    }

    /// <summary>Removes the file in the drop zone that a source was copied from, unless another was dropped there since.</summary>
    private async Task RemoveDropAsync(string tenant, string dataset, DatasetSource source, CancellationToken cancellationToken)
    {
        try
        {
            await store.DeleteAsync(new ObjectPath(Containers.Incoming, $"{tenant}/{dataset}/{source.Name}"), source.ETag, cancellationToken);
        }
        catch (PreconditionFailedException)
        {
            // Somebody else's file, or not from the drop zone at all.
        }
    }

    /// <returns>Whether some are too young to be told from those a writer is about to refer to.</returns>
    private async Task<bool> RemoveOrphansAsync(
        string tenant, string dataset, IReadOnlyList<Run> runs, IReadOnlyList<DatasetVersion> versions, CancellationToken cancellationToken)
    {
        var sources = await store.ListAllAsync(new ObjectPath(Containers.Datasets, DatasetVersion.FolderOf(tenant, dataset) + SourcesFolder), cancellationToken).ToListAsync(cancellationToken);
        var files = await FilesOfVersionsAsync(tenant, dataset, cancellationToken);
        var known = (await catalog.FindAnyAsync(Dataset.Kind, tenant, dataset, cancellationToken))?.Value;
        var referred = PlannedBy(runs);
        referred.UnionWith(versions.SelectMany(version => version.Sources).Select(source => source.Location));
        referred.UnionWith((known?.Sources ?? []).Select(source => source.Location));
        referred.UnionWith((known?.Retired ?? []).Select(retired => retired.Source.Location));
        var used = versions.Select(version => version.Version).Concat(runs.Select(run => run.DatasetVersion)).ToHashSet();
        var orphans = sources.Where(source => !referred.Contains(source.Path)).Concat(files.Where(file => !used.Contains(file.Version)).Select(file => file.File)).ToList();

        var before = time.GetUtcNow() - OrphanAge;
        foreach (var orphan in orphans.Where(orphan => orphan.LastModified < before))
        {
            await store.DeleteAsync(orphan.Path, ifMatch: null, cancellationToken);
            LogOrphan(orphan.Path);
        }

        return orphans.Any(orphan => orphan.LastModified >= before);
    }

    private static HashSet<ObjectPath> PlannedBy(IReadOnlyList<Run> runs)
        => [.. runs.SelectMany(run => run.Preparation?.Sources ?? []).Select(source => source.Location)];

    private async Task<IReadOnlyList<Run>> UnendedRunsAsync(string tenant, string dataset, CancellationToken cancellationToken)
    {
        var runs = new List<Run>();
        foreach (var header in await catalog.ListHeadersAsync(UnfinishedRun.Kind, UnfinishedRun.AllTenants, $"{tenant}/", cancellationToken))
        {
            var run = await catalog.FindAsync(Run.Kind, tenant, header.Name[(tenant.Length + 1)..], cancellationToken);
            if (run is { Value: { HasEnded: false } unended } && unended.Dataset == dataset)
            {
                runs.Add(unended);
            }
        }

        return runs;
    }

    private async Task<IReadOnlyList<DatasetVersion>> VersionsAsync(string tenant, string dataset, CancellationToken cancellationToken)
    {
        var versions = new List<DatasetVersion>();
        foreach (var header in await catalog.ListHeadersAsync(DatasetVersion.Kind, tenant, $"{dataset}/", cancellationToken))
        {
            if (await catalog.FindAsync(DatasetVersion.Kind, tenant, header.Name, cancellationToken) is { } version)
            {
                versions.Add(version.Value);
            }
        }

        return versions;
    }

    private async Task<IReadOnlyList<(ObjectProperties File, int Version)>> FilesOfVersionsAsync(string tenant, string dataset, CancellationToken cancellationToken)
    {
        var folder = DatasetVersion.FolderOf(tenant, dataset);
        var files = new List<(ObjectProperties, int)>();
        foreach (var container in (string[])[Containers.Datasets, Containers.Quarantine])
        {
            await foreach (var file in store.ListAllAsync(new ObjectPath(container, folder), cancellationToken))
            {
                if (int.TryParse(file.Path.Name[folder.Length..].Split('/')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var version))
                {
                    files.Add((file, version));
                }
            }
        }

        return files;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "What the deleted data set {Tenant}/{Dataset} left, up to version {Version}, is removed.")]
    private partial void LogRemoved(string tenant, string dataset, int version);

    [LoggerMessage(Level = LogLevel.Information, Message = "The file '{Path}' belonged to nothing and is removed.")]
    private partial void LogOrphan(ObjectPath path);

    [LoggerMessage(Level = LogLevel.Warning, Message = "What is left of the data set {Tenant}/{Dataset} could not be cleaned; the next look tries again.")]
    private partial void LogFailed(Exception failure, string tenant, string dataset);
}
