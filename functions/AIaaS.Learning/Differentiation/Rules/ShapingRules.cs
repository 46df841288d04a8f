using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Differentiation.Rules;

internal static class ShapingRules
{
    public static void AddTo(GradientRules rules)
    {
        rules.Add("Reshape", c => [c.Gradient.ReshapeLike(c.Input(0)), null]);
        rules.Add("Unsqueeze", c => [c.Gradient.ReshapeLike(c.Input(0)), null]);
        rules.Add("Expand", c => [c.Unbroadcast(0, () => c.Gradient), null]);
        rules.Add("Concat", c =>
        {
            var axis = (int)c.Node.Attribute("axis", 0L);
            return c.Gradient.Split(axis, [.. c.Node.Inputs.Select(i => i!.Shape.SizeOf(axis))]);
        });
        rules.Add("Split", c =>
            [c.Node.Outputs.Select((_, i) => c.GradientOf(i)).ToArray().Concat((int)c.Node.Attribute("axis", 0L)), null]);
    }
}
