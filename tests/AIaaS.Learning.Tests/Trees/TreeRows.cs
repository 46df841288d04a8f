using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Runtime;
using AIaaS.Learning.Trainers;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Tests.Trees;

/// <summary>The rows of <c>tests/oracles/trees/figures.py</c>, and trainings on them.</summary>
internal sealed class TreeRows : IDisposable
{
    public const int Training = 2000;
    public const int Features = 8;
    private const int Rows = 4000;

    private readonly TemporaryFolder _folder = new();

    public static FeatureSlot[] Slots { get; } = [.. Enumerable.Range(0, Features).Select(i => new FeatureSlot($"x{i}", $"x{i}"))];

    public void Dispose() => _folder.Dispose();

    public static float[] Matrix(bool test) => [.. Enumerable.Range(test ? Training : 0, Training).SelectMany(row => Enumerable.Range(0, Features)
        .Select(c => (row + (3 * c)) % 17 == 0 ? float.NaN : (float)TableBuilder.Wave(row, c)))];

    public static double[] Scores(bool test) => [.. Enumerable.Range(test ? Training : 0, Training).Select(row =>
        (2 * TableBuilder.Wave(row, 0)) + (3 * TableBuilder.Wave(row, 1) * TableBuilder.Wave(row, 2)) - (TableBuilder.Wave(row, 3) > 0.3 ? 2 : 0)
        + Math.Abs(TableBuilder.Wave(row, 4)) + (1.5 * TableBuilder.Wave(row, 40)))];

    public static ClassTarget Two(bool test) => new(Array.ConvertAll(Scores(test), score => score > 0.2 ? 1 : 0), 2);

    public static ClassTarget Three(bool test) => new(Array.ConvertAll(Scores(test), score => (score > -0.6 ? 1 : 0) + (score > 1.2 ? 1 : 0)), 3);

    public static NumberTarget Numbers(bool test) => new(Array.ConvertAll(Scores(test), score => 10 + (5 * score)));

    public TrainerInput Input(TrainerTarget target, params (string Name, object Value)[] hyperparameters) => new()
    {
        Features = Matrix(test: false),
        Rows = Training,
        Width = Features,
        Slots = Slots,
        Target = target,
        Hyperparameters = With(hyperparameters),
        Seed = 7,
        Threads = 1,
        CheckpointFolder = _folder["checkpoints"],
        Report = (_, _) => { },
    };

    public static Hyperparameters With(params (string Name, object Value)[] hyperparameters) =>
        new(hyperparameters.ToDictionary(h => h.Name, h => JsonSerializer.SerializeToElement(h.Value, JsonDefaults.Options)));

    /// <summary>Runs a model over rows after the feature graph.</summary>
    public static float[] Predict(TrainedModel trained, float[] matrix, int width, int outputs)
    {
        var graph = new GraphBuilder("model");
        graph.Output("result", trained.Build(graph.Input("features", TensorElementType.Float, ["rows", width])));
        using var session = Sessions.Create(graph.ToModel());
        return MatrixFeed.Run(session, "features", matrix, matrix.Length / width, width, "result", outputs);
    }

    public static byte[] Bytes(TrainedModel trained)
    {
        var graph = new GraphBuilder("model");
        graph.Output("result", trained.Build(graph.Input("features", TensorElementType.Float, ["rows", Features])));
        return Google.Protobuf.MessageExtensions.ToByteArray(graph.ToModel());
    }
}
