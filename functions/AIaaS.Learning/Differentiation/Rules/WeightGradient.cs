using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Differentiation.Rules;

/// <summary>
/// The gradient of a convolution with respect to its weights: for each element of the window, the products of what it met with the
/// gradient there, summed over rows and positions. Three ways to write that, as none is fast for all.
/// </summary>
/// <remarks>
/// Each takes data of shape [rows, channels, ...] and a gradient of shape [rows, features, ...], and gives the weights in their order,
/// [features, channels / groups, kernel...]. Seen on a processor: with one to four channels slices take half the time of columns or
/// less, from 16 channels on columns take half to two thirds of that of slices, and the convolution takes two to four times that of either.
/// </remarks>
internal static class WeightGradient
{
    /// <summary>Elements of one row laid out for a product above which that would need too much memory for a batch.</summary>
    private const long LaidOutAtMost = 1L << 21;

    /// <summary>Fewer channels are too little to copy at once.</summary>
    private const long ChannelsToCopy = 8;

    public static Value Of(Value x, Value gradient, Window window, long groups)
    {
        var channels = x.Shape.SizeOf(1);
        var positions = Shape.Of(gradient.Shape.Skip(2)).Elements!.Value;
        if (channels * positions * window.Elements > LaidOutAtMost && window.Elements > 1)
            return ByConvolution(x, gradient, window, groups);
        return groups == 1 && channels >= ChannelsToCopy && window.Elements > 1
            ? ByColumns(x, gradient, window)
            : BySlices(x, gradient, window, groups);
    }

    /// <summary>Copies what the window meets at each position side by side, channels last, for one product over rows and positions.</summary>
    public static Value ByColumns(Value x, Value gradient, Window window)
    {
        var (channels, features) = (x.Shape[1], gradient.Shape[1]);
        long[] last = [0, .. Enumerable.Range(2, window.Axes).Select(a => (long)a), 1];
        var padded = Pad(x, window);
        var rows = padded.Transpose(last).Reshape([x.Shape[0], Shape.Product(padded.Shape.Skip(2)), channels]);
        var met = rows.Gather(x.Graph.Vector("places", Places(padded.Shape, gradient.Shape, window)), axis: 1);
        var product = gradient.Transpose(last).Reshape(["positions", features])
            .Gemm(met.Reshape(["positions", channels.Size!.Value * window.Elements]), transposeA: true);
        return product.Reshape([features, window.Elements, channels]).Transpose(0, 2, 1);
    }

    /// <summary>Copies what each element of the window meets as a picture of its own, for one product over positions for each row.</summary>
    public static Value BySlices(Value x, Value gradient, Window window, long groups)
    {
        var (channels, features) = (x.Shape.SizeOf(1) / groups, gradient.Shape.SizeOf(1) / groups);
        var positions = Shape.Product(gradient.Shape.Skip(2));
        var padded = Pad(x, window);
        var met = Offsets(window).Select(offset => padded
            .Slice([.. offset.Select((start, axis) =>
                new AxisRange(axis + 2, start, start + ((gradient.Shape.SizeOf(axis + 2) - 1) * window.Strides[axis]) + 1, window.Strides[axis]))])
            .Reshape([x.Shape[0], groups, channels, positions]));
        var products = gradient.Reshape([x.Shape[0], groups, features, positions]).MatMul(met.ToArray().Concat(2).TransposeMatrix());
        return products.ReduceSum([0]).Reshape([features * groups, window.Elements, channels]).Transpose(0, 2, 1);
    }

    /// <summary>Takes the gradient for the weights, rows for channels, and strides for dilations: needs the least memory.</summary>
    public static Value ByConvolution(Value x, Value gradient, Window window, long groups)
    {
        var channels = x.Shape.SizeOf(1) / groups;
        long[] behind = [.. Enumerable.Range(3, window.Axes).Select(a => (long)a)];
        var data = x.Reshape([x.Shape[0], groups, channels, .. x.Shape.Skip(2)])
            .Transpose([2, 1, 0, .. behind])
            .Reshape([channels, x.Shape[0].Size * groups ?? (Dimension)"rows of groups", .. x.Shape.Skip(2)]);
        Dimension[] result = [.. Enumerable.Range(0, window.Axes).Select(axis => (Dimension)Reached(axis))];
        var slid = x.Graph.Apply(
            "Conv",
            [data, gradient.Transpose([1, 0, .. behind.Select(a => a - 1)])],
            x.Type,
            [channels, gradient.Shape[1], .. result],
            ("strides", window.Dilations),
            ("dilations", window.Strides),
            ("pads", window.Pads),
            ("group", groups));
        AxisRange[] excess = [.. Enumerable.Range(0, window.Axes).Where(a => Reached(a) > window.Kernel[a]).Select(a => new AxisRange(a + 2, 0, window.Kernel[a]))];
        return (excess.Length > 0 ? slid.Slice(excess) : slid).Transpose([1, 0, .. behind.Select(a => a - 1)]);

        // Strides may leave an end that no window reached, and this one then does.
        long Reached(int axis) =>
            ((window.Padded(axis, x.Shape.SizeOf(axis + 2)) - ((gradient.Shape.SizeOf(axis + 2) - 1) * window.Strides[axis]) - 1) / window.Dilations[axis]) + 1;
    }

    private static Value Pad(Value x, Window window) => x.Pad([0, 0, .. window.Pads[..window.Axes], 0, 0, .. window.Pads[window.Axes..]]);

    /// <summary>Where each element of the window begins, in row-major order.</summary>
    private static IEnumerable<long[]> Offsets(Window window) =>
        Positions(window.Kernel).Select(element => element.Select((e, axis) => e * window.Dilations[axis]).ToArray());

    /// <summary>Places, on all axes behind rows and channels as one, of each element of the window at each position.</summary>
    private static long[] Places(Shape padded, Shape gradient, Window window)
    {
        var offsets = Offsets(window).ToArray();
        return
        [
            .. from position in Positions([.. Enumerable.Range(2, window.Axes).Select(gradient.SizeOf)])
               from offset in offsets
               select position.Index().Aggregate(0L, (place, p) =>
                   (place * padded.SizeOf(p.Index + 2)) + (p.Item * window.Strides[p.Index]) + offset[p.Index]),
        ];
    }

    private static IEnumerable<long[]> Positions(long[] sizes) => sizes.Aggregate(
        (IEnumerable<long[]>)[[]],
        (before, size) => before.SelectMany(b => Enumerable.Range(0, (int)size).Select(i => (long[])[.. b, i])));
}
