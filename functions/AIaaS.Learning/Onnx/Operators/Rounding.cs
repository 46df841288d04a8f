namespace AIaaS.Learning.Onnx.Operators;

/// <summary>Operators that cut numbers into whole and rest.</summary>
internal static class Rounding
{
    /// <summary>The greatest whole number that is not above.</summary>
    public static Value Floor(this Value x) => x.Graph.Apply("Floor", [x], x.Type, x.Shape);

    /// <summary>What is left of whole multiples; from 0 to the divisor, also of negative numbers.</summary>
    public static Value Modulo(this Value x, double divisor) => x - ((x / divisor).Floor() * divisor);

    public static Value Sin(this Value x) => x.Graph.Apply("Sin", [x], x.Type, x.Shape);

    public static Value Cos(this Value x) => x.Graph.Apply("Cos", [x], x.Type, x.Shape);
}
