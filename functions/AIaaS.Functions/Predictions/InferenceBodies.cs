using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AIaaS.Functions.Predictions;

/// <summary>A request of the Open Inference Protocol. Never made: tensors are read straight into the model's memory; this says how they look.</summary>
/// <param name="Inputs">One for each input of the graph.</param>
[SuppressMessage("Performance", "CA1812", Justification = "Describes JSON only.")]
internal sealed record InferenceRequestBody(IReadOnlyList<InferenceInputBody> Inputs)
{
    /// <summary>Given back in the answer.</summary>
    public string? Id { get; init; }

    /// <summary>For instance <c>binary_data_output</c>.</summary>
    public IReadOnlyDictionary<string, JsonElement>? Parameters { get; init; }

    /// <summary>The outputs wanted; all without it.</summary>
    public IReadOnlyList<InferenceWantedBody>? Outputs { get; init; }
}

/// <param name="Name">The graph's input.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Datatype">Its datatype as the protocol names it, for instance <c>FP32</c>.</param>
[SuppressMessage("Performance", "CA1812", Justification = "Describes JSON only.")]
internal sealed record InferenceInputBody(string Name, IReadOnlyList<long> Shape, string Datatype)
{
    /// <summary>For instance <c>binary_data_size</c>.</summary>
    public IReadOnlyDictionary<string, JsonElement>? Parameters { get; init; }

    /// <summary>The elements in row-major order, flat or nested; not with binary data.</summary>
    public IReadOnlyList<JsonElement>? Data { get; init; }
}

/// <param name="Name">The graph's output.</param>
[SuppressMessage("Performance", "CA1812", Justification = "Describes JSON only.")]
internal sealed record InferenceWantedBody(string Name)
{
    /// <summary><c>binary_data</c> or <c>classification</c>.</summary>
    public IReadOnlyDictionary<string, JsonElement>? Parameters { get; init; }
}

/// <summary>An answer of the Open Inference Protocol. Never made, as its request.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Describes JSON only.")]
internal sealed record InferenceAnswerBody
{
    /// <summary>The request's.</summary>
    public string? Id { get; init; }

    /// <summary>The model that answered.</summary>
    [JsonPropertyName("model_name")]
    public required string ModelName { get; init; }

    /// <summary>The version that answered.</summary>
    [JsonPropertyName("model_version")]
    public string? ModelVersion { get; init; }

    /// <summary>For instance the request's own.</summary>
    public IReadOnlyDictionary<string, JsonElement>? Parameters { get; init; }

    /// <summary>One for each output wanted.</summary>
    public required IReadOnlyList<InferenceInputBody> Outputs { get; init; }
}
