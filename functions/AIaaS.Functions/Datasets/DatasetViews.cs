using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;
using AIaaS.Data.Preparation;
using AIaaS.Formats;
using AIaaS.Platform.Datasets;
using DatasetSource = AIaaS.Platform.Datasets.DatasetSource;

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
public sealed record DatasetVersionView
{
    public required string Dataset { get; init; }

    public required int Version { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required string Run { get; init; }

    /// <summary>The version it was held against.</summary>
    public int? Parent { get; init; }

    /// <summary>Which revision of the contract it was held against.</summary>
    public int? ContractRevision { get; init; }

    /// <summary>Rows of its sources, those put aside included.</summary>
    public required long RowsRead { get; init; }

    public required long Rows { get; init; }

    public required long RowsQuarantined { get; init; }

    public required IReadOnlyList<SourceView> Sources { get; init; }

    public required IReadOnlyList<DataColumn> Columns { get; init; }

    internal static DatasetVersionView Of(DatasetVersion version) => new()
    {
        Dataset = version.Dataset,
        Version = version.Version,
        Created = version.Created,
        Run = version.Run,
        Parent = version.Parent,
        ContractRevision = version.Contract?.Revision,
        RowsRead = version.RowsRead,
        Rows = version.Rows,
        RowsQuarantined = version.RowsQuarantined,
        Sources = SourceView.Of(version.Sources),
        Columns = version.Columns,
    };
}

/// <summary>A page of rows: an object for each, a member for each column, in the order of the file.</summary>
public sealed record RowsView(
    int Version, JsonElement Items, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Continuation)
{
    /// <summary>Writes a page around its rows as they are: an object for each value would take many times their memory.</summary>
    internal static ReadOnlyMemory<byte> Write(RowsPage page)
    {
        const int envelope = 256;
        var output = new ArrayBufferWriter<byte>(page.Rows.Length + envelope);
        using var writer = new Utf8JsonWriter(output);
        writer.WriteStartObject();
        writer.WriteNumber("version"u8, page.Version);
        writer.WritePropertyName("items"u8);
        writer.WriteRawValue(page.Rows.Span, skipInputValidation: true);
        writer.WriteString("continuation"u8, page.Continuation);
        writer.WriteEndObject();
        writer.Flush();
        return output.WrittenMemory;
    }
}

/// <summary>A page of the rows that were put aside, and how many there are by reason.</summary>
public sealed record QuarantineView(
    int Version,
    long Rows,
    IReadOnlyList<ValueCount> Reasons,
    IReadOnlyList<QuarantinedRow> Items,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Continuation)
{
    internal static QuarantineView Of(QuarantinePage page) => new(page.Version, page.Rows, page.Reasons, page.Items, page.Continuation);
}
