using AIaaS.Formats;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Serving.Tests;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Benchmarks.Serving;

/// <summary>The models that the serving benchmarks serve, each of ten numbers <c>x0</c> to <c>x9</c>.</summary>
internal static class ServingModels
{
    public const string Small = "small";
    public const string Large = "large";
    private const int Hidden = 1536;

    public static (ModelSignature Signature, byte[] File) Read(string name) =>
        name == Small ? (TestModels.TenNumbers.Signature, TestModels.TenNumbers.Read()) : CreateLarge();

    /// <summary>A body of so many rows as objects.</summary>
    public static string Body(int rows)
    {
        var random = new Random(1);
        return $"{{\"rows\":[{string.Join(',', Enumerable.Range(0, rows).Select(_ => $"{{{string.Join(',', Enumerable.Range(0, 10).Select(i => FormattableString.Invariant($"\"x{i}\":{random.NextDouble() * 100:F4}")))}}}"))}]}}";
    }

    /// <summary>A perceptron with a hidden layer of 1536 by 1536: the weights of one row's run are read once for all rows of a run.</summary>
    private static (ModelSignature Signature, byte[] File) CreateLarge()
    {
        var random = new Random(1);
        var graph = new GraphBuilder("large");
        var inputs = Enumerable.Range(0, 10).Select(i => graph.Input($"x{i}", TensorElementType.Float, Shape.Of(["rows", 1]))).ToArray();
        var features = graph.Apply("Concat", inputs, TensorElementType.Float, Shape.Of(["rows", 10]), ("axis", 1L));
        var hidden = features.MatMul(Weights("w0", 10, Hidden)).Relu().MatMul(Weights("w1", Hidden, Hidden)).Relu();
        graph.Output("value", hidden.MatMul(Weights("w2", Hidden, 1)));
        var signature = new ModelSignature
        {
            Task = LearningTask.Regression,
            Inputs = TestModels.TenNumbers.Signature.Inputs,
            Outputs = [new("value", OutputRole.Value, TensorType.Float32, [-1, 1])],
        };
        return (signature, graph.ToModel().ToByteArray());

        Value Weights(string name, int rows, int columns) =>
            graph.Constant(name, Enumerable.Range(0, rows * columns).Select(_ => (float)((random.NextDouble() - 0.5) / Math.Sqrt(rows))).ToArray(), rows, columns);
    }
}
