using System.Text.Json;

namespace AIaaS.Formats;

/// <summary>Element types of model inputs and outputs.</summary>
public enum TensorType
{
    Float32,
    Float64,
    Int32,
    Int64,
    Bool,
    String,
    Uint8,
}

/// <summary><c>signature.json</c>: what a model takes and gives, in users' terms and in tensors.</summary>
public sealed record ModelSignature
{
    public const string FileName = "signature.json";

    public int SchemaVersion { get; init; } = 1;

    public required LearningTask Task { get; init; }

    /// <summary>Raw features in the order of the training data.</summary>
    public required IReadOnlyList<ModelFeature> Inputs { get; init; }

    public required IReadOnlyList<ModelOutput> Outputs { get; init; }

    public ModelTarget? Target { get; init; }
}

/// <summary>
/// A raw feature and the graph input that takes it: a tensor of shape [rows, 1] with the feature's name.
/// Numbers, integers, booleans (0 and 1) and times (seconds since 1970) are <see cref="TensorType.Float32"/>, missing is NaN;
/// categories and texts are <see cref="TensorType.String"/>, missing is the empty string.
/// </summary>
public sealed record ModelFeature
{
    public required string Name { get; init; }

    public required ColumnKind Kind { get; init; }

    /// <summary>Name of the graph input; the feature's name unless that could not be used.</summary>
    public required string Input { get; init; }

    public required TensorType Type { get; init; }

    /// <summary>Whether a request must give it: true only where the model has no way to impute it.</summary>
    public bool Required { get; init; }

    /// <summary>Values seen in training, for categories.</summary>
    public IReadOnlyList<string>? Categories { get; init; }

    public double? Minimum { get; init; }

    public double? Maximum { get; init; }

    /// <summary>A typical value (median or mode), for examples and documentation.</summary>
    public JsonElement? Example { get; init; }
}

/// <summary>What an output means.</summary>
public enum OutputRole
{
    /// <summary>The decided class, shape [rows].</summary>
    Label,

    /// <summary>Shape [rows, classes], in the order of <see cref="ModelTarget.Classes"/>.</summary>
    Probabilities,

    /// <summary>The predicted number, shape [rows].</summary>
    Value,

    /// <summary>The lower end of the interval that the number lies in, shape [rows]; with <see cref="Upper"/>.</summary>
    Lower,

    /// <summary>The upper end of that interval, shape [rows].</summary>
    Upper,

    /// <summary>What is recommended, best first, shape [rows, k]; integers or strings.</summary>
    Items,

    /// <summary>Scores of the <see cref="Items"/>, shape [rows, k].</summary>
    Scores,

    /// <summary>The cluster that the row belongs to, shape [rows]; an integer or a string.</summary>
    Cluster,

    /// <summary>How anomalous the row is, shape [rows]; the model says on which scale.</summary>
    AnomalyScore,

    /// <summary>Whether the row counts as anomalous, a boolean of shape [rows].</summary>
    Anomaly,

    /// <summary>Anything else, given to the caller by name.</summary>
    Other,
}

/// <param name="Name">Name of the graph output.</param>
/// <param name="Role">What it means.</param>
/// <param name="Type">Its element type.</param>
/// <param name="Shape">Its shape; -1 where it varies.</param>
public sealed record ModelOutput(string Name, OutputRole Role, TensorType Type, IReadOnlyList<long> Shape);

/// <param name="Name">The target column.</param>
/// <param name="Kind">Its kind, which decides the JSON type of a label.</param>
/// <param name="Classes">The classes as JSON values of the column's type; null for regression.</param>
public sealed record ModelTarget(string Name, ColumnKind Kind, IReadOnlyList<JsonElement>? Classes = null);

/// <summary><c>metrics.json</c>: metrics on the holdout rows, which training never saw.</summary>
public sealed record ModelMetrics
{
    public const string FileName = "metrics.json";

    /// <summary>The same for people, as a page.</summary>
    public const string PageFileName = "report.html";

    public int SchemaVersion { get; init; } = 1;

    /// <summary>Rows that trials and the model learned from.</summary>
    public required long TrainingRows { get; init; }

    /// <summary>Rows that it was judged on.</summary>
    public required long HoldoutRows { get; init; }

