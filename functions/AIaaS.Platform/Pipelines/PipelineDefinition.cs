using AIaaS.Formats;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Sweeps;
using AIaaS.Platform.Problems;

namespace AIaaS.Platform.Pipelines;

/// <summary>What a pipeline does with its data; everything that is not said has a sensible default.</summary>
public sealed record PipelineDefinition
{
    /// <summary>The column to predict; null lets the first run infer it.</summary>
    public string? Target { get; init; }

    /// <summary>Null infers it from the target.</summary>
    public LearningTask? Task { get; init; }

    public CleaningPlan Clean { get; init; } = new();

    public ValidationPlan Validate { get; init; } = new();

    public SplitPlan Split { get; init; } = new();

    public EncodingPlan Features { get; init; } = new();

    public IReadOnlyList<string> Trainers { get; init; } = SweepValidation.UsualTrainers;

    public SweepPlan Sweep { get; init; } = new();

    public WeightPlan Weights { get; init; } = new();

    public Calibration Calibrate { get; init; }

    public EvaluationPlan Evaluate { get; init; } = new();

    public ComputeDefinition Compute { get; init; } = new();

    public GateDefinition? Gate { get; init; }

    public DeployDefinition Deploy { get; init; } = new();

    /// <returns>This definition.</returns>
    /// <exception cref="ProblemException">A value is out of bounds; the field is named.</exception>
    public PipelineDefinition Validated()
    {
        Require(Target is null or { Length: > 0 and <= 256 }, "target", "must be the name of a column.");
        Require(Task is null or LearningTask.Classification or LearningTask.Regression, "task", "must be 'classification' or 'regression'; other tasks are not supported by this version.");
        DataRules.Validate(Clean);
        DataRules.Validate(Validate);
        DataRules.Validate(Split);
        DataRules.Validate(Features);
        Require(Trainers.Count > 0, "trainers", "must name at least one trainer.");
        DataRules.Validate(Weights);
        DataRules.Validate(Evaluate);
        if (SweepValidation.Check(Sweep, Trainers, Task) is { } wrong)
        {
            Require(false, wrong.Field, wrong.Demand);
        }

        if (Compute.Cluster is not null)
        {
            Names.Require(Compute.Cluster, "compute.cluster");
        }

        if (Deploy.Endpoint is not null)
        {
            Names.Require(Deploy.Endpoint, "deploy.endpoint");
        }

        if (Gate is not null)
        {
            var metrics = Metrics.For(Task).Select(metric => metric.Name).ToList();
            Require(metrics.Contains(Gate.Metric), "gate.metric", $"must be one of {string.Join(", ", metrics)}.");
            Require(Gate.Minimum is not null || Gate.Maximum is not null, "gate", "must give 'minimum' or 'maximum'.");
        }

        return this;
    }

    private static void Require(bool condition, string field, string demand)
    {
        if (!condition)
        {
            throw new ProblemException(Problem.InvalidValue, $"'{field}' {demand}") { Field = field };
        }
    }
}

/// <summary>Where training runs.</summary>
public sealed record ComputeDefinition
{
    /// <summary>The training cluster; null for the default one.</summary>
    public string? Cluster { get; init; }
}

/// <summary>What a model must reach on its holdout rows before it is registered.</summary>
public sealed record GateDefinition
{
    public required string Metric { get; init; }

    public double? Minimum { get; init; }

    public double? Maximum { get; init; }

    /// <returns>Why the model does not pass; null where it does.</returns>
    internal string? Refusal(ModelMetrics metrics)
    {
        if (!metrics.Holdout.TryGetValue(Metric, out var value))
        {
            return $"The gate asks for '{Metric}', which this model does not have; it has {string.Join(", ", metrics.Holdout.Keys)}.";
        }

        return value switch
        {
            _ when value < Minimum => FormattableString.Invariant($"The gate asks for {Metric} of at least {Minimum}; on the holdout rows it is {value:0.####}."),
            _ when value > Maximum => FormattableString.Invariant($"The gate asks for {Metric} of at most {Maximum}; on the holdout rows it is {value:0.####}."),
            double.NaN => $"The gate asks for {Metric}, which could not be computed on the holdout rows.",
            _ => null,
        };
    }
}

/// <summary>Where a registered model answers.</summary>
public sealed record DeployDefinition
{
    /// <summary>Null for the pipeline's own name.</summary>
    public string? Endpoint { get; init; }
}
