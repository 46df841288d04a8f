namespace AIaaS.Formats;

/// <summary>
/// <c>splits.json</c>: how the rows were dealt out. The deal itself is <c>splits.parquet</c>: one INTEGER column <c>fold</c>, row for row
/// with <c>data.parquet</c>, -1 for the holdout rows and 0 … folds - 1 for the others.
/// </summary>
public sealed record DataSplits
{
    public const string FileName = "splits.json";

    public const string RowsFileName = "splits.parquet";

    public int SchemaVersion { get; init; } = 1;

    /// <summary><c>hash</c>, <c>stratified</c>, <c>grouped</c> or <c>time</c>.</summary>
    public required string Method { get; init; }

    public required long HoldoutRows { get; init; }

    /// <summary>Rows of each fold.</summary>
    public required IReadOnlyList<long> FoldRows { get; init; }

    /// <summary>The column that groups or orders the rows.</summary>
    public string? Column { get; init; }

    public required long Seed { get; init; }
}
