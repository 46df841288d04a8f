using AIaaS.Learning.Differentiation;
using AIaaS.Learning.Differentiation.Rules;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Tests.Differentiation;

/// <summary>The ways to write the gradient of a convolution's weights, each over the same windows.</summary>
public sealed class WeightGradientTests
{
    private const int Rows = 2;
    private const int Height = 7;
    private const int Width = 6;

    private static readonly Dictionary<string, Window> Windows = new()
    {
        ["padded"] = Window.Square(3, padding: 1),
        ["in steps"] = Window.Square(2, stride: 2),
        ["in steps that leave an end"] = new(3, 2) { Strides = [3, 4], Pads = [1, 0, 0, 1] },
        ["dilated"] = Window.Square(2, stride: 2, padding: 1, dilation: 2),
        ["single elements"] = Window.Square(1),
        ["single elements in steps"] = Window.Square(1, stride: 2),
    };

    public static IEnumerable<object[]> Cases =>
        from window in Windows.Keys
        from way in (string[])["columns", "slices", "slices in groups", "convolution", "convolution in groups"]
        select (object[])[way, window];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Each_way_sums_the_products(string way, string windowName)
    {
        var window = Windows[windowName];
        var groups = way.EndsWith("in groups", StringComparison.Ordinal) ? 2 : 1;
        var (channels, features) = (4, 6);
        var (rows, columns) = ((int)window.Positions(0, Height), (int)window.Positions(1, Width));
        var graph = new GraphBuilder("test");
        var x = graph.Input("x", TensorElementType.Float, ["rows", channels, Height, Width]);
        var gradient = graph.Input("gradient", TensorElementType.Float, ["rows", features, rows, columns]);
        graph.Output("weights", way.Split(' ')[0] switch
        {
            "columns" => WeightGradient.ByColumns(x, gradient, window),
            "slices" => WeightGradient.BySlices(x, gradient, window, groups),
            _ => WeightGradient.ByConvolution(x, gradient, window, groups),
        });
        var data = Numbers(Rows * channels * Height * Width, 3);
        var above = Numbers(Rows * features * rows * columns, 5);

        var weights = GraphRunner.Run<float>(graph, "weights", (data, [Rows, channels, Height, Width]), (above, [Rows, features, rows, columns]));

        var share = channels / groups;
        var expected =
            from feature in Enumerable.Range(0, features)
            from channel in Enumerable.Range(feature / (features / groups) * share, share)
            from i in Enumerable.Range(0, (int)window.Kernel[0])
            from j in Enumerable.Range(0, (int)window.Kernel[1])
            select (
                from row in Enumerable.Range(0, Rows)
                from top in Enumerable.Range(0, rows)
                from left in Enumerable.Range(0, columns)
                let y = (top * window.Strides[0]) + (i * window.Dilations[0]) - window.Pads[0]
                let z = (left * window.Strides[1]) + (j * window.Dilations[1]) - window.Pads[1]
                where y >= 0 && y < Height && z >= 0 && z < Width
                select (double)above[(((((row * features) + feature) * rows) + top) * columns) + left]
                    * data[(((((row * channels) + channel) * Height) + y) * Width) + z]).Sum();
        Assert.All(expected.Zip(weights, (e, w) => (e, w)), pair => Assert.Equal(pair.e, pair.w, 1e-4));
        Assert.Equal(features * share * window.Elements, weights.Length);
    }

    [Fact]
    public void Large_pictures_are_not_laid_out_for_every_element_of_the_window()
    {
        var graph = new GraphBuilder("test");
        var x = graph.Input("x", TensorElementType.Float, ["rows", 64, 224, 224]);
        var weights = graph.Input("weights", TensorElementType.Float, [64, 64, 3, 3]);
        graph.Output("gradient", Gradients.Of(x.Conv(weights, window: Window.Square(3, padding: 1)).ReduceSum(), [weights])[0]);

        Assert.DoesNotContain(graph.ToModel().Graph.Node, n => n.OpType is "Gather" or "Concat");
    }

    private static float[] Numbers(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() * 2) - 1)];
    }
}
