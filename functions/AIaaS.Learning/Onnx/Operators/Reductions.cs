using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Onnx.Operators;

/// <summary>Operators that fold one or more axes; without axes, all of them.</summary>
internal static class Reductions
{
    public static Value ReduceSum(this Value x, long[]? axes = null, bool keepDimensions = false)
    {
        var (all, shape) = Reduce(x.Shape, axes, keepDimensions);
        return x.Graph.Apply("ReduceSum", [x, x.Graph.Vector("axes", all)], x.Type, shape, ("keepdims", keepDimensions ? 1L : 0L));
    }

    public static Value ReduceMean(this Value x, long[]? axes = null, bool keepDimensions = false)
    {
        var (all, shape) = Reduce(x.Shape, axes, keepDimensions);
        return x.Graph.Apply("ReduceMean", [x], x.Type, shape, ("axes", all), ("keepdims", keepDimensions ? 1L : 0L));
    }

    public static Value ReduceMax(this Value x, long[]? axes = null, bool keepDimensions = false)
    {
        var (all, shape) = Reduce(x.Shape, axes, keepDimensions);
        return x.Graph.Apply("ReduceMax", [x], x.Type, shape, ("axes", all), ("keepdims", keepDimensions ? 1L : 0L));
    }

    public static Value Softmax(this Value x, int axis = -1) => x.Graph.Apply("Softmax", [x], x.Type, x.Shape, ("axis", (long)axis));

    public static Value LogSoftmax(this Value x, int axis = -1) => x.Graph.Apply("LogSoftmax", [x], x.Type, x.Shape, ("axis", (long)axis));

    /// <summary>Index of the largest element along an axis, the first of equals.</summary>
    public static Value ArgMax(this Value x, int axis)
    {
        var (_, shape) = Reduce(x.Shape, [axis], keepDimensions: false);
        return x.Graph.Apply("ArgMax", [x], TensorElementType.Int64, shape, ("axis", (long)axis), ("keepdims", 0L));
    }

    private static (long[] Axes, Shape Shape) Reduce(Shape shape, long[]? axes, bool keepDimensions)
    {
        var reduced = axes is null ? Enumerable.Range(0, shape.Rank).ToArray() : [.. axes.Select(a => shape.Axis((int)a)).Order()];
        var kept = shape.Select((dimension, i) => (Dimension: reduced.Contains(i) ? 1 : dimension, Keep: keepDimensions || !reduced.Contains(i)));
        return ([.. reduced.Select(a => (long)a)], Shape.Of(kept.Where(k => k.Keep).Select(k => k.Dimension)));
    }
}
