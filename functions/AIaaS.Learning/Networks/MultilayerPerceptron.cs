using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Training;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Networks;

internal enum Activation
{
    Relu,

    /// <summary>Gaussian error linear unit, in its form with a sigmoid (Hendrycks and Gimpel 2016).</summary>
    Gelu,

    Tanh,
}

internal enum Normalization
{
    None,

    /// <summary>Of each row (Ba et al. 2016).</summary>
    Layer,

    /// <summary>Of each column of a batch (Ioffe and Szegedy 2015).</summary>
    Batch,
}

/// <summary>Layers of a row of numbers and category codes: codes are looked up as embeddings, then come dense layers.</summary>
internal sealed class MultilayerPerceptron
{
    private const double NormalizationEpsilon = 1e-5;

    /// <summary>Standard deviations at which numbers begin to be squeezed: what is far out must not decide alone.</summary>
    private const double Squeeze = 4;

    public required int Layers { get; init; }

    /// <summary>Units of each hidden layer.</summary>
    public required int Width { get; init; }

    public required Activation Activation { get; init; }

    public required Normalization Normalization { get; init; }

    /// <summary>Share of units dropped after each hidden layer.</summary>
    public required double Dropout { get; init; }

    /// <summary>Adds the input of each hidden layer but the first to its output.</summary>
    public required bool Residual { get; init; }

    public required IReadOnlyList<FeatureSlot> Slots { get; init; }

    public required int Outputs { get; init; }

    /// <summary>Of the output layer, before training.</summary>
    public required float[] InitialBias { get; init; }

    /// <summary>Decides the weights before training.</summary>
    public required long Seed { get; init; }

    /// <summary>Multiplications of one row, forward.</summary>
    public long Multiplications =>
        ((long)InputWidth * Width) + ((Layers - 1L) * Width * Width) + ((long)Width * Outputs);

    private int InputWidth => Slots.Sum(s => s.Categories is { } count ? EmbeddingWidth(count) : 1);

    /// <summary>The embedding of a slot's codes, as a state of the training.</summary>
    public static string EmbeddingOf(int slot) => $"embedding_{slot}";

    /// <summary>Numbers that stand for a category (the rule of thumb of fastai).</summary>
    public static int EmbeddingWidth(int categories) => Math.Min(50, (int)Math.Round(1.6 * Math.Pow(categories, 0.56)));

    /// <param name="features">Of shape [rows, slots].</param>
    /// <param name="graph">Where the weights come from.</param>
    /// <returns>Scores of shape [rows, outputs].</returns>
    public Value Build(Value features, NetworkGraph graph)
    {
        var x = Embed(features, graph);
        for (var layer = 0; layer < Layers; layer++)
        {
            var y = Dense($"layer_{layer}", x, Width, graph);
            y = Normalize($"normalization_{layer}", y, graph);
            y = graph.Dropout($"dropout_{layer}", Activate(y), Dropout);
            x = Residual && layer > 0 ? x + y : y;
        }

        return Dense("output", x, Outputs, graph, InitialBias);
    }

    private Value Embed(Value features, NetworkGraph graph)
    {
        var parts = new List<Value>();
        var numbers = Slots.Index().Where(s => s.Item.Categories is null).Select(s => (long)s.Index).ToArray();
        if (numbers.Length > 0)
        {
            var x = numbers.Length == Slots.Count ? features : features.Gather(graph.Graph.Vector("number_slots", numbers), axis: 1);
            var scaled = x * (1 / Squeeze);
            parts.Add(x / (scaled * scaled + 1).Sqrt());
        }

        foreach (var (slot, description) in Slots.Index())
        {
            if (description.Categories is not { } count)
                continue;
            var width = EmbeddingWidth(count);
            var table = graph.Weight(EmbeddingOf(slot), () => Uniform(EmbeddingOf(slot), count * width, 1 / Math.Sqrt(width)), count, width);
            var codes = features.Gather(graph.Graph.Vector("slot", slot), axis: 1).Cast(TensorElementType.Int64).Reshape([features.Shape[0]]);
            parts.Add(graph.LookUp(table, codes));
        }

        return parts.Concat(axis: 1);
    }

    private Value Dense(string name, Value x, int width, NetworkGraph graph, float[]? bias = null)
    {
        var inputs = (int)x.Shape.SizeOf(1);
        // Glorot and Bengio 2010.
        var weights = graph.Weight(name + "_weights", () => Uniform(name, inputs * width, Math.Sqrt(6.0 / (inputs + width))), inputs, width);
        return x.Gemm(weights, graph.Weight(name + "_bias", () => bias ?? new float[width], width));
    }

    private Value Normalize(string name, Value x, NetworkGraph graph)
    {
        if (Normalization == Normalization.None)
            return x;

        var scale = graph.Weight(name + "_scale", () => [.. Enumerable.Repeat(1f, Width)], Width);
        var shift = graph.Weight(name + "_shift", () => new float[Width], Width);
        if (Normalization == Normalization.Layer)
        {
            var centered = x - x.ReduceMean([1], keepDimensions: true);
            var squares = (centered * centered).ReduceMean([1], keepDimensions: true);
            return centered / (squares + NormalizationEpsilon).Sqrt() * scale + shift;
        }

        var (mean, variance) = graph.Statistics(name, x);
        return (x - mean) * (scale / (variance + NormalizationEpsilon).Sqrt()) + shift;
    }

    private Value Activate(Value x) => Activation switch
    {
        Activation.Relu => x.Relu(),
        Activation.Tanh => x.Tanh(),
        Activation.Gelu => x * (x * 1.702).Sigmoid(),
        _ => throw new InvalidOperationException($"No activation {Activation}."),
    };

    private float[] Uniform(string name, int count, double bound)
    {
        var generator = new CounterGenerator(Seed, name.Aggregate(0x77656967L, (hash, letter) => (hash * 31) + letter));
        return [.. Enumerable.Range(0, count).Select(i => (float)(((2 * generator.Uniform(i)) - 1) * bound))];
    }
}
