namespace AIaaS.Formats;

/// <summary>
/// What is done to the rows of a data set before anything is learned from them. Steps run in the order of these members; each is
/// reported in <c>quality.json</c> with the rows before and after. What a model must repeat when it serves (imputing, scaling,
/// encoding) is left to its graph unless it is asked for here.
/// </summary>
public sealed record CleaningPlan
{
    /// <summary>
    /// Whether numbers and times in delimited files that are written for people (thousands separators, currency and percent signs,
    /// decimal commas, dates other than ISO 8601) become numbers and times.
    /// </summary>
    public bool RecoverTypes { get; init; } = true;

    /// <summary>New columns: name to a scalar SQL expression over the columns of the data set.</summary>
    public IReadOnlyDictionary<string, string> Derive { get; init; } = new Dictionary<string, string>();

    /// <summary>A boolean SQL expression; rows for which it is not true are left out.</summary>
    public string? Filter { get; init; }

    public TextPlan Text { get; init; } = new();

    public MissingPlan Missing { get; init; } = new();

    public RarePlan? Rare { get; init; }

    public DuplicatePlan Duplicates { get; init; } = new();

    public MaskPlan Mask { get; init; } = new();

    public OutlierPlan? Outliers { get; init; }

    public SamplePlan? Sample { get; init; }
}

/// <summary>How texts are written.</summary>
public sealed record TextPlan
{
    /// <summary>Whether blanks around texts are removed.</summary>
    public bool Trim { get; init; } = true;

    public CaseHandling Case { get; init; }

    /// <summary>The columns meant; null for all categories.</summary>
    public IReadOnlyList<string>? Columns { get; init; }
}

public enum CaseHandling
{
    Keep,
    Lower,
    Upper,

    /// <summary>Spellings that differ in case only become the most frequent of them.</summary>
    MostFrequent,
}

public enum MissingAction
{
    /// <summary>Missing values stay missing: the model's graph imputes them, in training and in serving alike.</summary>
    Auto,
    DropRow,

    /// <summary>Drops columns in which more than <see cref="MissingPlan.Above"/> is missing.</summary>
    DropColumn,
    Mean,
    Median,
    Mode,
    Constant,

    /// <summary>The last present value above, in the order of the rows.</summary>
    ForwardFill,
}

/// <summary>What becomes of missing values. The target is never filled in.</summary>
public sealed record MissingPlan
{
    public MissingAction Action { get; init; }

    /// <summary>The columns meant; null for all but the target.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>Share above which <see cref="MissingAction.DropColumn"/> drops, 0 to 1.</summary>
    public double Above { get; init; } = 0.5;

    /// <summary>What <see cref="MissingAction.Constant"/> fills in, as it would stand in a CSV file.</summary>
    public string? Value { get; init; }
}

/// <summary>Merges categories that are too rare to learn.</summary>
public sealed record RarePlan
{
    /// <summary>Categories of fewer rows than this share of all are merged, 0 to 1.</summary>
    public double Below { get; init; } = 0.01;

    /// <summary>The category they become.</summary>
    public string Into { get; init; } = "other";

    /// <summary>The columns meant; null for all categories but the target.</summary>
    public IReadOnlyList<string>? Columns { get; init; }
}

public enum DuplicateHandling
{
    Drop,
    Keep,
}

/// <summary>What becomes of rows that repeat an earlier one.</summary>
public sealed record DuplicatePlan
{
    public DuplicateHandling Action { get; init; }

    /// <summary>Columns that make a row; null for all. The first row of each key is kept.</summary>
    public IReadOnlyList<string>? Key { get; init; }
}

public enum SensitiveKind
{
    Email,
    Phone,

    /// <summary>Payment cards: 13 to 19 digits with a valid Luhn check digit.</summary>
    Card,

    /// <summary>National identity numbers whose check digits hold.</summary>
    NationalId,
    Iban,
    IpAddress,
}

public enum MaskAction
{
    /// <summary>The sensitive part of the value becomes a word such as <c>[email]</c>.</summary>
    Redact,

    /// <summary>The sensitive part becomes the first 16 digits of its HMAC-SHA-256 under the tenant's salt: equal stays equal.</summary>
    Hash,

    /// <summary>Columns in which it is found are left out.</summary>
    Drop,
}

/// <summary>Which personal data is found and hidden. What is not named is only reported.</summary>
public sealed record MaskPlan
{
    public IReadOnlyList<SensitiveKind> Kinds { get; init; } = [];

    public MaskAction Action { get; init; }

    /// <summary>Columns hidden whole, whatever they hold.</summary>
    public IReadOnlyList<string> Columns { get; init; } = [];
}

public enum OutlierMethod
{
    /// <summary>Farther than <see cref="OutlierPlan.Threshold"/> standard deviations from the mean (3).</summary>
    ZScore,

