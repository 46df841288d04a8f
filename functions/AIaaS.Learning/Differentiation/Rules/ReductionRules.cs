using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Differentiation.Rules;

internal static class ReductionRules
{
    public static void AddTo(GradientRules rules)
    {
        rules.Add("ReduceSum", c => [Kept(c, c.Gradient).ExpandLike(c.Input(0)), null]);
        rules.Add("ReduceMean", c => [Kept(c, c.Gradient.DivideByShare(c.Output, c.Input(0))).ExpandLike(c.Input(0))]);
        rules.Add("ReduceMax", c =>
        {
            var largest = c.Input(0).Equal(Kept(c, c.Output)).Cast(c.Gradient.Type);
            return [largest * (Kept(c, c.Gradient) / largest.ReduceSum(Axes(c), keepDimensions: true))];
        });
        rules.Add("Softmax", c =>
        {
            var weighted = c.Gradient * c.Output;
            return [weighted - c.Output * weighted.ReduceSum([c.Node.Attribute("axis", -1L)], keepDimensions: true)];
        });
        rules.Add("LogSoftmax", c =>
            [c.Gradient - c.Output.Exp() * c.Gradient.ReduceSum([c.Node.Attribute("axis", -1L)], keepDimensions: true)]);
    }

    /// <summary>Divides by how many elements of the whole there are for each of a part.</summary>
    public static Value DivideByShare(this Value x, Value part, Value whole)
    {
        // Sizes that are known need not be found anew in each run, on a GPU by way of the host.
        if (whole.Shape.Elements is { } all && part.Shape.Elements is { } left)
            return x * ((double)left / all);
        return x / (whole.SizeOf().Cast(x.Type) / part.SizeOf().Cast(x.Type));
    }

    /// <summary>A value of the output's shape with axes of size 1 where those that were folded have gone.</summary>
    private static Value Kept(GradientContext c, Value value) =>
        c.Node.Attribute("keepdims", 1L) == 0 ? value.Unsqueeze(Axes(c)) : value;

    private static long[] Axes(GradientContext c)
    {
        var axes = c.Node.Attributes.TryGetValue("axes", out var attribute) ? (long[])attribute
            : c.Node.Inputs.Count > 1 ? c.Graph.ConstantOf<long>(c.Input(1))
            : [.. Enumerable.Range(0, c.Input(0).Shape.Rank).Select(i => (long)i)];
        return [.. axes.Select(a => (long)c.Input(0).Shape.Axis((int)a))];
    }
}
