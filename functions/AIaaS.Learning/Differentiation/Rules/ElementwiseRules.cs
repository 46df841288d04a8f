using AIaaS.Learning.Onnx.Operators;

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
        [
            c.Unbroadcast(0, () => c.Gradient * c.Input(1) * c.Input(0).Pow(c.Input(1) - 1)),
            c.Unbroadcast(1, () => c.Gradient * c.Output * c.Input(0).Log()),
        ]);
        rules.Add("Where", c =>
        [
            null,
            c.Unbroadcast(1, () => c.Input(0).Where(c.Gradient, c.Gradient.Scalar(0))),
            c.Unbroadcast(2, () => c.Input(0).Where(c.Gradient.Scalar(0), c.Gradient)),
        ]);
        rules.Add("Identity", c => [c.Gradient]);
        rules.Add("Cast", c => [c.Gradient.Cast(c.Input(0).Type)]);
        rules.Add("Neg", c => [-c.Gradient]);
        rules.Add("Exp", c => [c.Gradient * c.Output]);
        rules.Add("Log", c => [c.Gradient / c.Input(0)]);
        rules.Add("Sqrt", c => [c.Gradient * 0.5 / c.Output]);
        rules.Add("Tanh", c => [c.Gradient - c.Gradient * c.Output * c.Output]);
        rules.Add("Sigmoid", c => [c.Gradient * (c.Output - c.Output * c.Output)]);
        rules.Add("Relu", c => [c.Output.Greater(c.Output.Scalar(0)).Where(c.Gradient, c.Gradient.Scalar(0))]);
        rules.AddConstant("ArgMax", "Greater", "IsNaN", "Shape", "Size");
    }
}
