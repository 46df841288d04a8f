using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Differentiation.Rules;

internal static class ShapingRules
{
    public static void AddTo(GradientRules rules)
    {
        rules.Add("Reshape", c => [c.Gradient.ReshapeLike(c.Input(0)), null]);
        rules.Add("Flatten", c => [c.Gradient.ReshapeLike(c.Input(0))]);
        rules.Add("Squeeze", c => [c.Gradient.ReshapeLike(c.Input(0)), null]);
        rules.Add("Unsqueeze", c => [c.Gradient.ReshapeLike(c.Input(0)), null]);
        rules.Add("Expand", c => [c.Unbroadcast(0, () => c.Gradient), null]);
        rules.Add("Pad", c =>
        {
            if (c.Node.Attribute("mode", "constant") != "constant")
                throw c.Unsupported("it does not pad with a constant");
            var pads = c.Graph.ConstantOf<long>(c.Input(1));
            var rank = c.Output.Shape.Rank;
            AxisRange[] inner = [.. Enumerable.Range(0, rank).Where(a => pads[a] + pads[rank + a] > 0)
                .Select(a => new AxisRange(a, pads[a], pads[a] + c.Input(0).Shape.SizeOf(a)))];
            return [c.Gradient.Slice(inner), .. new Value?[c.Node.Inputs.Count - 1]];
        });
        rules.Add("Concat", c =>
        {
            var axis = (int)c.Node.Attribute("axis", 0L);
            return c.Gradient.Split(axis, [.. c.Node.Inputs.Select(i => i!.Shape.SizeOf(axis))]);
        });
        rules.Add("Split", c =>
            [c.Node.Outputs.Select((_, i) => c.GradientOf(i)).ToArray().Concat((int)c.Node.Attribute("axis", 0L)), null]);
    }
}
