using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Onnx.Operators;

/// <summary>Operators that work element by element.</summary>
internal static class Elementwise
{
    public static Value Exp(this Value x) => x.Unary("Exp");

    public static Value Log(this Value x) => x.Unary("Log");

    public static Value Sqrt(this Value x) => x.Unary("Sqrt");

    public static Value Abs(this Value x) => x.Unary("Abs");

    /// <summary>-1, 0 or 1.</summary>
    public static Value Sign(this Value x) => x.Unary("Sign");

    public static Value Tanh(this Value x) => x.Unary("Tanh");

    public static Value Sigmoid(this Value x) => x.Unary("Sigmoid");

    public static Value Relu(this Value x) => x.Unary("Relu");

    /// <summary>Negative elements times <paramref name="slope"/>.</summary>
    public static Value LeakyRelu(this Value x, float slope = 0.01f) => x.Graph.Apply("LeakyRelu", [x], x.Type, x.Shape, ("alpha", slope));

    /// <summary>The error function.</summary>
    public static Value Erf(this Value x) => x.Unary("Erf");

    /// <summary>Gaussian error linear unit (Hendrycks and Gimpel 2016), by the error function: an operator of its own only from opset 20 on.</summary>
    public static Value Gelu(this Value x) => ((x / Math.Sqrt(2)).Erf() + 1) * x * 0.5;

    /// <summary>Drops elements.</summary>
    /// <param name="mask">0 for each element that is dropped, <c>1 / (1 - rate)</c> for the others: data, as no graph of ours draws at random.</param>
    public static Value Dropout(this Value x, Value mask) => x * mask;

    public static Value Pow(this Value x, Value exponent) => x.Elementwise("Pow", exponent);

    public static Value Pow(this Value x, double exponent) => x.Pow(x.Scalar(exponent));

    public static Value Max(this Value x, Value other) => x.Elementwise("Max", other);

    public static Value Min(this Value x, Value other) => x.Elementwise("Min", other);

    /// <summary>Limits each element to a range.</summary>
    public static Value Clip(this Value x, double minimum, double maximum) =>
        x.Clip(x.Scalar(minimum), x.Scalar(maximum));

    /// <summary>Limits each element to a range.</summary>
    /// <param name="minimum">A scalar; null for no lower bound.</param>
    /// <param name="maximum">A scalar; null for no upper bound.</param>
    public static Value Clip(this Value x, Value? minimum, Value? maximum) =>
        x.Graph.Apply("Clip", maximum is null ? [x, minimum] : [x, minimum, maximum], x.Type, x.Shape);

    /// <summary>Whether each element is greater; a boolean tensor.</summary>
    public static Value Greater(this Value x, Value other) => x.Elementwise("Greater", other, TensorElementType.Bool);

    /// <summary>Whether each element is less; a boolean tensor.</summary>
    public static Value Less(this Value x, Value other) => x.Elementwise("Less", other, TensorElementType.Bool);

    /// <summary>Whether each element is the same; a boolean tensor.</summary>
    public static Value Equal(this Value x, Value other) => x.Elementwise("Equal", other, TensorElementType.Bool);

    public static Value IsNaN(this Value x) => x.Graph.Apply("IsNaN", [x], TensorElementType.Bool, x.Shape);

    /// <summary>Elements of <paramref name="yes"/> where the condition holds, of <paramref name="no"/> elsewhere.</summary>
    public static Value Where(this Value condition, Value yes, Value no) =>
        condition.Graph.Apply("Where", [condition, yes, no], yes.Type, Shape.Broadcast(condition.Shape, Shape.Broadcast(yes.Shape, no.Shape)));

    public static Value Cast(this Value x, TensorElementType type) =>
        x.Type == type ? x : x.Graph.Apply("Cast", [x], type, x.Shape, ("to", (long)type));

    private static Value Unary(this Value x, string op) => x.Graph.Apply(op, [x], x.Type, x.Shape);
}
