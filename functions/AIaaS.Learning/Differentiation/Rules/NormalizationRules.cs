using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Differentiation.Rules;

internal static class NormalizationRules
{
    public static void AddTo(GradientRules rules)
    {
        rules.Add("BatchNormalization", c =>
        {
            c.RequireFirstOutputOnly();
            var (x, axes, scale) = (c.Input(0), c.Input(0).AxesButChannels(), c.Input(1).AlongChannels(c.Input(0)));
            if (c.Node.Attribute("training_mode", 0L) == 1)
                return [.. Normalized(c, Moments(c, axes), scale, axes, g => g.ReduceSum(axes)), null, null];

            var scaled = c.Gradient * Inverse(c, c.Input(4)).AlongChannels(x);
            var products = new Lazy<Value>(() => (scaled * (x - c.Input(3).AlongChannels(x))).ReduceSum(axes));
            return
            [
                c.Needs(0) ? scaled * scale : null,
                c.Needs(1) ? products.Value : null,
                c.Needs(2) ? c.Gradient.ReduceSum(axes) : null,
                c.Needs(3) ? -(scaled.ReduceSum(axes) * c.Input(1)) : null,
                c.Needs(4) ? products.Value * c.Input(1) / (c.Input(4) + Epsilon(c)) * -0.5 : null,
            ];
        });
        rules.Add("LayerNormalization", c =>
        {
            c.RequireFirstOutputOnly();
            var x = c.Input(0);
            var first = x.Shape.Axis((int)c.Node.Attribute("axis", -1L));
            var folded = Shape.Of(x.Shape.Select((d, i) => i < first ? d : 1));
            long[] axes = [.. Enumerable.Range(first, x.Shape.Rank - first).Select(a => (long)a)];
            // The operator gives its statistics, but in single precision only.
            var moments = x.Type == TensorElementType.Float
                ? (x - c.Graph.OptionalOutput(c.Node, 1, x.Type, folded), c.Graph.OptionalOutput(c.Node, 2, x.Type, folded))
                : Moments(c, axes);
            return Normalized(c, moments, c.Input(1), axes, g => g);
        });
    }

    /// <summary>Of <c>centered * inverse * scale + shift</c>, where mean and deviation are those of the elements along the axes.</summary>
    /// <param name="parameter">From a gradient of the output's shape to that of a parameter, but for what was broadcast.</param>
    private static Value?[] Normalized(
        GradientContext c, (Value Centered, Value Inverse) moments, Value scale, long[] axes, Func<Value, Value> parameter)
    {
        var normalized = moments.Centered * moments.Inverse;
        var scaled = c.Gradient * scale;
        return
        [
            !c.Needs(0) ? null
                : (scaled - scaled.ReduceMean(axes, keepDimensions: true) - normalized * (scaled * normalized).ReduceMean(axes, keepDimensions: true)) * moments.Inverse,
            c.Unbroadcast(1, () => parameter(c.Gradient * normalized)),
            .. c.Node.Inputs.Count > 2 ? [c.Unbroadcast(2, () => parameter(c.Gradient))] : (ReadOnlySpan<Value?>)[],
        ];
    }

    private static (Value Centered, Value Inverse) Moments(GradientContext c, long[] axes)
    {
        var centered = c.Input(0) - c.Input(0).ReduceMean(axes, keepDimensions: true);
        return (centered, Inverse(c, (centered * centered).ReduceMean(axes, keepDimensions: true)));
    }

    private static Value Inverse(GradientContext c, Value variance) => variance.Scalar(1) / (variance + Epsilon(c)).Sqrt();

    private static double Epsilon(GradientContext c) => c.Node.Attribute("epsilon", 1e-5f);
}
