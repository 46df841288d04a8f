namespace AIaaS.Data.Preparation;

/// <summary>A source as a DuckDB table with columns <c>c0</c>, <c>c1</c>, …, in the file's order.</summary>
internal sealed record RawTable(string Table, SourceKind Kind, IReadOnlyList<RawColumn> Columns, RowOrigin Origin)
{
    /// <summary>The number of a row among those that were read, from 0.</summary>
    public string RowNumber { get; init; } = "rowid";

    /// <summary>Frees what the table holds.</summary>
    public string DropSql { get; init; } = $"DROP TABLE {Table}";
}

/// <param name="Name">The name people know it by.</param>
/// <param name="Type">The type in <see cref="RawTable.Table"/>, in DuckDB's words.</param>
/// <param name="WrittenAsInteger">Whether the file wrote no fraction, as far as it was looked at.</param>
internal sealed record RawColumn(string Name, string Type, bool WrittenAsInteger = false);
