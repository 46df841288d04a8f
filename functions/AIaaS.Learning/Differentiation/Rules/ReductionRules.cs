using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Differentiation.Rules;

internal static class ReductionRules
{
    public static void AddTo(GradientRules rules)
    {
        rules.Add("ReduceSum", c => [Spread(c), null]);
        rules.Add("ReduceMean", c =>
        {
            // Sizes that are known need not be found anew in each run, on a GPU by way of the host.
            if (c.Input(0).Shape.Elements is { } all && c.Output.Shape.Elements is { } left)
                return [Spread(c) * ((double)left / all)];
            var count = c.Input(0).SizeOf().Cast(c.Gradient.Type) / c.Output.SizeOf().Cast(c.Gradient.Type);
            return [Spread(c) / count];
        });
        rules.Add("Softmax", c =>
        {
            var weighted = c.Gradient * c.Output;
            return [weighted - c.Output * weighted.ReduceSum([c.Node.Attribute("axis", -1L)], keepDimensions: true)];
        });
        rules.Add("LogSoftmax", c =>
            [c.Gradient - c.Output.Exp() * c.Gradient.ReduceSum([c.Node.Attribute("axis", -1L)], keepDimensions: true)]);
    }

    /// <summary>Gives each element that was folded the gradient of what it was folded into.</summary>
    private static Value Spread(GradientContext c)
    {
        var gradient = c.Gradient;
        if (c.Node.Attribute("keepdims", 1L) == 0)
            gradient = gradient.Unsqueeze(Axes(c));
        return gradient.ExpandLike(c.Input(0));
    }

    private static long[] Axes(GradientContext c) =>
        c.Node.Attributes.TryGetValue("axes", out var axes) ? (long[])axes : c.Graph.ConstantOf<long>(c.Input(1));
}