    /// <summary>Metric name (<c>accuracy</c>, <c>f1-macro</c>, <c>log-loss</c>, <c>auc</c>, <c>rmse</c>, <c>mae</c>, <c>r2</c>, …) to value.</summary>
    public required IReadOnlyDictionary<string, double> Holdout { get; init; }

    /// <summary>Rows are true classes, columns predicted ones, in the signature's class order.</summary>
    public IReadOnlyList<IReadOnlyList<long>>? ConfusionMatrix { get; init; }

    /// <summary>Metric name to where it lies in 95 of 100 resamples of the holdout rows (bootstrap, Efron 1979).</summary>
    public IReadOnlyDictionary<string, MetricInterval> Intervals { get; init; } = new Dictionary<string, MetricInterval>();

    /// <summary>What the objective loses where a feature's values are shuffled (Breiman 2001), the most important first.</summary>
    public IReadOnlyList<FeatureImportance> Importance { get; init; } = [];

    /// <summary>Metrics of the rows with each value of the columns that were asked for.</summary>
    public IReadOnlyList<MetricSlice> Slices { get; init; } = [];

    /// <summary>How often what was held likely came about; null for a regression.</summary>
    public IReadOnlyList<CalibrationPoint>? Calibration { get; init; }

    /// <summary>What each threshold gives, one curve for each class, of two classes for the second only; null for a regression.</summary>
    public IReadOnlyList<ThresholdCurve>? Curves { get; init; }

    /// <summary>Errors of a regression; null for classes.</summary>
    public ResidualSummary? Residuals { get; init; }
}

/// <param name="Low">Its lower end.</param>
/// <param name="High">Its upper end.</param>
public sealed record MetricInterval(double Low, double High);

/// <param name="Feature">The raw feature.</param>
/// <param name="Loss">How much worse the objective is without it, in its own unit.</param>
/// <param name="Deviation">Standard deviation over the shuffles.</param>
public sealed record FeatureImportance(string Feature, double Loss, double Deviation);

/// <param name="Column">The column.</param>
/// <param name="Value">The value, a range of numbers, <c>(missing)</c>, or <c>(other)</c> for values of few rows.</param>
/// <param name="Rows">How many holdout rows.</param>
/// <param name="Metrics">As for all rows.</param>
public sealed record MetricSlice(string Column, string Value, long Rows, IReadOnlyDictionary<string, double> Metrics);

/// <param name="Predicted">Mean probability.</param>
/// <param name="Observed">Share for which it came about.</param>
/// <param name="Rows">How many.</param>
public sealed record CalibrationPoint(double Predicted, double Observed, long Rows);

/// <param name="Class">The class as JSON.</param>
/// <param name="Points">From the highest threshold to the lowest.</param>
public sealed record ThresholdCurve(JsonElement Class, IReadOnlyList<ThresholdPoint> Points);

/// <param name="FalsePositiveRate">Share of the other rows that is taken for the class.</param>
/// <param name="TruePositiveRate">Share of the class's rows that is found: the recall.</param>
/// <param name="Precision">Share of what is taken for the class that belongs to it.</param>
public sealed record ThresholdPoint(double FalsePositiveRate, double TruePositiveRate, double Precision);

/// <param name="Edges">Bins of predicted less true value, one edge more than counts.</param>
/// <param name="Counts">Rows in each.</param>
/// <param name="Sample">Some rows: true value, then predicted one.</param>
public sealed record ResidualSummary(IReadOnlyList<double> Edges, IReadOnlyList<long> Counts, IReadOnlyList<IReadOnlyList<double>> Sample);

/// <summary><c>card.json</c>: what a reader should know before using a model (after Mitchell et al. 2019).</summary>
public sealed record ModelCard
{
    public const string FileName = "card.json";

    public int SchemaVersion { get; init; } = 1;

    public required string Name { get; init; }

    public required LearningTask Task { get; init; }

    public string? Target { get; init; }

    /// <summary>The trainer, for instance <c>linear</c>.</summary>
    public required string Trainer { get; init; }

    public required DateTimeOffset Trained { get; init; }

    public string? Dataset { get; init; }

    public int? DatasetVersion { get; init; }

    public string? Run { get; init; }

    public long Seed { get; init; }

