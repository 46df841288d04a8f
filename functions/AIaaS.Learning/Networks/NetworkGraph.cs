using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Training;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Networks;

/// <summary>
/// The graph that a network is written into: once for training, once for judging on the way and once for serving. Layers are the same;
/// where their weights come from, and what is random, is not.
/// </summary>
internal abstract class NetworkGraph(GraphBuilder graph)
{
    public GraphBuilder Graph { get; } = graph;

    /// <param name="name">Unique in the network.</param>
    /// <param name="initial">Elements before training.</param>
    /// <param name="dimensions">Its shape.</param>
    public abstract Value Weight(string name, Func<float[]> initial, params long[] dimensions);

    /// <summary>Drops a share of the elements of [rows, width] in training; as it is otherwise.</summary>
    public virtual Value Dropout(string name, Value x, double rate) => x;

    /// <summary>The row of a table for each code.</summary>
    /// <param name="table">Of shape [codes, width].</param>
    /// <param name="codes">Of shape [rows].</param>
    public virtual Value LookUp(Value table, Value codes) => table.Gather(codes, axis: 0);

    /// <summary>Mean and variance of each column of [rows, width]: those of the batch in training, a moving average of them otherwise.</summary>
    public abstract (Value Mean, Value Variance) Statistics(string name, Value x);

    protected static string MeanOf(string name) => name + "_mean";

    protected static string VarianceOf(string name) => name + "_variance";
}

/// <summary>For training: weights are parameters of a step.</summary>
internal sealed class TrainingGraph(TrainingStep step, int batch, long seed) : NetworkGraph(step.Graph)
{
    /// <summary>Share of the moving average that a batch takes, as in PyTorch.</summary>
    private const double Share = 0.1;

    private readonly List<MinibatchInput> _masks = [];
    private readonly List<string> _learned = [];

    /// <summary>The masks of its dropouts.</summary>
    public IReadOnlyList<MinibatchInput> Masks => _masks;

    /// <summary>The states that make up the network: weights and moving averages.</summary>
    public IReadOnlyList<string> Learned => _learned;

    public override Value Weight(string name, Func<float[]> initial, params long[] dimensions)
    {
        _learned.Add(name);
        return step.Parameter(name, initial(), dimensions);
    }

    public override Value Dropout(string name, Value x, double rate)
    {
        if (rate == 0)
            return x;
        var width = x.Shape.SizeOf(1);
        _masks.Add(MinibatchInput.Dropout(name, (int)width, rate, seed));
        return x * step.Data(name, [batch, width]);
    }

    /// <summary>The same as a product with ones among zeros: so its gradient is a product too, and adds up in the same order on every device.</summary>
    public override Value LookUp(Value table, Value codes) => codes.OneHot(table.Shape.SizeOf(0)).MatMul(table);

    public override (Value Mean, Value Variance) Statistics(string name, Value x)
    {
        var mean = x.ReduceMean([0]);
        var centered = x - mean;
        var variance = (centered * centered).ReduceMean([0]);
        Track(MeanOf(name), 0, mean);
        // The moving average is of the unbiased variance.
        Track(VarianceOf(name), 1, variance * (batch / Math.Max(1.0, batch - 1)));
        return (mean, variance);
    }

    private void Track(string name, float initial, Value current)
    {
        _learned.Add(name);
        var width = current.Shape.SizeOf(0);
        var state = step.State(name, [.. Enumerable.Repeat(initial, (int)width)], width);
        state.Next = state.Current * (1 - Share) + current * Share;
    }
}

/// <summary>For judging on the way: weights are inputs.</summary>
internal sealed class EvaluationGraph(GraphBuilder graph) : NetworkGraph(graph)
{
    public override Value Weight(string name, Func<float[]> initial, params long[] dimensions) =>
        Graph.Input(name, TensorElementType.Float, Shape.Of(dimensions.Select(d => (Dimension)d)));

    public override (Value Mean, Value Variance) Statistics(string name, Value x) =>
        (Weight(MeanOf(name), () => [], x.Shape.SizeOf(1)), Weight(VarianceOf(name), () => [], x.Shape.SizeOf(1)));
}

/// <summary>For serving: weights are constants.</summary>
internal sealed class ServingGraph(GraphBuilder graph, IReadOnlyDictionary<string, float[]> states) : NetworkGraph(graph)
{
    public override Value Weight(string name, Func<float[]> initial, params long[] dimensions) => Graph.Constant(name, states[name], dimensions);

    public override (Value Mean, Value Variance) Statistics(string name, Value x) =>
        (Weight(MeanOf(name), () => [], x.Shape.SizeOf(1)), Weight(VarianceOf(name), () => [], x.Shape.SizeOf(1)));
}
