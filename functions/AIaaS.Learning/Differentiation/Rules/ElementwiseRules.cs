using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Differentiation.Rules;

internal static class ElementwiseRules
{
    public static void AddTo(GradientRules rules)
    {
        rules.Add("Add", c => [c.Unbroadcast(0, () => c.Gradient), c.Unbroadcast(1, () => c.Gradient)]);
        rules.Add("Sub", c => [c.Unbroadcast(0, () => c.Gradient), c.Unbroadcast(1, () => -c.Gradient)]);
        rules.Add("Mul", c => [c.Unbroadcast(0, () => c.Gradient * c.Input(1)), c.Unbroadcast(1, () => c.Gradient * c.Input(0))]);
        rules.Add("Div", c =>
        [
            c.Unbroadcast(0, () => c.Gradient / c.Input(1)),
            c.Unbroadcast(1, () => -(c.Gradient * c.Output / c.Input(1))),
        ]);
        rules.Add("Pow", c =>
        {
            var (x, exponent, zero) = (c.Input(0), c.Input(1).Cast(c.Output.Type), c.Output.Scalar(0));
            return
            [
                // Constants and 0 to any power do not change, though the formulas would have it that infinity times 0 does.
                c.Unbroadcast(0, () => exponent.Equal(zero).Where(zero, c.Gradient * exponent * x.Pow(exponent - 1))),
                c.Unbroadcast(1, () => x.Equal(zero).Where(zero, c.Gradient * c.Output * x.Log())),
            ];
        });
        rules.Add("Max", Chosen);
        rules.Add("Min", Chosen);
        rules.Add("Clip", c =>
        {
            var (x, zero) = (c.Input(0), c.Gradient.Scalar(0));
            return
            [
                !c.Needs(0) ? null : x.Equal(c.Output).Where(c.Gradient, zero),
                .. c.Node.Inputs.Skip(1).Select((bound, i) =>
                    c.Unbroadcast(i + 1, () => (i == 0 ? x.Less(bound!) : x.Greater(bound!)).Where(c.Gradient, zero))),
            ];
        });
        rules.Add("Where", c =>
        [
            null,
            c.Unbroadcast(1, () => c.Input(0).Where(c.Gradient, c.Gradient.Scalar(0))),
            c.Unbroadcast(2, () => c.Input(0).Where(c.Gradient.Scalar(0), c.Gradient)),
        ]);
        rules.Add("Identity", c => [c.Gradient]);
        rules.Add("Cast", c => [c.Output.Type is TensorElementType.Float or TensorElementType.Double ? c.Gradient.Cast(c.Input(0).Type) : null]);
        rules.Add("Neg", c => [-c.Gradient]);
        rules.Add("Exp", c => [c.Gradient * c.Output]);
        rules.Add("Log", c => [c.Gradient / c.Input(0)]);
        rules.Add("Sqrt", c => [c.Gradient * 0.5 / c.Output]);
        rules.Add("Tanh", c => [c.Gradient - c.Gradient * c.Output * c.Output]);
        rules.Add("Sigmoid", c => [c.Gradient * (c.Output - c.Output * c.Output)]);
        rules.Add("Erf", c => [c.Gradient * (2 / Math.Sqrt(Math.PI)) * (-(c.Input(0) * c.Input(0))).Exp()]);
        rules.Add("Relu", c => [Positive(c.Output).Where(c.Gradient, c.Gradient.Scalar(0))]);
        rules.Add("LeakyRelu", c => [Positive(c.Input(0)).Where(c.Gradient, c.Gradient * c.Node.Attribute("alpha", 0.01f))]);
        rules.Add("Dropout", c => c.Node.Inputs.Count < 3
            ? [c.Gradient, .. new Value?[c.Node.Inputs.Count - 1]]
            : throw c.Unsupported("the operator may draw at random: multiply by a mask that comes as data"));
        rules.AddConstant("ArgMax", "Equal", "Greater", "IsNaN", "Less", "Shape", "Sign", "Size");
    }

    private static Value Positive(Value x) => x.Greater(x.Scalar(0));

    /// <summary>Of operators that choose one of their inputs at each place; equal ones share alike.</summary>
    private static IReadOnlyList<Value?> Chosen(GradientContext c)
    {
        var chosen = c.Node.Inputs.Select(x => x!.Equal(c.Output)).ToArray();
        var shared = c.Gradient / chosen.Select(x => x.Cast(c.Gradient.Type)).Aggregate((a, b) => a + b);
        return [.. chosen.Select((x, i) => c.Unbroadcast(i, () => x.Where(shared, shared.Scalar(0))))];
    }
}
