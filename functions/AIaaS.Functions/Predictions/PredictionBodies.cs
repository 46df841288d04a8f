using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using AIaaS.Platform.Runs;

namespace AIaaS.Functions.Predictions;

/// <summary>Rows to predict. Never made: rows are read straight into the model's memory; this says how they look.</summary>
/// <param name="Rows">Each an object by feature name, or an array: in the order of `columns`, or of all features in the signature's. Null where a value is missing. At most 10 000.</param>
[SuppressMessage("Performance", "CA1812", Justification = "Describes JSON only.")]
internal sealed record PredictionRequestBody(IReadOnlyList<JsonElement> Rows)
{
    /// <summary>The features that rows as arrays give, in their order; before `rows`.</summary>
    public IReadOnlyList<string>? Columns { get; init; }
}

/// <summary>The predictions of a request. Never made, as its request.</summary>
/// <param name="RequestId">The request's correlation id.</param>
/// <param name="Model">What answered.</param>
/// <param name="Predictions">One for each row, in order.</param>
/// <param name="Explanations">With `?explain`: one for each row, in order.</param>
[SuppressMessage("Performance", "CA1812", Justification = "Describes JSON only.")]
internal sealed record PredictionAnswerBody(
    string RequestId, ModelReference Model, IReadOnlyList<PredictionBody> Predictions, IReadOnlyList<ExplanationBody>? Explanations = null);

/// <summary>The explanations of a request. Never made, as its request.</summary>
/// <param name="RequestId">The request's correlation id.</param>
/// <param name="Model">What is explained.</param>
/// <param name="Explanations">One for each row, in order.</param>
[SuppressMessage("Performance", "CA1812", Justification = "Describes JSON only.")]
internal sealed record ExplanationAnswerBody(string RequestId, ModelReference Model, IReadOnlyList<ExplanationBody> Explanations);

/// <summary>How much each feature moves one row's prediction away from the mean; all together are the prediction. Of classes there is a number for each.</summary>
/// <param name="Method">`trees`, `exact`, `additive` or `sampled`.</param>
/// <param name="Permutations">How many orders of the features were tried; absent where it was all.</param>
/// <param name="Output">What is explained: `probabilities`, `value` or `anomalyScore`.</param>
/// <param name="Scale">Of classes: `probability` or `log-odds`.</param>
/// <param name="BaseValue">The mean prediction over the background rows.</param>
/// <param name="Prediction">The row's prediction.</param>
/// <param name="Attributions">What each feature adds, by its name.</param>
[SuppressMessage("Performance", "CA1812", Justification = "Describes JSON only.")]
internal sealed record ExplanationBody(
    string Method, int? Permutations, string Output, string? Scale, JsonElement BaseValue, JsonElement Prediction, IReadOnlyDictionary<string, JsonElement> Attributions);

/// <summary>One row's prediction: what the model's signature says it gives.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Describes JSON only.")]
internal sealed record PredictionBody
{
    /// <summary>The class, in the JSON type of the target column.</summary>
    public JsonElement? Label { get; init; }

    /// <summary>The probability of each class, by its string form.</summary>
    public IReadOnlyDictionary<string, double?>? Probabilities { get; init; }

    /// <summary>The predicted number.</summary>
    public JsonElement? Value { get; init; }

    /// <summary>Between which numbers the value lies with the model's own confidence.</summary>
    public IntervalBody? Interval { get; init; }

    /// <summary>The best items, best first.</summary>
    public IReadOnlyList<ItemBody>? Items { get; init; }

    /// <summary>The cluster.</summary>
    public JsonElement? Cluster { get; init; }

    /// <summary>How unlike the others the row is.</summary>
    public JsonElement? AnomalyScore { get; init; }

    /// <summary>Whether that counts as an anomaly.</summary>
    public JsonElement? Anomaly { get; init; }

    /// <summary>Outputs without a meaning known here come by their own names.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? Others { get; init; }
}

/// <param name="Lower">The lower end.</param>
/// <param name="Upper">The upper end.</param>
[SuppressMessage("Performance", "CA1812", Justification = "Describes JSON only.")]
internal sealed record IntervalBody(double? Lower, double? Upper);

/// <param name="Item">The item.</param>
/// <param name="Score">Higher is better; absent where the model gives none.</param>
[SuppressMessage("Performance", "CA1812", Justification = "Describes JSON only.")]
internal sealed record ItemBody(JsonElement Item, double? Score);