    /// <summary>Farther than <see cref="OutlierPlan.Threshold"/> interquartile ranges below the first or above the third quartile (1.5).</summary>
    Iqr,

    /// <summary>Rows whose isolation forest score is above <see cref="OutlierPlan.Threshold"/> (0.65; Liu, Ting and Zhou 2008).</summary>
    IsolationForest,
}

public enum OutlierAction
{
    /// <summary>Values become the nearest bound; not with <see cref="OutlierMethod.IsolationForest"/>, which judges rows.</summary>
    Clip,
    Drop,
    Quarantine,

    /// <summary>Rows stay, and a boolean column <c>is_outlier</c> tells them.</summary>
    Flag,
}

/// <summary>Which rows or values are too unlike the others, and what becomes of them.</summary>
public sealed record OutlierPlan
{
    public OutlierMethod Method { get; init; } = OutlierMethod.IsolationForest;

    public OutlierAction Action { get; init; } = OutlierAction.Quarantine;

    /// <summary>Null for the method's own.</summary>
    public double? Threshold { get; init; }

    /// <summary>The numeric columns meant; null for all but the target.</summary>
    public IReadOnlyList<string>? Columns { get; init; }
}

/// <summary>Keeps some of the rows, chosen by a hash of the row: the same rows are chosen each time.</summary>
public sealed record SamplePlan
{
    /// <summary>Rows to keep at most; null for no bound.</summary>
    public long? Rows { get; init; }

    /// <summary>Share to keep, above 0 to 1.</summary>
    public double Share { get; init; } = 1;
}

public enum CheckAction
{
    Warn,

    /// <summary>No version is made, and the run fails with the reason.</summary>
    Reject,
    Off,
}

/// <summary>What a new version is held against.</summary>
public sealed record ValidationPlan
{
    /// <summary>The data set's contract: <c>contract.json</c>.</summary>
    public CheckAction Contract { get; init; }

    /// <summary>The distribution of each column in the version before.</summary>
    public CheckAction Drift { get; init; }

    /// <summary>Population stability index above which a column has drifted.</summary>
    public double Psi { get; init; } = 0.25;

    /// <summary>Kolmogorov-Smirnov distance above which a numeric column has drifted, 0 to 1.</summary>
    public double Ks { get; init; } = 0.2;

    /// <summary>Rows unlike those of the version before, and labels unlike their neighbours'.</summary>
    public CheckAction Poisoning { get; init; }

    /// <summary>Share of suspicious rows above which a version is reported (or refused), 0 to 1.</summary>
    public double SuspiciousShare { get; init; } = 0.1;
}

/// <summary>Which rows a model learns from and which it is judged on.</summary>
public sealed record SplitPlan
{
    /// <summary>Share of rows held out for judging, 0.05 to 0.5.</summary>
    public double Holdout { get; init; } = 0.2;

    /// <summary>Folds that the other rows are dealt into for cross-validation.</summary>
    public int Folds { get; init; } = 5;

    public long Seed { get; init; } = 42;

    /// <summary>Whether each part gets its share of every class; null does so where the target is a category.</summary>
    public bool? Stratify { get; init; }

    /// <summary>A column whose equal values stay together in one part, for instance a customer's id.</summary>
    public string? Group { get; init; }

    /// <summary>A time column: the latest rows are held out, and later folds are later in time.</summary>
    public string? Time { get; init; }
}

/// <summary>Parameters of a <see cref="JobKind.Prepare"/> job, and of preparation inside a function.</summary>
public sealed record PrepareParameters
{
    /// <summary>The target column; null infers it.</summary>
    public string? Target { get; init; }

    public LearningTask? Task { get; init; }

    public CleaningPlan Clean { get; init; } = new();

    public ValidationPlan Validate { get; init; } = new();

    public SplitPlan Split { get; init; } = new();

    /// <summary>What the version is held against; null learns one.</summary>
    public DataContract? Contract { get; init; }

    /// <summary>The version that the inputs of <see cref="PrepareInputs.BaselineData"/> and its like are of; null for none.</summary>
    public int? BaselineVersion { get; init; }

    /// <summary>The tenant's salt for <see cref="MaskAction.Hash"/>, in base64.</summary>
    public string? MaskSalt { get; init; }
}

/// <summary>Names of a <see cref="JobKind.Prepare"/> job's inputs: the sources in the order of their names, and the version before.</summary>
public static class PrepareInputs
{
    public const string BaselineData = "baseline-data";
    public const string BaselineSchema = "baseline-schema";
    public const string BaselineProfile = "baseline-profile";

    private const string Baseline = "baseline-";

    /// <param name="index">The source's place, from 0.</param>
    public static string SourceOf(int index) => $"source-{index + 1:D6}";

    /// <summary>Whether an input is data to be prepared.</summary>
    public static bool IsSource(string input) => !input.StartsWith(Baseline, StringComparison.Ordinal);
}
