using System.Text.Json;

namespace AIaaS.Formats;

/// <summary>
/// <c>contract.json</c>: what every version of a data set promises. Learned from the first version, and edited by its owner.
/// </summary>
public sealed record DataContract
{
    public const string FileName = "contract.json";

    public int SchemaVersion { get; init; } = 1;

    public required IReadOnlyList<ColumnContract> Columns { get; init; }

    /// <summary>Whether columns that it does not name are a violation.</summary>
    public bool Closed { get; init; }

    /// <summary>Columns whose values together occur once.</summary>
    public IReadOnlyList<string>? UniqueKey { get; init; }
}

/// <summary>What one column promises; what is null is not promised.</summary>
public sealed record ColumnContract
{
    public required string Name { get; init; }

    public ColumnKind? Kind { get; init; }

    /// <summary>Whether the column must be there.</summary>
    public bool Required { get; init; } = true;

    /// <summary>Share of missing values that is tolerated, 0 to 1.</summary>
    public double? MaximumMissing { get; init; }

    /// <summary>Bounds of numbers and times, as in <c>profile.json</c>.</summary>
    public JsonElement? Minimum { get; init; }

    public JsonElement? Maximum { get; init; }

    /// <summary>The only values, in their string form.</summary>
    public IReadOnlyList<string>? AllowedValues { get; init; }

    /// <summary>Whether no value occurs twice.</summary>
    public bool Unique { get; init; }
}

public enum ContractBreach
{
    ColumnMissing,
    ColumnAdded,
    KindChanged,
    ValuesMissing,
    OutOfRange,
    NotAllowed,
    NotUnique,
}

/// <param name="Breach">What kind of breach it is.</param>
/// <param name="Severity">An error breaks the promise; a warning is worth a look.</param>
/// <param name="Column">Null where the whole row is meant.</param>
/// <param name="Rows">Rows concerned; 0 where it is the column itself.</param>
/// <param name="Detail">For people, with some of the values.</param>
public sealed record ContractViolation(ContractBreach Breach, Severity Severity, string? Column, long Rows, string Detail);

/// <summary>How far a column's distribution is from that of the version before.</summary>
/// <param name="Column">The column.</param>
/// <param name="Psi">Population stability index over the bins or top values of the baseline's profile; missing is a bin of its own.</param>
/// <param name="Ks">Kolmogorov-Smirnov distance, 0 to 1; null where the column is no number or time, or is a key.</param>
/// <param name="Drifted">Whether a threshold is passed, and by more than chance explains; never for times, which move on by themselves.</param>
public sealed record ColumnDrift(string Column, double Psi, double? Ks, bool Drifted);

/// <summary>How the rows that a version adds look in the light of the version before.</summary>
public sealed record PoisoningReport
{
    /// <summary>
    /// Share of the new rows that an isolation forest finds more anomalous than 99 % of the baseline, or that have a number far outside
    /// the baseline's range, beyond the baseline's own share.
    /// </summary>
    public required double AnomalousShare { get; init; }

    /// <summary>Share of the labelled new rows that their nearest baseline neighbours contradict, beyond the baseline's own share; null without a target.</summary>
    public double? FlippedLabelShare { get; init; }

    /// <summary>New rows looked at; rows that the baseline has too are not.</summary>
    public required long Rows { get; init; }

    /// <summary>Whether a share is above what the pipeline tolerates.</summary>
    public required bool Suspicious { get; init; }

    /// <summary>Some of the rows, the most suspicious first.</summary>
    public IReadOnlyList<SuspiciousRow> Examples { get; init; } = [];
}

/// <param name="Row">The number of the row in <c>data.parquet</c>, from 0.</param>
/// <param name="Score">Isolation forest score, 0 to 1.</param>
/// <param name="Reason"><c>anomalous</c> or <c>label-flip</c>.</param>
public sealed record SuspiciousRow(long Row, double Score, string Reason);
