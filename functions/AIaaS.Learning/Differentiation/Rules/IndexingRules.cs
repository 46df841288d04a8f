using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Differentiation.Rules;

internal static class IndexingRules
{
    public static void AddTo(GradientRules rules)
    {
        rules.Add("Gather", c =>
        {
            var (x, indices) = (c.Input(0), c.Input(1));
            var axis = x.Shape.Axis((int)c.Node.Attribute("axis", 0L));
            Dimension count = Shape.Product(indices.Shape);
            var parts = c.Gradient.Reshape([.. x.Shape.Take(axis), count, .. x.Shape.Skip(axis + 1)]);
            return [x.Zeros().ScatterAdd(indices.Reshape([count]), parts, axis), null];
        });
        rules.Add("GatherND", c =>
        {
            if (c.Node.Attribute("batch_dims", 0L) != 0)
                throw c.Unsupported("it has batch dimensions");
            var (x, indices) = (c.Input(0), c.Input(1));
            var indexed = (int)indices.Shape.SizeOf(-1);
            Shape parts = [Shape.Product(x.Shape.Take(indexed)), Shape.Product(x.Shape.Skip(indexed))];
            var places = Places(x, indices).Flat();
            var sum = x.Zeros().Reshape(parts).ScatterAdd(places, c.Gradient.Reshape([places.Shape[0], parts[1]]), axis: 0);
            return [sum.ReshapeLike(x), null];
        });
        rules.Add("ScatterND", c =>
        {
            var (indices, updates) = (c.Input(1), c.Input(2));
            return c.Node.Attribute("reduction", "none") switch
            {
                "none" => [c.Needs(0) ? c.Gradient.ScatterND(indices, updates.Zeros()) : null, null, c.Gradient.GatherND(indices)],
                "add" => [c.Gradient, null, c.Gradient.GatherND(indices)],
                var reduction => throw c.Unsupported($"it reduces by '{reduction}'"),
            };
        });
        rules.Add("Slice", c =>
        {
            var (shape, gradient) = (c.Input(0).Shape, c.Gradient);
            var pads = new long[2 * shape.Rank];
            foreach (var range in Ranges(c))
            {
                var (axis, size, taken) = (shape.Axis(range.Axis), shape.SizeOf(range.Axis), range.Indices(shape));
                if (range.Step == 1)
                    (pads[axis], pads[axis + shape.Rank]) = taken.Length > 0 ? (taken[0], size - 1 - taken[^1]) : (0, size);
                else
                    gradient = Spread(gradient, axis, size, taken);
            }

            return [gradient.Pad(pads), .. new Value?[c.Node.Inputs.Count - 1]];
        });
    }

    /// <summary>Puts the parts along an axis at these indices of a longer one, and zeros elsewhere.</summary>
    private static Value Spread(Value x, int axis, long size, long[] indices)
    {
        // The part behind the last one is of zeros.
        var sources = Enumerable.Repeat((long)indices.Length, (int)size).ToArray();
        foreach (var (source, index) in indices.Index())
            sources[index] = source;
        var pads = new long[2 * x.Shape.Rank];
        pads[x.Shape.Rank + axis] = 1;
        return x.Pad(pads).Gather(x.Graph.Vector("sources", sources), axis);
    }

    private static IEnumerable<AxisRange> Ranges(GradientContext c)
    {
        var inputs = c.Node.Inputs.Skip(1).Select(i => i is null ? null : c.Graph.ConstantOf<long>(i)).ToArray();
        var (starts, ends) = (inputs[0]!, inputs[1]!);
        return starts.Select((start, i) => new AxisRange(
            (int)(inputs.ElementAtOrDefault(2)?[i] ?? i), start, ends[i], inputs.ElementAtOrDefault(3)?[i] ?? 1));
    }

    /// <summary>The place of each part among all parts, for indices of several axes.</summary>
    private static Value Places(Value x, Value indices)
    {
        var indexed = (int)indices.Shape.SizeOf(-1);
        var sizes = x.ShapeOf().Slice(0, 0, indexed);
        var steps = x.Graph.Vector("steps", [.. Enumerable.Range(1, indexed).Select(axis =>
            x.Shape.Skip(axis).Take(indexed - axis).Aggregate(1L, (product, d) => product * (d.Size
                ?? throw new InvalidOperationException($"Sizes behind the first axis of {x} must be known here."))))]);
        return (indices.Less(indices.Scalar(0)).Where(indices + sizes, indices) * steps).ReduceSum([-1]);
    }
}
