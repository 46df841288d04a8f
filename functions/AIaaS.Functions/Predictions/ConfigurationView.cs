using System.Text.Json.Serialization;
using AIaaS.Platform.Predictions;
using AIaaS.Serving.Inference;

namespace AIaaS.Functions.Predictions;

/// <summary>The answer of the model configuration extension: what is true here of Triton's <c>ModelConfig</c>, in its own names.</summary>
/// <param name="Name">The name that was asked for.</param>
/// <param name="Platform">Always <c>onnxruntime_onnx</c>.</param>
/// <param name="Backend">Always <c>onnxruntime</c>.</param>
/// <param name="VersionPolicy">Which versions answer.</param>
/// <param name="MaxBatchSize">0: shapes have all dimensions, and requests that come together are run together without it.</param>
/// <param name="Inputs">What the graph takes.</param>
/// <param name="Outputs">What the graph gives.</param>
internal sealed record ConfigurationView(
    string Name,
    string Platform,
    string Backend,
    [property: JsonPropertyName("version_policy")] ConfigurationView.Policy VersionPolicy,
    [property: JsonPropertyName("max_batch_size")] int MaxBatchSize,
    [property: JsonPropertyName("input")] IReadOnlyList<ConfigurationView.Tensor> Inputs,
    [property: JsonPropertyName("output")] IReadOnlyList<ConfigurationView.Tensor> Outputs)
{
    public static ConfigurationView Of(string name, DescribedModel model) => new(
        name,
        "onnxruntime_onnx",
        "onnxruntime",
        new Policy(new SpecificVersions(model.Versions)),
        0,
        [.. model.Tensors.Inputs.Select(Tensor.Of)],
        [.. model.Tensors.Outputs.Select(Tensor.Of)]);

    /// <param name="Specific">Those that are named.</param>
    internal sealed record Policy(SpecificVersions Specific);

    /// <param name="Versions">All that can be asked for.</param>
    internal sealed record SpecificVersions(IReadOnlyList<int> Versions);

    /// <param name="Name">Its name in the graph.</param>
    /// <param name="DataType">Its datatype, for instance <c>TYPE_FP32</c>; <c>TYPE_STRING</c> for <c>BYTES</c>.</param>
    /// <param name="Dimensions">Its shape; -1 where a dimension varies.</param>
    internal sealed record Tensor(
        string Name,
        [property: JsonPropertyName("data_type")] string DataType,
        [property: JsonPropertyName("dims")] IReadOnlyList<long> Dimensions)
    {
        public static Tensor Of(TensorMetadata tensor)
            => new(tensor.Name, "TYPE_" + (tensor.Datatype == "BYTES" ? "STRING" : tensor.Datatype), tensor.Shape);
    }
}
