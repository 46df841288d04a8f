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

    internal static DocumentKind<Dataset> Kind { get; } = new("datasets", "data set", dataset => new Dictionary<string, string>
    {
        [DocumentHeader.CreatedKey] = DocumentHeader.FormatCreated(dataset.Created),
    });

    /// <summary>Puts a source in: the same name replaces, a new one adds.</summary>
    internal Dataset With(DatasetSource source, bool replaceAll, DateTimeOffset now)
    {
        var others = replaceAll ? [] : Sources.Where(other => other.Name != source.Name);
        return this with { Sources = [.. others, source], Updated = now };
    }
}

/// <summary>A file that is part of a data set; kept as it came.</summary>
/// <param name="Name">The file's own name, the key of the source.</param>
/// <param name="Location">Container and name of the object.</param>
/// <param name="ETag">Which version of the object.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Added">When it became part of the data set.</param>
public sealed record DatasetSource(string Name, ObjectPath Location, string ETag, long Bytes, DateTimeOffset Added);

/// <summary>A prepared version: immutable, and existing once this document does.</summary>
public sealed record DatasetVersion
{
    public int SchemaVersion { get; init; } = 1;

    public required string Dataset { get; init; }

    public required int Version { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required string Run { get; init; }

    public required IReadOnlyList<DatasetSource> Sources { get; init; }

    public required long Rows { get; init; }

    public required long RowsQuarantined { get; init; }

    public required IReadOnlyList<DataColumn> Columns { get; init; }

    internal static DocumentKind<DatasetVersion> Kind { get; } = new("dataset-versions", "version of the data set", version => new Dictionary<string, string>
    {
        [DocumentHeader.CreatedKey] = DocumentHeader.FormatCreated(version.Created),
    });

    internal static string NameOf(string dataset, int version) => $"{dataset}/{version.ToString("D8", CultureInfo.InvariantCulture)}";

    /// <summary>Where a file of a version lies.</summary>
    internal static ObjectPath FileOf(string tenant, string dataset, int version, string file)
        => new(Containers.Datasets, string.Create(CultureInfo.InvariantCulture, $"{tenant}/{dataset}/{version}/{file}"));

    /// <summary>Where its rejected rows lie.</summary>
    internal static ObjectPath QuarantineOf(string tenant, string dataset, int version)
        => new(Containers.Quarantine, string.Create(CultureInfo.InvariantCulture, $"{tenant}/{dataset}/{version}/rows.jsonl"));
}
