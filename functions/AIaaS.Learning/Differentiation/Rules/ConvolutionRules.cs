using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Differentiation.Rules;

/// <summary>A convolution and its transposition are each other's gradient with respect to the data.</summary>
internal static class ConvolutionRules
{
    public static void AddTo(GradientRules rules)
    {
        rules.Add("Conv", c =>
        {
            var (x, weights, window, groups) = Parts(c);
            return
            [
                c.Needs(0) ? c.Gradient.ConvTranspose(weights, window: window, groups: groups, beyond: Beyond(window, x.Shape)) : null,
                c.Needs(1) ? WeightGradient.Of(x, c.Gradient, window, groups).Reshape(weights.Shape) : null,
                .. Bias(c),
            ];
        });
        rules.Add("ConvTranspose", c =>
        {
            var (x, weights, window, groups) = Parts(c);
            return
            [
                c.Needs(0) ? c.Gradient.Conv(weights, window: window, groups: groups) : null,
                c.Needs(1) ? WeightGradient.Of(c.Gradient, x, window, groups).Reshape(weights.Shape) : null,
                .. Bias(c),
            ];
        });
    }

    /// <summary>What the last step of a window does not reach on each axis.</summary>
    public static long[] Beyond(Window window, Shape shape) => [.. Enumerable.Range(0, window.Axes).Select(axis =>
        (window.Padded(axis, shape.SizeOf(axis + 2)) - window.Extent(axis)) % window.Strides[axis])];

    private static (Value X, Value Weights, Window Window, long Groups) Parts(GradientContext c)
    {
        var weights = c.Input(1);
        return (c.Input(0), weights, c.Window([.. Enumerable.Range(2, weights.Shape.Rank - 2).Select(weights.Shape.SizeOf)]), c.Node.Attribute("group", 1L));
    }

    private static IEnumerable<Value?> Bias(GradientContext c) => c.Node.Inputs.Skip(2).Select(_ => c.Needs(2)
        ? c.Gradient.ReduceSum([.. Enumerable.Range(0, c.Gradient.Shape.Rank).Where(a => a != 1).Select(a => (long)a)])
        : null);
}
