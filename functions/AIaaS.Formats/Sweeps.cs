using System.Text.Json;
using System.Text.Json.Serialization;

namespace AIaaS.Formats;

/// <summary>How a sweep chooses the hyperparameters of its next trial.</summary>
public enum SweepSampler
{
    /// <summary>Tree-structured Parzen estimator (Bergstra et al. 2011).</summary>
    Tpe,

    Random,

    /// <summary>Every combination of a few values of each hyperparameter.</summary>
    Grid,
}

/// <summary>How a sweep gives up trials that promise little.</summary>
public enum EarlyTermination
{
    /// <summary>Many trials on a small share of the full effort, the best of them on ever more (asynchronous successive halving, Li et al. 2020).</summary>
    Hyperband,

    /// <summary>A trial ends when it is worse than the median of the others at the same point (Golovin et al. 2017).</summary>
    Median,

    None,
}

/// <summary>What a sweep may try and spend; everything that is not said is chosen by the size of the data.</summary>
public sealed record SweepPlan
{
    public SweepSampler Sampler { get; init; }

    /// <summary>Trials over all trainers; null for as many as the size of the data suggests.</summary>
    public int? MaxTrials { get; init; }

    /// <summary>Jobs at the same time, each with several trials; 1 for the whole sweep in one job.</summary>
    public int MaxConcurrent { get; init; } = 1;

    public EarlyTermination EarlyTermination { get; init; }

    /// <summary>When no further trial begins; null for no bound but the job's own.</summary>
    [JsonConverter(typeof(DurationConverter))]
    public TimeSpan? Timeout { get; init; }

    /// <summary>When a trial counts as failed.</summary>
    [JsonConverter(typeof(DurationConverter))]
    public TimeSpan? TrialTimeout { get; init; }

    /// <summary>Processor-hours over all trials, after which no further one begins.</summary>
    public double? MaxCpuHours { get; init; }

    /// <summary>The metric that decides; null for the task's own: <c>log-loss</c> or <c>rmse</c>.</summary>
    public string? Objective { get; init; }

    /// <summary>Folds of the cross-validation; 1 for a single validation part; null by the size of the data.</summary>
    public int? Folds { get; init; }

    /// <summary>Whether the best trials may be joined into one model (Caruana et al. 2004) where that is better.</summary>
    public bool Ensemble { get; init; } = true;

    /// <summary>Trainer to hyperparameter to what may be tried, instead of the trainer's own ranges.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, HyperparameterRange>>? Spaces { get; init; }
}

/// <summary>How a range is divided.</summary>
public enum RangeScale
{
    Linear,

    /// <summary>Evenly by the logarithm.</summary>
    Log,
}

/// <summary>What may be tried of one hyperparameter: one of <see cref="Choices"/>, or a number between two bounds.</summary>
public sealed record HyperparameterRange
{
    /// <summary>The values that may be tried; null for a number between the bounds.</summary>
    public IReadOnlyList<JsonElement>? Choices { get; init; }

    public double? Minimum { get; init; }

    public double? Maximum { get; init; }

    /// <summary>Null for the trainer's own, and linear where that has none.</summary>
    public RangeScale? Scale { get; init; }

    /// <summary>Whether only whole numbers are meant.</summary>
    public bool Integer { get; init; }

    /// <summary>What the first trial takes; null for the middle of the range or the first choice.</summary>
    public JsonElement? Default { get; init; }

    /// <summary>Where it matters at all; null for always.</summary>
    public HyperparameterCondition? When { get; init; }

    public static HyperparameterRange Uniform(double minimum, double maximum, double initial) =>
        new() { Minimum = minimum, Maximum = maximum, Default = Json(initial) };

    public static HyperparameterRange LogUniform(double minimum, double maximum, double initial) =>
        Uniform(minimum, maximum, initial) with { Scale = RangeScale.Log };

    public static HyperparameterRange Integers(int minimum, int maximum, int initial, RangeScale scale = RangeScale.Linear) =>
        new() { Minimum = minimum, Maximum = maximum, Integer = true, Scale = scale, Default = Json(initial) };

    /// <summary>One of some values, of which the first is the default.</summary>
    public static HyperparameterRange OneOf<T>(params ReadOnlySpan<T> choices)
    {
        JsonElement[] values = [.. choices.ToArray().Select(Json)];
        return new() { Choices = values, Default = values[0] };
    }

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, JsonDefaults.Options);
}

/// <param name="Name">Another hyperparameter of the same trainer.</param>
/// <param name="Values">Its values for which this one matters.</param>
public sealed record HyperparameterCondition(string Name, IReadOnlyList<JsonElement> Values);

/// <summary>One configuration to be tried.</summary>
public sealed record TrialSpec
{
    /// <summary>From 1 within its run.</summary>
    public required int Trial { get; init; }

    public required string Trainer { get; init; }

    public IReadOnlyDictionary<string, JsonElement> Hyperparameters { get; init; } = new Dictionary<string, JsonElement>();

    /// <summary>Share of the full effort, above 0 to 1: of iterations, or of rows where a trainer has none.</summary>
    public double Budget { get; init; } = 1;
}

public enum TrialStatus
{
    Succeeded,
    Failed,

    /// <summary>Given up since it promised little.</summary>
    Pruned,
}

/// <summary><c>trials/{n:D4}.json</c>: how a trial went.</summary>
public sealed record TrialResult
{
    public const string Folder = "trials";

    public int SchemaVersion { get; init; } = 1;

    public required TrialSpec Spec { get; init; }

    public required TrialStatus Status { get; init; }

    /// <summary>The objective over the validation rows of all folds; null where the trial failed.</summary>
    public double? Objective { get; init; }

    /// <summary>All metrics on validation rows.</summary>
    public IReadOnlyDictionary<string, double> Metrics { get; init; } = new Dictionary<string, double>();

    /// <summary>The objective at shares of the effort on the way, for comparing trials that are under way.</summary>
    public IReadOnlyList<TrialPoint> Curve { get; init; } = [];

    /// <summary>Hyperparameters that training on all rows takes instead, where validation settled them: how many iterations.</summary>
    public IReadOnlyDictionary<string, JsonElement> Refit { get; init; } = new Dictionary<string, JsonElement>();

    public double Seconds { get; init; }

    public ErrorDetail? Error { get; init; }

    public IReadOnlyList<string> Notes { get; init; } = [];

    public static string FileNameOf(int trial) => $"{trial:D4}.json";

    /// <summary>Beside it, what it predicted for its validation rows, fold after fold: little-endian floats.</summary>
    public static string PredictionsFileNameOf(int trial) => $"{trial:D4}.predictions";
}

/// <param name="Share">Of the full effort, above 0 to 1.</param>
/// <param name="Value">The objective there.</param>
public sealed record TrialPoint(double Share, double Value);
