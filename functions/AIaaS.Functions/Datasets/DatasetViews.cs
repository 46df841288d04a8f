using AIaaS.Formats;
using AIaaS.Platform.Datasets;

namespace AIaaS.Functions.Datasets;

/// <summary>A data set as callers see it.</summary>
public sealed record DatasetView(string Name, int? Version, DateTimeOffset Created, DateTimeOffset Updated, IReadOnlyList<SourceView> Sources)
{
    internal static DatasetView Of(Dataset dataset)
        => new(dataset.Name, dataset.Version, dataset.Created, dataset.Updated, SourceView.Of(dataset.Sources));
}

/// <summary>A file that is part of a data set.</summary>
public sealed record SourceView(string Name, long Bytes, DateTimeOffset Added)
{
    internal static IReadOnlyList<SourceView> Of(IReadOnlyList<DatasetSource> sources)
        => [.. sources.Select(source => new SourceView(source.Name, source.Bytes, source.Added))];
}

/// <summary>A prepared version as callers see it.</summary>
public sealed record DatasetVersionView(
    string Dataset, int Version, DateTimeOffset Created, string Run, long Rows, long RowsQuarantined, IReadOnlyList<SourceView> Sources, IReadOnlyList<DataColumn> Columns)
{
    internal static DatasetVersionView Of(DatasetVersion version) => new(
        version.Dataset, version.Version, version.Created, version.Run, version.Rows, version.RowsQuarantined, SourceView.Of(version.Sources), version.Columns);
}
