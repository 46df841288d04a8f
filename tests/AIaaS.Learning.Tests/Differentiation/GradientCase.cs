using AIaaS.Learning.Differentiation;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Tests.Differentiation;

/// <summary>A function whose gradients are checked.</summary>
/// <param name="Name">Begins with the operator that it is about.</param>
/// <param name="Shapes">Of its inputs, as in <c>3x4 | 4 |</c>; nothing for a scalar.</param>
/// <param name="Function">From inputs to a tensor.</param>
internal sealed record GradientCase(string Name, string Shapes, Func<Value[], Value> Function)
{
    /// <summary>A folder to which the graph of every case is written as an ONNX file, for <c>tests/oracles/gradients/check_graphs.py</c>.</summary>
    private static readonly string? GraphFolder = Environment.GetEnvironmentVariable("AIAAS_GRADIENT_GRAPHS");

    /// <summary>Whether the runtime has a kernel for single precision only.</summary>
    public bool Single { get; init; }

    /// <summary>Inputs whose first axis is one of rows, of which there may be any number.</summary>
    public int[] Batched { get; init; } = [];

    /// <summary>For equal elements, where the gradient is a convention and not a limit of differences.</summary>
    public bool Ties { get; init; }

    public string Operator => Name.Split(' ')[0];

    public long[][] Dimensions => [.. Shapes.Split('|').Select(s => s.Trim() is { Length: > 0 } shape ? Array.ConvertAll(shape.Split('x'), long.Parse) : [])];

    /// <summary>A graph of the function (<c>result</c>), the sum of its elements in unequal parts (<c>loss</c>), and the gradients of that.</summary>
    /// <param name="batched">Whether the number of rows is left open.</param>
    /// <param name="squared">Whether each element's part in the sum is itself, which needs no number of rows.</param>
    public GraphBuilder Build(TensorElementType type, bool batched = false, bool squared = false)
    {
        var graph = new GraphBuilder("gradients");
        var inputs = Dimensions.Select((dimensions, i) => graph.Input(
            $"x{i}", type, Shape.Of(dimensions.Select((d, axis) => axis == 0 && batched && Batched.Contains(i) ? (Dimension)"rows" : d)))).ToArray();
        var result = Function(inputs);
        // Each element of the result counts differently, so that none can stand for another.
        var parts = squared ? result
            : graph.Constant("parts", Weights(result.Shape.Elements!.Value), [.. result.Shape.Select(d => d.Size!.Value)]).Cast(type);
        var loss = graph.Output("loss", (result * parts).ReduceSum());
        graph.Output("result", result);
        var gradients = Gradients.Of(loss, inputs);
        for (var i = 0; i < gradients.Count; i++)
            graph.Output($"gradient{i}", gradients[i]);
        if (GraphFolder is not null)
            File.WriteAllBytes(Path.Combine(GraphFolder, $"{ToString().Replace('|', '_')} {type}{(batched ? " batched" : "")}.onnx"), graph.ToModel().ToByteArray());
        return graph;
    }

    public static double[] Weights(long elements) => [.. Enumerable.Range(0, (int)elements).Select(i => Math.Cos(i + 1))];

    public override string ToString() => $"{Name} {Shapes}";
}
