namespace AIaaS.Learning.Onnx.Operators;

/// <summary>A window that slides over the axes behind rows and channels: one number for each of those axes.</summary>
/// <param name="Kernel">Elements that it takes.</param>
internal sealed record Window(params long[] Kernel)
{
    /// <summary>How far it moves.</summary>
    public long[] Strides { get; init; } = Ones(Kernel.Length);

    /// <summary>How far its elements are apart.</summary>
    public long[] Dilations { get; init; } = Ones(Kernel.Length);

    /// <summary>What is added in front of each axis, then what is added behind each.</summary>
    public long[] Pads { get; init; } = new long[2 * Kernel.Length];

    public int Axes => Kernel.Length;

    /// <summary>Number of elements.</summary>
    public long Elements => Kernel.Aggregate(1L, (a, b) => a * b);

    /// <summary>A window over two axes that is the same along both.</summary>
    public static Window Square(long kernel, long stride = 1, long padding = 0, long dilation = 1) => new(kernel, kernel)
    {
        Strides = [stride, stride],
        Dilations = [dilation, dilation],
        Pads = [padding, padding, padding, padding],
    };

    /// <summary>The window of a node that has one.</summary>
    /// <param name="kernel">What it takes where the node does not say.</param>
    public static Window Of(Node node, params long[] kernel)
    {
        var window = new Window(node.Attribute("kernel_shape", kernel));
        return window with
        {
            Strides = node.Attribute("strides", window.Strides),
            Dilations = node.Attribute("dilations", window.Dilations),
            Pads = node.Attribute("pads", window.Pads),
        };
    }

    /// <summary>Length of an axis from the first element of the window to its last.</summary>
    public long Extent(int axis) => (Dilations[axis] * (Kernel[axis] - 1)) + 1;

    /// <summary>Length of an axis with what is added.</summary>
    public long Padded(int axis, long size) => size + Pads[axis] + Pads[Axes + axis];

    /// <summary>How many positions it has on an axis.</summary>
    public long Positions(int axis, long size) => ((Padded(axis, size) - Extent(axis)) / Strides[axis]) + 1;

    /// <summary>The window at every position: sizes of the axes behind rows and channels, which must be known.</summary>
    public Dimension[] Positions(Shape shape) => [.. Enumerable.Range(0, Axes).Select(a => SizeOf(shape, a, Positions))];

    /// <summary>Sizes of the axes that have those positions, at the least: several sizes may.</summary>
    public Dimension[] Covered(Shape positions, long[] beyond) => [.. Enumerable.Range(0, Axes).Select(a =>
        SizeOf(positions, a, (axis, size) => ((size - 1) * Strides[axis]) + Extent(axis) - Pads[axis] - Pads[Axes + axis] + beyond[axis]))];

    public (string Name, object Value)[] Attributes => [("kernel_shape", Kernel), ("strides", Strides), ("dilations", Dilations), ("pads", Pads)];

    private Dimension SizeOf(Shape shape, int axis, Func<int, long, long> size)
    {
        var result = shape.Rank == Axes + 2 ? size(axis, shape.SizeOf(axis + 2)) : 0;
        return result > 0 ? result : throw new ArgumentException($"A window of {string.Join(" × ", Kernel)} does not fit {shape}.", nameof(shape));
    }

    private static long[] Ones(int count) => [.. Enumerable.Repeat(1L, count)];
}
