using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Onnx;

/// <summary>A tensor flowing through a graph under construction. Operators are C# operators here and extension methods in <c>Operators</c>.</summary>
internal sealed class Value
{
    internal Value(GraphBuilder graph, string name, TensorElementType type, Shape shape, Node? producer)
    {
        Graph = graph;
        Name = name;
        Type = type;
        Shape = shape;
        Producer = producer;
    }

    public GraphBuilder Graph { get; }

    public string Name { get; internal set; }

    public TensorElementType Type { get; }

    public Shape Shape { get; }

    /// <summary>The node that computes it; null for inputs and initializers.</summary>
    public Node? Producer { get; }

    public static Value operator +(Value a, Value b) => a.Elementwise("Add", b);

    public static Value operator -(Value a, Value b) => a.Elementwise("Sub", b);

    public static Value operator *(Value a, Value b) => a.Elementwise("Mul", b);

    public static Value operator /(Value a, Value b) => a.Elementwise("Div", b);

    public static Value operator +(Value a, double b) => a + a.Scalar(b);

    public static Value operator -(Value a, double b) => a - a.Scalar(b);

    public static Value operator *(Value a, double b) => a * a.Scalar(b);

    public static Value operator /(Value a, double b) => a / a.Scalar(b);

    public static Value operator -(Value a) => a.Graph.Apply("Neg", [a], a.Type, a.Shape);

    /// <summary>A constant of this value's type.</summary>
    public Value Scalar(double value) => Graph.Scalar(value, Type);

    /// <summary>A two-operand operator that broadcasts.</summary>
    /// <param name="type">Type of the result; the operands' own unless given.</param>
    internal Value Elementwise(string op, Value other, TensorElementType? type = null)
    {
        if (Type != other.Type)
            throw new ArgumentException($"{op} needs operands of one type, not {Type} ('{Name}') and {other.Type} ('{other.Name}').");
        return Graph.Apply(op, [this, other], type ?? Type, Shape.Broadcast(Shape, other.Shape));
    }

    public override string ToString() => $"{Name}: {Type}{Shape}";
}
