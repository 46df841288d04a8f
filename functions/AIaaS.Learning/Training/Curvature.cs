using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Runtime;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Training;

/// <summary>How steep a linear model's loss can get, which decides the safe step size.</summary>
internal static class Curvature
{
    private const int Iterations = 100;
    private const double Precision = 1e-4;

    /// <summary>Power iteration approaches from below.</summary>
    private const double Margin = 1.1;

    /// <summary>
    /// A bound on the largest eigenvalue of <c>[x 1]ᵀ · weights · [x 1] / rows</c>, by power iteration in the runtime.
    /// </summary>
    /// <param name="features">Row after row.</param>
    /// <param name="rows">How many.</param>
    /// <param name="width">Numbers a row.</param>
    /// <param name="threads">Threads it may use.</param>
    /// <param name="weights">How much each row counts; null for 1.</param>
    public static double Largest(float[] features, int rows, int width, int threads, float[]? weights = null)
    {
        var graph = new GraphBuilder("curvature");
        var x = graph.Input("features", TensorElementType.Float, ["rows", width]);
        var direction = graph.Input("direction", TensorElementType.Float, [width, 1]);
        var intercept = graph.Input("intercept", TensorElementType.Float, [1, 1]);
        var scores = x.Gemm(direction, intercept) / rows;
        if (weights is not null)
            scores *= graph.Input("weights", TensorElementType.Float, ["rows", 1]);
        var nextDirection = x.Gemm(scores, transposeA: true);
        var nextIntercept = scores.ReduceSum([0], keepDimensions: true);
        var length = ((nextDirection * nextDirection).ReduceSum() + (nextIntercept * nextIntercept).ReduceSum()).Sqrt();
        graph.Output("next_direction", nextDirection / length);
        graph.Output("next_intercept", nextIntercept / length);
        graph.Output("length", length);

        using var session = Sessions.Create(graph.ToModel(), threads);
        using var options = new RunOptions();
        using var data = OrtValue.CreateTensorValueFromMemory(features, [rows, width]);
        using var weighting = weights is null ? null : OrtValue.CreateTensorValueFromMemory(weights, [rows, 1]);
        string[] inputs = ["features", "direction", "intercept", .. weights is null ? Array.Empty<string>() : ["weights"]];
        var generator = new CounterGenerator(seed: 0, stream: 0);
        var v = Enumerable.Range(0, width + 1).Select(i => (generator.Bits(i) / (float)ulong.MaxValue) + 0.5f).ToArray();
        var norm = MathF.Sqrt(v.Sum(e => e * e));
        v = Array.ConvertAll(v, e => e / norm);

        double largest = 0;
        for (var i = 0; i < Iterations; i++)
        {
            using var directionValue = OrtValue.CreateTensorValueFromMemory(v[..width], [width, 1]);
            using var interceptValue = OrtValue.CreateTensorValueFromMemory(v[width..], [1, 1]);
            using var results = session.Run(
                options,
                inputs,
                [data, directionValue, interceptValue, .. weighting is null ? Array.Empty<OrtValue>() : [weighting]],
                ["next_direction", "next_intercept", "length"]);
            v = [.. results[0].GetTensorDataAsSpan<float>(), .. results[1].GetTensorDataAsSpan<float>()];
            double estimate = results[2].GetTensorDataAsSpan<float>()[0];
            var settled = Math.Abs(estimate - largest) <= Precision * estimate;
            largest = estimate;
            if (settled)
                break;
        }

        return largest * Margin;
    }

    /// <inheritdoc cref="Largest(float[], int, int, int, float[])"/>
    public static double Largest(SparseMatrix features, int threads, float[]? weights = null)
    {
        var generator = new CounterGenerator(seed: 0, stream: 0);
        var direction = Enumerable.Range(0, features.Columns).Select(i => (generator.Bits(i) / (float)ulong.MaxValue) + 0.5f).ToArray();
        float[] intercept = [(generator.Bits(features.Columns) / (float)ulong.MaxValue) + 0.5f];
        var scores = new float[features.Rows];
        double largest = 0;
        for (var i = 0; i < Iterations; i++)
        {
            var length = Math.Sqrt(direction.Sum(v => (double)v * v) + ((double)intercept[0] * intercept[0]));
            for (var column = 0; column < direction.Length; column++)
                direction[column] = (float)(direction[column] / length);
            intercept[0] = (float)(intercept[0] / length);
            var settled = i > 0 && Math.Abs(length - largest) <= Precision * length;
            largest = i > 0 ? length : 0;
            if (settled)
                break;

            features.Multiply(direction, intercept, scores, threads);
            for (var row = 0; row < scores.Length; row++)
                scores[row] *= (weights?[row] ?? 1) / features.Rows;
            features.MultiplyTransposed(scores, direction, intercept, threads);
        }

        return largest * Margin;
    }
}
