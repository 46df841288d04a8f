using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Onnx.Operators;

/// <summary>Operators that move elements without changing them.</summary>
internal static class Shaping
{
    /// <summary>
    /// The same elements under another shape, in which at most one dimension is not known beside those that it has in the same place as before.
    /// </summary>
    public static Value Reshape(this Value x, Shape shape)
    {
        bool Kept(Dimension dimension, int axis) => dimension.Size is null && axis < x.Shape.Rank && x.Shape[axis] == dimension;
        if (shape.Where((d, i) => d.Size is null && !Kept(d, i)).Count() > 1 || (x.Shape.Elements is { } had && shape.Elements is { } has && had != has))
            throw new ArgumentException($"{x.Shape} cannot become {shape}.", nameof(shape));
        return x.Graph.Apply("Reshape", [x, x.Graph.Vector("shape", [.. shape.Select((d, i) => d.Size ?? (Kept(d, i) ? 0 : -1))])], x.Type, shape);
    }

    /// <summary>The same elements under the shape that another value has when the graph runs.</summary>
    public static Value ReshapeLike(this Value x, Value other) =>
        x.Graph.Apply("Reshape", [x, other.ShapeOf()], x.Type, other.Shape);

    /// <summary>All elements along one axis.</summary>
    public static Value Flat(this Value x) => x.Reshape([Shape.Product(x.Shape)]);

    /// <summary>The same elements as a matrix.</summary>
    /// <param name="axis">The first axis that is a part of the columns.</param>
    public static Value Flatten(this Value x, int axis = 1)
    {
        var at = axis == x.Shape.Rank ? axis : x.Shape.Axis(axis);
        return x.Graph.Apply("Flatten", [x], x.Type, [Shape.Product(x.Shape.Take(at)), Shape.Product(x.Shape.Skip(at))], ("axis", (long)at));
    }

    /// <summary>Repeats elements along axes of size 1, and new axes in front, until the shape is this one.</summary>
    /// <param name="shape">A dimension that is not known must be that of <paramref name="x"/>.</param>
    public static Value Expand(this Value x, Shape shape)
    {
        var result = Shape.Broadcast(x.Shape, shape);
        return x.Graph.Apply("Expand", [x, x.Graph.Vector("shape", [.. shape.Select(d => d.Size ?? 1)])], x.Type, result);
    }

    /// <summary>Zeros of the shape that a value has when the graph runs.</summary>
    public static Value Zeros(this Value like) => like.Scalar(0).ExpandLike(like);

    /// <summary>Repeats elements along axes of size 1 until the shape is that of another value.</summary>
    public static Value ExpandLike(this Value x, Value other) =>
        x.Shape.Equals(other.Shape) ? x : x.Graph.Apply("Expand", [x, other.ShapeOf()], x.Type, other.Shape);

    /// <summary>Adds axes of size 1 at these positions of the result.</summary>
    public static Value Unsqueeze(this Value x, params long[] axes)
    {
        var dimensions = x.Shape.ToList();
        foreach (var axis in axes.Order())
            dimensions.Insert((int)axis, 1);
        return axes.Length == 0 ? x : x.Graph.Apply("Unsqueeze", [x, x.Graph.Vector("axes", axes)], x.Type, Shape.Of(dimensions));
    }

    /// <summary>Takes away axes of size 1.</summary>
    public static Value Squeeze(this Value x, params long[] axes)
    {
        long[] all = [.. axes.Select(a => (long)x.Shape.Axis((int)a))];
        if (all.Any(a => x.Shape[(int)a].Size != 1))
            throw new ArgumentException($"Axes {string.Join(", ", axes)} of {x.Shape} are not all of size 1.", nameof(axes));
        return x.Graph.Apply("Squeeze", [x, x.Graph.Vector("axes", all)], x.Type, Shape.Of(x.Shape.Where((_, i) => !all.Contains(i))));
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

    /// <summary>Adds zeros at the ends of axes.</summary>
    /// <param name="pads">How many in front of each axis, then how many behind each.</param>
    public static Value Pad(this Value x, params long[] pads)
    {
        var shape = Shape.Of(x.Shape.Select((d, i) => pads[i] + pads[x.Shape.Rank + i] is var more and > 0 ? x.Shape.SizeOf(i) + more : d));
        return pads.All(p => p == 0) ? x : x.Graph.Apply("Pad", [x, x.Graph.Vector("pads", pads)], x.Type, shape);
    }

    /// <summary>The shape when the graph runs, as a vector of integers.</summary>
    public static Value ShapeOf(this Value x) => x.Graph.Apply("Shape", [x], TensorElementType.Int64, [x.Shape.Rank]);

    /// <summary>The number of elements when the graph runs.</summary>
    public static Value SizeOf(this Value x) => x.Graph.Apply("Size", [x], TensorElementType.Int64, Shape.Scalar);
}
