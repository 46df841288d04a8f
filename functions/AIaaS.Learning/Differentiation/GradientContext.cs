using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Differentiation;

/// <summary>What a gradient rule sees: a node, and the gradients of the loss with respect to the node's outputs.</summary>
internal sealed class GradientContext(Node node, IReadOnlyList<Value?> outputGradients, IReadOnlyList<bool> needed)
{
    public Node Node { get; } = node;

    public GraphBuilder Graph => Output.Graph;

    /// <summary>The node's first output.</summary>
    public Value Output => Node.Outputs[0];

    /// <summary>Gradient with respect to the first output, of its shape.</summary>
    public Value Gradient => GradientOf(0);

    public Value Input(int index) => Node.Inputs[index] ?? throw new InvalidOperationException($"{Node} has no input {index}.");

    /// <summary>Whether the gradient with respect to an input is asked for; a rule may return null where it is not.</summary>
    public bool Needs(int index) => needed[index];

    /// <summary>Gradient with respect to an output; zeros where the loss does not depend on it.</summary>
    public Value GradientOf(int output) =>
        outputGradients[output] ?? Node.Outputs[output].Zeros();

    /// <summary>The window of a node that slides one.</summary>
    /// <param name="kernel">What it takes where the node does not say.</param>
    public Window Window(params long[] kernel)
    {
        if (Node.Attribute("auto_pad", "NOTSET") != "NOTSET" || Node.Attribute("ceil_mode", 0L) != 0)
            throw Unsupported("its padding must be given in numbers");
        return Onnx.Operators.Window.Of(Node, kernel);
    }

    /// <summary>Refuses a loss that depends on outputs which are there for their own sake, like statistics.</summary>
    public void RequireFirstOutputOnly()
    {
        if (outputGradients.Skip(1).Any(g => g is not null))
            throw Unsupported("the loss depends on more than its first output");
    }

    public NotSupportedException Unsupported(string why) => new($"There is no gradient of {Node}: {why}.");

    /// <summary>Sums a gradient over the axes along which an input was broadcast, so that it has the input's shape.</summary>
    public Value? Unbroadcast(int input, Func<Value> gradient) => Needs(input) ? Unbroadcast(gradient(), Input(input).Shape) : null;

    public static Value Unbroadcast(Value gradient, Shape shape)
    {
        if (gradient.Shape.Equals(shape))
            return gradient;

        var added = gradient.Shape.Rank - shape.Rank;
        if (added > 0)
            gradient = gradient.ReduceSum([.. Enumerable.Range(0, added).Select(i => (long)i)]);
        var repeated = Enumerable.Range(0, shape.Rank).Where(i => shape[i].Size == 1 && gradient.Shape[i] != shape[i]).Select(i => (long)i).ToArray();
        return repeated.Length > 0 ? gradient.ReduceSum(repeated, keepDimensions: true) : gradient;
    }
}
