using AIaaS.Data.DuckDb;
using AIaaS.Formats;

namespace AIaaS.Data.Preparation;

/// <summary>The version before, as files of this machine.</summary>
/// <param name="Version">Its number.</param>
/// <param name="DataPath">Its <c>data.parquet</c>.</param>
/// <param name="SchemaPath">Its <c>schema.json</c>.</param>
/// <param name="ProfilePath">Its <c>profile.json</c>.</param>
public sealed record PreparationBaseline(int Version, string DataPath, string SchemaPath, string ProfilePath);

/// <summary>What the steps of one preparation share and add to.</summary>
internal sealed class PreparationContext
{
    public required DuckDbConnection Connection { get; init; }

    public required PrepareParameters Parameters { get; init; }

    public required Quarantine Quarantine { get; init; }

    /// <summary>A folder of this preparation alone, which the engine may read and write.</summary>
    public required string WorkFolder { get; init; }

    public PreparationBaseline? Baseline { get; init; }

    /// <summary>The sources by the numbers in <c>src</c>; empty where nobody asks for a row's file.</summary>
    public IReadOnlyList<RowOrigin> Sources { get; init; } = [];

    public required CancellationToken CancellationToken { get; init; }

    /// <summary>How long the expressions of one step may take.</summary>
    public TimeSpan ExpressionTimeLimit { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>Rows that repeat an earlier one, found when duplicates were looked for.</summary>
    public long DuplicateRows { get; set; }

    /// <summary>Personal data that was found.</summary>
    public List<SensitiveColumn> Sensitive { get; } = [];

    public List<QualityFinding> Findings { get; } = [];

    public List<CleaningStep> Steps { get; } = [];

    /// <summary>Steps that add, drop or retype columns put the new table here.</summary>
    public required PreparedTable Table { get; set; }

    /// <summary>The column to be predicted, where one is known; cleaning never fills it in.</summary>
    public string? Target { get; set; }

    public LearningTask? Task { get; set; }

    public long CountRows() => Connection.QueryInt64($"SELECT count(*) FROM {Table.Table}", CancellationToken);
}
