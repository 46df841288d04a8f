using System.Globalization;
using AIaaS.Formats;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Datasets;

/// <summary>A data set: the union of its sources, prepared into versions.</summary>
public sealed record Dataset
{
    public int SchemaVersion { get; init; } = 1;

    public required string Name { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required DateTimeOffset Updated { get; init; }

    /// <summary>The newest version that is prepared; null before the first.</summary>
    public int? Version { get; init; }

    /// <summary>The highest version number ever given out; numbers are not used again, so gaps are possible.</summary>
    public int LastAllocated { get; init; }

    public IReadOnlyList<DatasetSource> Sources { get; init; } = [];

    /// <summary>Files that are no longer sources, and are removed once nothing refers to them.</summary>
    public IReadOnlyList<RetiredSource> Retired { get; init; } = [];

    /// <summary>Versions up to this number were deleted with the data set; theirs is what must not be used again.</summary>
    public int RemovedThrough { get; init; }

    /// <summary>Whether the data set was deleted and not made again since.</summary>
    public bool Removed { get; init; }

    internal static DocumentKind<Dataset> Kind { get; } = new("datasets", "data set", dataset => new Dictionary<string, string>
    {
        [DocumentHeader.CreatedKey] = DocumentHeader.FormatCreated(dataset.Created),
    })
    {
        IsRemoved = dataset => dataset.Removed,
    };

    /// <summary>Puts a source in: the same name replaces, a new one adds.</summary>
    internal Dataset With(DatasetSource source, bool replaceAll, DateTimeOffset now)
    {
        var others = replaceAll ? [] : Sources.Where(other => other.Name != source.Name).ToList();
        return WithSources([.. others, source], now) with { Removed = false, Created = Removed ? now : Created };
    }

    /// <summary>Deletes the data set but for the numbers it gave out.</summary>
    internal Dataset AsRemoved(DateTimeOffset now)
        => WithSources([], now) with { Removed = true, Version = null, RemovedThrough = LastAllocated };

    private Dataset WithSources(IReadOnlyList<DatasetSource> sources, DateTimeOffset now)
    {
        var kept = sources.Select(source => source.Location).ToHashSet();
        var leaving = Sources.Where(source => !kept.Contains(source.Location)).Select(source => new RetiredSource(source, now));
        return this with { Sources = sources, Updated = now, Retired = [.. Retired.Where(retired => !kept.Contains(retired.Source.Location)), .. leaving] };
    }
}

/// <param name="Source">The source that it was.</param>
/// <param name="Since">Until when.</param>
public sealed record RetiredSource(DatasetSource Source, DateTimeOffset Since);

/// <summary>A file that is part of a data set; kept as it came.</summary>
/// <param name="Name">The file's own name, the key of the source.</param>
/// <param name="Location">Container and name of the object.</param>
/// <param name="ETag">Which version of the object.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Added">When it became part of the data set.</param>
public sealed record DatasetSource(string Name, ObjectPath Location, string ETag, long Bytes, DateTimeOffset Added);

/// <summary>A contract as it was when a version was held against it.</summary>
/// <param name="Revision">Counts the contract's changes, from 1.</param>
/// <param name="ETag">Of its document.</param>
public sealed record ContractReference(int Revision, string ETag);

/// <summary>A prepared version: immutable, and existing once this document does.</summary>
public sealed record DatasetVersion
{
    public int SchemaVersion { get; init; } = 1;

    public required string Dataset { get; init; }

    public required int Version { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required string Run { get; init; }

    public required IReadOnlyList<DatasetSource> Sources { get; init; }

    /// <summary>The version that this one was held against; null for the first.</summary>
    public int? Parent { get; init; }

    /// <summary>The contract that this version was held against; null where there was none and one was learned.</summary>
    public ContractReference? Contract { get; init; }

    /// <summary>Rows of the sources, those put aside included.</summary>
    public long RowsRead { get; init; }

    public required long Rows { get; init; }

    public required long RowsQuarantined { get; init; }

    public required IReadOnlyList<DataColumn> Columns { get; init; }

    internal static DocumentKind<DatasetVersion> Kind { get; } = new("dataset-versions", "version of the data set", version => new Dictionary<string, string>
    {
        [DocumentHeader.CreatedKey] = DocumentHeader.FormatCreated(version.Created),
    });

    internal static string NameOf(string dataset, int version) => $"{dataset}/{version.ToString("D8", CultureInfo.InvariantCulture)}";

    internal static int NumberOf(string name) => int.Parse(name[(name.LastIndexOf('/') + 1)..], CultureInfo.InvariantCulture);

    /// <summary>Where a file of a version lies.</summary>
    internal static ObjectPath FileOf(string tenant, string dataset, int version, string file)
        => new(Containers.Datasets, string.Create(CultureInfo.InvariantCulture, $"{tenant}/{dataset}/{version}/{file}"));

    /// <summary>Where the files of all its versions and sources lie, in <see cref="Containers.Datasets"/> and <see cref="Containers.Quarantine"/>.</summary>
    internal static string FolderOf(string tenant, string dataset) => $"{tenant}/{dataset}/";

    /// <summary>Where its rejected rows lie.</summary>
    internal static ObjectPath QuarantineOf(string tenant, string dataset, int version)
        => new(Containers.Quarantine, string.Create(CultureInfo.InvariantCulture, $"{tenant}/{dataset}/{version}/rows.jsonl"));
}
