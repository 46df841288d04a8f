using System.Text.Json;

namespace AIaaS.Formats;

/// <summary>What a column means, as opposed to how it is stored.</summary>
public enum ColumnKind
{
    Number,
    Integer,
    Category,
    Boolean,
    Datetime,
    Text,

    /// <summary>Distinct in (nearly) every row and without meaning for a model, such as a key.</summary>
    Identifier,

    /// <summary>One value, or none.</summary>
    Constant,

    /// <summary>Nested JSON.</summary>
    Json,

    /// <summary>JPEG or PNG files, as bytes.</summary>
    Image,
}

/// <summary><c>schema.json</c>: the columns of a prepared data set, in the order of <c>data.parquet</c>.</summary>
public sealed record DataSchema
{
    public const string FileName = "schema.json";

    public int SchemaVersion { get; init; } = 1;

    public required IReadOnlyList<DataColumn> Columns { get; init; }
}

/// <param name="Name">As in the file's header.</param>
/// <param name="Kind">What it means.</param>
/// <param name="Type">The stored type in DuckDB's words, for instance <c>DOUBLE</c> or <c>VARCHAR</c>.</param>
/// <param name="Nullable">Whether a value was missing.</param>
public sealed record DataColumn(string Name, ColumnKind Kind, string Type, bool Nullable);

/// <summary><c>profile.json</c>: what is in a data set; later the baseline that drift is measured against.</summary>
public sealed record DataProfile
{
    public const string FileName = "profile.json";

    public int SchemaVersion { get; init; } = 1;

    /// <summary>Rows after preparation.</summary>
    public required long Rows { get; init; }

    /// <summary>Whole-row duplicates found (and dropped when the pipeline says so).</summary>
    public long DuplicateRows { get; init; }

    /// <summary>What is to be predicted, where that is known.</summary>
    public TargetProfile? Target { get; init; }

    public required IReadOnlyList<ColumnProfile> Columns { get; init; }
}

/// <summary>One column of a profile; counts are rows, statistics are of the present values.</summary>
public sealed record ColumnProfile
{
    public required string Name { get; init; }

    public required ColumnKind Kind { get; init; }

    public required long Count { get; init; }

    public required long Missing { get; init; }

    /// <summary>Distinct present values; approximate where <see cref="DistinctIsApproximate"/>.</summary>
    public required long Distinct { get; init; }

    public bool DistinctIsApproximate { get; init; }

    /// <summary>Smallest and largest value as JSON: numbers, booleans, texts, or RFC 3339 times.</summary>
    public JsonElement? Min { get; init; }

    public JsonElement? Max { get; init; }

    public double? Mean { get; init; }

    public double? StandardDeviation { get; init; }

    /// <summary>Quantiles by their probability; of times in seconds since 1970.</summary>
    public IReadOnlyList<Quantile>? Quantiles { get; init; }

    /// <summary>Of numbers, and of times in seconds since 1970.</summary>
    public Histogram? Histogram { get; init; }

    /// <summary>Most frequent values, descending, at most 100.</summary>
    public IReadOnlyList<ValueCount>? TopValues { get; init; }

    /// <summary>Lengths of texts, in characters.</summary>
    public TextLengths? Lengths { get; init; }

    /// <summary>How strongly the column goes with the target.</summary>
    public TargetAssociation? Association { get; init; }
}

public sealed record TextLengths(long Minimum, double Mean, long Maximum);

public enum AssociationMeasure
{
    /// <summary>Between numbers; -1 to 1.</summary>
    Pearson,

    /// <summary>Between a number and a category: the square root of the share of variance that the category explains; 0 to 1.</summary>
    CorrelationRatio,

    /// <summary>Between categories, corrected for bias (Bergsma 2013); 0 to 1.</summary>
    CramersV,
}

public sealed record TargetAssociation(AssociationMeasure Measure, double Value);

/// <summary>The target in the light of the other columns.</summary>
public sealed record TargetProfile
{
    public required string Name { get; init; }

    public required LearningTask Task { get; init; }

    /// <summary>Rows of each class, descending, at most 100; null where the target is a number.</summary>
    public IReadOnlyList<ValueCount>? Classes { get; init; }

    /// <summary>Columns that alone nearly tell the target, which they may not when the model serves.</summary>
    public IReadOnlyList<LeakageSuspect> LeakageSuspects { get; init; } = [];
}

/// <param name="Column">The column.</param>
/// <param name="Score">How well it alone predicts the target on rows it was not fitted to: accuracy above that of the most frequent class, or R², 0 to 1.</param>
/// <param name="Detail">For people.</param>
public sealed record LeakageSuspect(string Column, double Score, string Detail);

public sealed record Quantile(double Probability, double Value);

/// <summary>How many values fall into each bin.</summary>
/// <param name="Edges">n + 1 ascending bin edges; bins are closed on the left, the last on both sides.</param>
/// <param name="Counts">n counts.</param>
public sealed record Histogram(IReadOnlyList<double> Edges, IReadOnlyList<long> Counts);

public sealed record ValueCount(string Value, long Count);

/// <summary><c>quality.json</c>: what preparation found and did.</summary>
public sealed record QualityReport
{
    public const string FileName = "quality.json";

    /// <summary>The same as a page for people.</summary>
    public const string PageFileName = "quality.html";

    public int SchemaVersion { get; init; } = 1;

    /// <summary>Rows read from the sources, rejected ones included.</summary>
    public required long RowsRead { get; init; }

    public required long RowsKept { get; init; }

    public required long RowsQuarantined { get; init; }

    /// <summary>Rejected rows by reason.</summary>
    public IReadOnlyList<ValueCount> QuarantineReasons { get; init; } = [];

    public IReadOnlyList<CleaningStep> Steps { get; init; } = [];

    public IReadOnlyList<QualityFinding> Findings { get; init; } = [];

    /// <summary>Where the data breaks the data set's contract.</summary>
    public IReadOnlyList<ContractViolation> Violations { get; init; } = [];

    /// <summary>The version that <see cref="Drift"/> and <see cref="Poisoning"/> are measured against; null for the first.</summary>
    public int? BaselineVersion { get; init; }

    public IReadOnlyList<ColumnDrift> Drift { get; init; } = [];

    public PoisoningReport? Poisoning { get; init; }

    /// <summary>Personal data that was found, masked or not.</summary>
    public IReadOnlyList<SensitiveColumn> Sensitive { get; init; } = [];

    /// <summary>Why the pipeline refused the data; null where it did not.</summary>
    public string? Rejected { get; init; }
}

/// <param name="Column">The column.</param>
/// <param name="Kind">What was found in it.</param>
/// <param name="Rows">In how many rows.</param>
/// <param name="Action">What was done about it; null for nothing.</param>
public sealed record SensitiveColumn(string Column, SensitiveKind Kind, long Rows, MaskAction? Action);

/// <param name="Name">The step, for instance <c>drop-duplicates</c>.</param>
/// <param name="RowsBefore">Rows it was given.</param>
/// <param name="RowsAfter">Rows it left.</param>
/// <param name="Detail">What it did, for people.</param>
public sealed record CleaningStep(string Name, long RowsBefore, long RowsAfter, string Detail);

public enum Severity
{
    Information,
    Warning,
    Error,
}

public sealed record QualityFinding(Severity Severity, string? Column, string Detail);