    public IReadOnlyDictionary<string, JsonElement> Hyperparameters { get; init; } = new Dictionary<string, JsonElement>();

    public IReadOnlyDictionary<string, double> Metrics { get; init; } = new Dictionary<string, double>();

    public IReadOnlyList<string> Notes { get; init; } = [];
}

/// <summary>
/// Parameters of a <see cref="JobKind.Train"/> job. Inputs: <c>data</c> (Parquet), <c>schema</c>, <c>profile</c>, and <c>splits</c> where there are.
/// Artifacts: <c>model.onnx</c>, <c>signature.json</c>, <c>metrics.json</c>, <c>card.json</c>, <c>leaderboard.json</c>, <c>trials/</c>.
/// </summary>
public sealed record TrainParameters
{
    public required string Model { get; init; }

    public required string Target { get; init; }

    public required LearningTask Task { get; init; }

    public IReadOnlyList<string> Trainers { get; init; } = ["linear"];

    /// <summary>Share of rows held out for judging, 0 to 1.</summary>
    public double Holdout { get; init; } = 0.2;

    /// <summary>Whether later folds of the stored split are later times, so that none may be learned from to predict one before it.</summary>
    public bool FoldsInOrder { get; init; }

    public long Seed { get; init; } = 42;

    public SweepPlan Sweep { get; init; } = new();

    /// <summary>The only trials this job is to do, without a model of its own; null for the whole sweep and the model.</summary>
    public IReadOnlyList<TrialSpec>? Trials { get; init; }

    /// <summary>The sweep is over: the model is made of the trials of other jobs, whose files are inputs called <c>trials/…</c>.</summary>
    public bool SweepIsOver { get; init; }

    public WeightPlan Weights { get; init; } = new();

    public Calibration Calibrate { get; init; }

    public EvaluationPlan Evaluate { get; init; } = new();

    public EncodingPlan Features { get; init; } = new();

    public string? Dataset { get; init; }

    public int? DatasetVersion { get; init; }
}

/// <summary>How much each row counts in training.</summary>
public sealed record WeightPlan
{
    public ClassWeights Classes { get; init; }

    /// <summary>A column of numbers above 0 that rows are weighted by, and that no model learns from; null for equal weights.</summary>
    public string? Column { get; init; }
}

public enum ClassWeights
{
    /// <summary>A row counts as much as any other.</summary>
    None,

    /// <summary>Each class counts as much as any other, however few its rows.</summary>
    Balanced,
}

/// <summary>How probabilities are made to mean what they say, on rows that the trial did not learn from.</summary>
public enum Calibration
{
    None,

    /// <summary>One temperature for all scores (Guo et al. 2017).</summary>
    Temperature,

    /// <summary>A sigmoid for each class (Platt 1999).</summary>
    Sigmoid,

    /// <summary>A rising step function for each class (Zadrozny and Elkan 2002); wants some thousand rows.</summary>
    Isotonic,
}

/// <summary>What else is reported about a model.</summary>
public sealed record EvaluationPlan
{
    /// <summary>Columns by whose values metrics are told apart.</summary>
    public IReadOnlyList<string> Slices { get; init; } = [];
}

/// <summary><c>leaderboard.json</c>: the trials of a sweep, best first.</summary>
public sealed record Leaderboard
{
    public const string FileName = "leaderboard.json";

    public int SchemaVersion { get; init; } = 1;

    /// <summary>The metric that decided.</summary>
    public required string Objective { get; init; }

    public required bool HigherIsBetter { get; init; }

    public required IReadOnlyList<TrialResult> Trials { get; init; }

    /// <summary>Trials that the model is made of, with their shares of 1.</summary>
    public IReadOnlyList<ModelMember> Members { get; init; } = [];
}

/// <param name="Trial">Its number.</param>
/// <param name="Weight">Its share of the model's answer, above 0 to 1.</param>
public sealed record ModelMember(int Trial, double Weight);

/// <summary>
/// <c>background.json</c>: rows that predictions are explained against, in the form of a prediction request:
/// <c>{"columns":[…],"rows":[[…],…]}</c>. Training leaves some of its own rows.
/// </summary>
public static class BackgroundSample
{
    public const string FileName = "background.json";

    public const int MostRows = 100;
}
