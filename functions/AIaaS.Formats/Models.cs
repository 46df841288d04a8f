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

    public int SchemaVersion { get; init; } = 1;

    public required long TrainingRows { get; init; }

    public required long HoldoutRows { get; init; }

    /// <summary>Metric name (<c>accuracy</c>, <c>f1-macro</c>, <c>log-loss</c>, <c>auc</c>, <c>rmse</c>, <c>mae</c>, <c>r2</c>) to value.</summary>
    public required IReadOnlyDictionary<string, double> Holdout { get; init; }

    /// <summary>Rows are true classes, columns predicted ones, in the signature's class order.</summary>
    public IReadOnlyList<IReadOnlyList<long>>? ConfusionMatrix { get; init; }
}

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
/// Parameters of a <see cref="JobKind.Train"/> job. Inputs: <c>data</c> (Parquet), <c>schema</c>, <c>profile</c>.
/// Artifacts: <c>model.onnx</c>, <c>signature.json</c>, <c>metrics.json</c>, <c>card.json</c>.
/// </summary>
public sealed record TrainParameters
{
    public required string Model { get; init; }

    public required string Target { get; init; }

    public required LearningTask Task { get; init; }

    public IReadOnlyList<string> Trainers { get; init; } = ["linear"];

    /// <summary>Share of rows held out for judging, 0 to 1.</summary>
    public double Holdout { get; init; } = 0.2;

    public long Seed { get; init; } = 42;

    public string? Dataset { get; init; }

    public int? DatasetVersion { get; init; }
}

/// <summary>
/// <c>background.json</c>: rows that predictions are explained against, in the form of a prediction request:
/// <c>{"columns":[…],"rows":[[…],…]}</c>. Training leaves some of its own rows.
/// </summary>
public static class BackgroundSample
{
    public const string FileName = "background.json";

    public const int MostRows = 100;
}
