using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Onnx.Operators;

/// <summary>Operators that move elements without changing them.</summary>
internal static class Shaping
{
    /// <summary>The same elements under another shape, in which at most one dimension is not known.</summary>
    public static Value Reshape(this Value x, Shape shape)
    {
        if (shape.Count(d => d.Size is null) > 1 || (x.Shape.Elements is { } had && shape.Elements is { } has && had != has))
            throw new ArgumentException($"{x.Shape} cannot become {shape}.", nameof(shape));
        return x.Graph.Apply("Reshape", [x, x.Graph.Vector("shape", [.. shape.Select(d => d.Size ?? -1)])], x.Type, shape);
    }

    /// <summary>The same elements under the shape that another value has when the graph runs.</summary>
    public static Value ReshapeLike(this Value x, Value other) =>
        x.Graph.Apply("Reshape", [x, other.ShapeOf()], x.Type, other.Shape);

    /// <summary>Repeats elements along axes of size 1 until the shape is that of another value.</summary>
    public static Value ExpandLike(this Value x, Value other) =>
        x.Shape.Equals(other.Shape) ? x : x.Graph.Apply("Expand", [x, other.ShapeOf()], x.Type, other.Shape);

    /// <summary>Adds axes of size 1 at these positions of the result.</summary>
    public static Value Unsqueeze(this Value x, params long[] axes)
    {
        var dimensions = x.Shape.ToList();
        foreach (var axis in axes.Order())
            dimensions.Insert((int)axis, 1);
        return x.Graph.Apply("Unsqueeze", [x, x.Graph.Vector("axes", axes)], x.Type, Shape.Of(dimensions));
    }

    public static Value Concat(this IReadOnlyList<Value> values, int axis)
    {
        var first = values[0];
        var at = first.Shape.Axis(axis);
        if (values.Count == 1)
            return first;
        if (values.Any(v => !v.Shape.With(at, 1).Equals(first.Shape.With(at, 1))))
            throw new ArgumentException($"Shapes {string.Join(", ", values.Select(v => v.Shape))} cannot be joined along axis {axis}.", nameof(values));
        return first.Graph.Apply("Concat", [.. values], first.Type, first.Shape.With(at, values.Sum(v => v.Shape.SizeOf(at))), ("axis", (long)at));
    }

    /// <summary>Cuts an axis into pieces of these sizes.</summary>
    public static IReadOnlyList<Value> Split(this Value x, int axis, params long[] sizes) =>
        x.Graph.Apply(
            "Split",
            [x, x.Graph.Vector("sizes", sizes)],
            [.. sizes.Select(size => (x.Type, x.Shape.With(axis, size)))],
            attributes: ("axis", (long)x.Shape.Axis(axis)));

    /// <summary>Elements of one axis picked by index.</summary>
    public static Value Gather(this Value x, Value indices, int axis)
    {
        var at = x.Shape.Axis(axis);
        return x.Graph.Apply("Gather", [x, indices], x.Type, [.. x.Shape.Take(at), .. indices.Shape, .. x.Shape.Skip(at + 1)], ("axis", (long)at));
    }

    /// <summary>The shape when the graph runs, as a vector of integers.</summary>
    public static Value ShapeOf(this Value x) => x.Graph.Apply("Shape", [x], TensorElementType.Int64, [x.Shape.Rank]);

    /// <summary>The number of elements when the graph runs.</summary>
    public static Value SizeOf(this Value x) => x.Graph.Apply("Size", [x], TensorElementType.Int64, Shape.Scalar);
}
