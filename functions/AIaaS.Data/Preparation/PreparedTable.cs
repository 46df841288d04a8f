using AIaaS.Formats;

namespace AIaaS.Data.Preparation;

/// <summary>The table that will be written: columns <c>c0</c>, <c>c1</c>, … of the types DOUBLE, BIGINT, BOOLEAN, DATE, TIMESTAMP, VARCHAR and, for images, BLOB.</summary>
/// <remarks>Beside them <c>src</c> and <c>ord</c> tell where a row came from: the number of its source, and of the row among those read from it, both from 0.</remarks>
internal sealed record PreparedTable(string Table, IReadOnlyList<PreparedColumn> Columns)
{
    public string ColumnList => string.Join(", ", Enumerable.Range(0, Columns.Count).Select(i => $"c{i}"));
}

/// <param name="Name">The name people know it by.</param>
/// <param name="Type">In DuckDB's words.</param>
/// <param name="IsJson">Nested values, kept as JSON text.</param>
internal sealed record PreparedColumn(string Name, string Type, bool IsJson)
{
    /// <summary>Whether its texts are known to have no blanks around them.</summary>
    public bool IsTrimmed { get; init; }

    public bool IsNumeric => Type is "DOUBLE" or "BIGINT";

    /// <summary>Image files as bytes, the one thing that is not compared or counted.</summary>
    public bool IsImage => Type == "BLOB";

    public bool IsTime => Type is "DATE" or "TIMESTAMP";

    /// <summary>The values of column <paramref name="name"/> as DOUBLE, times as seconds since 1970.</summary>
    public string AsDouble(string name) => IsTime ? $"epoch({name})" : $"{name}::DOUBLE";
}
