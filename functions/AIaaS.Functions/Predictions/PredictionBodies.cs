using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using AIaaS.Platform.Runs;

namespace AIaaS.Functions.Predictions;

/// <summary>Rows to predict. Never made: rows are read straight into the model's memory; this says how they look.</summary>
/// <param name="Rows">Each an object by feature name, or an array of all features in the signature's order; null where a value is missing. At most 10 000.</param>
[SuppressMessage("Performance", "CA1812", Justification = "Describes JSON only.")]
internal sealed record PredictionRequestBody(IReadOnlyList<JsonElement> Rows);

/// <summary>The predictions of a request. Never made, as its request.</summary>
/// <param name="RequestId">The request's correlation id.</param>
/// <param name="Model">What answered.</param>
/// <param name="Predictions">One for each row, in order.</param>
[SuppressMessage("Performance", "CA1812", Justification = "Describes JSON only.")]
internal sealed record PredictionAnswerBody(string RequestId, ModelReference Model, IReadOnlyList<PredictionBody> Predictions);

/// <summary>One row's prediction: what the model's signature says it gives.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Describes JSON only.")]
internal sealed record PredictionBody
{
    /// <summary>The class, in the JSON type of the target column.</summary>
    public JsonElement? Label { get; init; }

    /// <summary>The probability of each class, by its string form.</summary>
    public IReadOnlyDictionary<string, double>? Probabilities { get; init; }

    /// <summary>The predicted number.</summary>
    public double? Value { get; init; }

    /// <summary>Outputs without a meaning known here come by their own names.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? Others { get; init; }
}

/// <summary>What each feature adds to the predictions of a request. Never made, as its request.</summary>
/// <param name="RequestId">The request's correlation id.</param>
/// <param name="Model">What answered.</param>
/// <param name="Explanations">One for each row, in order.</param>
[SuppressMessage("Performance", "CA1812", Justification = "Describes JSON only.")]
internal sealed record ExplanationAnswerBody(string RequestId, ModelReference Model, IReadOnlyList<ExplanationBody> Explanations)
{
    /// <summary>With <c>?explain</c> on predictions: one for each row, in order.</summary>
    public IReadOnlyList<PredictionBody>? Predictions { get; init; }
}

/// <summary>One row's explanation; for classes every number is an object of one for each class.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Describes JSON only.")]
internal sealed record ExplanationBody
{
    /// <summary><c>exact</c>, <c>additive</c> or <c>sampled</c>.</summary>
    public required string Method { get; init; }

    /// <summary>Orders of the features that were tried, where they were sampled.</summary>
    public int? Permutations { get; init; }

    /// <summary>The output that is explained.</summary>
    public required string Output { get; init; }

    /// <summary>Of classes: <c>probability</c> or <c>log-odds</c>.</summary>
    public string? Scale { get; init; }

    /// <summary>The mean prediction over the background sample.</summary>
    public required JsonElement BaseValue { get; init; }

    /// <summary>The prediction of this row.</summary>
    public required JsonElement Prediction { get; init; }

    /// <summary>What each feature adds; with the base value they add up to the prediction.</summary>
    public required IReadOnlyDictionary<string, JsonElement> Attributions { get; init; }
}
