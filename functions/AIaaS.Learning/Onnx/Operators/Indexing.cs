using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Onnx.Operators;

/// <summary>Operators that take or put elements at places given by indices.</summary>
internal static class Indexing
{
    /// <summary>Part of one axis; see <see cref="Slice(Value, ReadOnlySpan{AxisRange})"/>.</summary>
    public static Value Slice(this Value x, int axis, long start, long end, long step = 1) => x.Slice(new AxisRange(axis, start, end, step));

    /// <summary>Part of some axes, whose sizes must be known.</summary>
    public static Value Slice(this Value x, params ReadOnlySpan<AxisRange> ranges)
    {
        var all = ranges.ToArray();
        var shape = x.Shape;
        foreach (var range in all)
            shape = shape.With(range.Axis, range.Indices(x.Shape).Length);
        return x.Graph.Apply(
            "Slice",
            [
                x,
                x.Graph.Vector("starts", Array.ConvertAll(all, r => r.Start)),
                x.Graph.Vector("ends", Array.ConvertAll(all, r => r.End)),
                x.Graph.Vector("axes", Array.ConvertAll(all, r => (long)x.Shape.Axis(r.Axis))),
                x.Graph.Vector("steps", Array.ConvertAll(all, r => r.Step)),
            ],
            x.Type,
            shape);
    }

    /// <summary>Elements of one axis picked by index.</summary>
    public static Value Gather(this Value x, Value indices, int axis)
    {
        var at = x.Shape.Axis(axis);
        return x.Graph.Apply("Gather", [x, indices], x.Type, [.. x.Shape.Take(at), .. indices.Shape, .. x.Shape.Skip(at + 1)], ("axis", (long)at));
    }

    /// <summary>Parts picked by the index of their place on the first axes.</summary>
    /// <param name="indices">Integers of shape [..., number of those axes].</param>
    public static Value GatherND(this Value x, Value indices) =>
        x.Graph.Apply("GatherND", [x, indices], x.Type, [.. indices.Shape.SkipLast(1), .. x.Shape.Skip((int)indices.Shape.SizeOf(-1))]);

    /// <summary>Puts other elements in the places that <see cref="GatherND"/> would take them from.</summary>
    /// <param name="indices">No place twice, for which elements would end up there is not defined.</param>
    public static Value ScatterND(this Value x, Value indices, Value updates) => x.Graph.Apply("ScatterND", [x, indices, updates], x.Type, x.Shape);

    /// <summary>Adds parts to what <see cref="Gather"/> would take, as often as each index is there.</summary>
    /// <param name="indices">Integers of shape [parts].</param>
    /// <param name="parts">Of the shape of <paramref name="x"/>, but for as many parts along the axis as there are indices.</param>
    public static Value ScatterAdd(this Value x, Value indices, Value parts, int axis)
    {
        // ScatterND would add faster, but ONNX Runtime lets its threads add to the same place at the same time, and sums get lost.
        var at = x.Shape.Axis(axis);
        indices = indices.Unsqueeze([.. Enumerable.Range(1, x.Shape.Rank - at - 1).Select(i => (long)i)]).ExpandLike(parts);
        return x.Graph.Apply("ScatterElements", [x, indices, parts], x.Type, x.Shape, ("axis", (long)at), ("reduction", "add"));
    }
}

/// <summary>Indices of an axis, from one (with it) up or down to another (without it).</summary>
/// <param name="Axis">From the back if negative.</param>
/// <param name="Start">From the back if negative; what lies beyond the axis is left out.</param>
/// <param name="End">Likewise.</param>
/// <param name="Step">Backwards if negative.</param>
internal readonly record struct AxisRange(int Axis, long Start, long End, long Step = 1)
{
    public long[] Indices(Shape shape)
    {
        var size = shape.SizeOf(Axis);
        // Backwards the first index is at most the last one there is, and the end is in front of 0.
        var beyond = Step > 0 ? 0 : 1;
        var (start, end) = (Within(Start, 0), Within(End, -beyond));
        var (step, distance) = (Step, Step > 0 ? end - start : start - end);
        var count = Math.Max(0, (distance + Math.Abs(step) - 1) / Math.Abs(step));
        return [.. Enumerable.Range(0, (int)count).Select(i => start + (i * step))];

        long Within(long index, long least) => Math.Clamp(index < 0 ? index + size : index, least, size - beyond);
    }
}
