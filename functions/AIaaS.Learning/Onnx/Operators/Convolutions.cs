namespace AIaaS.Learning.Onnx.Operators;

/// <summary>
/// Operators that slide a window over tensors of shape [rows, channels, ...]. The sizes behind rows and channels must be known
/// before the graph runs.
/// </summary>
internal static class Convolutions
{
    /// <param name="weights">Of shape [features, channels / groups, kernel...].</param>
    /// <param name="bias">Of shape [features].</param>
    /// <param name="window">By default it moves by single steps, with nothing added at the ends.</param>
    /// <param name="groups">Each has its own share of the channels and of the features.</param>
    public static Value Conv(this Value x, Value weights, Value? bias = null, Window? window = null, long groups = 1)
    {
        window ??= new Window(KernelOf(weights));
        if (x.Shape.SizeOf(1) != weights.Shape.SizeOf(1) * groups || !KernelOf(weights).SequenceEqual(window.Kernel))
            throw new ArgumentException($"Weights of shape {weights.Shape} in {groups} groups do not go over {x.Shape}.", nameof(weights));
        return x.Graph.Apply(
            "Conv",
            bias is null ? [x, weights] : [x, weights, bias],
            x.Type,
            [x.Shape[0], weights.Shape[0], .. window.Positions(x.Shape)],
            [.. window.Attributes, ("group", groups)]);
    }

    /// <summary>The transposed convolution: what <see cref="Conv"/> does to gradients.</summary>
    /// <param name="weights">Of shape [channels, features / groups, kernel...].</param>
    /// <param name="bias">Of shape [features].</param>
    /// <param name="beyond">How much longer than necessary each axis is made at its end, less than its stride.</param>
    public static Value ConvTranspose(this Value x, Value weights, Value? bias = null, Window? window = null, long groups = 1, long[]? beyond = null)
    {
        window ??= new Window(KernelOf(weights));
        beyond ??= new long[window.Axes];
        if (x.Shape[1] != weights.Shape[0] || !KernelOf(weights).SequenceEqual(window.Kernel))
            throw new ArgumentException($"Weights of shape {weights.Shape} do not go over {x.Shape}.", nameof(weights));
        return x.Graph.Apply(
            "ConvTranspose",
            bias is null ? [x, weights] : [x, weights, bias],
            x.Type,
            [x.Shape[0], weights.Shape.SizeOf(1) * groups, .. window.Covered(x.Shape, beyond)],
            [.. window.Attributes, ("group", groups), ("output_padding", beyond)]);
    }

    public static Value MaxPool(this Value x, Window window) =>
        x.Graph.Apply("MaxPool", [x], x.Type, [x.Shape[0], x.Shape[1], .. window.Positions(x.Shape)], window.Attributes);

    /// <param name="countsPads">Whether the mean is also of what was added at the ends, as zeros.</param>
    public static Value AveragePool(this Value x, Window window, bool countsPads = false)
    {
        // Before opset 19 there is no dilation here.
        if (window.Dilations.Any(d => d != 1))
            throw new ArgumentException("A mean is of elements side by side.", nameof(window));
        return x.Graph.Apply(
            "AveragePool",
            [x],
            x.Type,
            [x.Shape[0], x.Shape[1], .. window.Positions(x.Shape)],
            [.. window.Attributes.Where(a => a.Name != "dilations"), ("count_include_pad", countsPads ? 1L : 0L)]);
    }

    /// <summary>The mean of each channel of each row: [rows, channels, 1...].</summary>
    public static Value GlobalAveragePool(this Value x) =>
        x.Graph.Apply("GlobalAveragePool", [x], x.Type, [x.Shape[0], x.Shape[1], .. x.Shape.Skip(2).Select(_ => (Dimension)1)]);

    private static long[] KernelOf(Value weights) => [.. Enumerable.Range(2, weights.Shape.Rank - 2).Select(weights.Shape.SizeOf)];
}
