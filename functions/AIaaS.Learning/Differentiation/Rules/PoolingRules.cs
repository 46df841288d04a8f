using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Differentiation.Rules;

internal static class PoolingRules
{
    public static void AddTo(GradientRules rules)
    {
        rules.Add("MaxPool", c =>
        {
            if (c.Node.Attribute("storage_order", 0L) != 0)
                throw c.Unsupported("its indices are in column-major order");
            // Where each largest element was, the first of equals, counted over the whole tensor; windows may have it in common.
            var indices = c.Graph.OptionalOutput(c.Node, 1, TensorElementType.Int64, c.Output.Shape);
            return [c.Input(0).Zeros().Flat().ScatterAdd(indices.Flat(), c.Gradient.Flat(), axis: 0).ReshapeLike(c.Input(0))];
        });
        rules.Add("AveragePool", c =>
        {
            var (x, window) = (c.Input(0), c.Window());
            var shares = c.Node.Attribute("count_include_pad", 0L) == 1 ? c.Gradient / window.Elements : c.Gradient / Counts(c, window);
            // Every channel of every row by itself: a convolution over one channel.
            var ones = c.Graph.Scalar(1, x.Type).Expand([1, 1, .. window.Kernel.Select(k => (Dimension)k)]);
            return
            [
                shares.Reshape([Shape.Product(x.Shape.Take(2)), 1, .. c.Output.Shape.Skip(2)])
                    .ConvTranspose(ones, window: window, beyond: ConvolutionRules.Beyond(window, x.Shape))
                    .ReshapeLike(x),
            ];
        });
        rules.Add("GlobalAveragePool", c => [c.Gradient.DivideByShare(c.Output, c.Input(0)).ExpandLike(c.Input(0))]);
    }

    /// <summary>How many elements each window has that are no padding, of shape [positions...].</summary>
    private static Value Counts(GradientContext c, Window window)
    {
        var counts = Enumerable.Range(0, window.Axes).Select(axis =>
        {
            var size = c.Input(0).Shape.SizeOf(axis + 2);
            var along = Enumerable.Range(0, (int)window.Positions(axis, size)).Select(position =>
            {
                var start = (position * window.Strides[axis]) - window.Pads[axis];
                return (double)(Math.Min(start + window.Kernel[axis], size) - Math.Max(start, 0));
            });
            return c.Graph.Constant("counts", along.ToArray(), [window.Positions(axis, size), .. Enumerable.Repeat(1L, window.Axes - 1 - axis)]);
        });
        return counts.Aggregate((a, b) => a * b).Cast(c.Gradient.Type);
    }
}
