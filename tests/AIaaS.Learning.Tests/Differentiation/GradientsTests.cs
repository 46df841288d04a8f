using AIaaS.Learning.Differentiation;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Tests.Differentiation;

/// <summary>Every rule against central differences in double precision.</summary>
public sealed class GradientsTests
{
    private const double Delta = 1e-5;
    private const double Tolerance = 1e-7;

    private static readonly Dictionary<string, Func<Value[], Value>> Functions = new()
    {
        ["Add"] = v => v[0] + v[1],
        ["Sub"] = v => v[0] - v[1],
        ["Mul"] = v => v[0] * v[1],
        ["Div"] = v => v[0] / (v[1] + 3),
        ["Pow"] = v => (v[0] + 2).Pow(v[1]),
        ["Where"] = v => v[0].Greater(v[1]).Where(v[0] * v[0], v[1]),
        ["MatMul"] = v => v[0].MatMul(v[1]),
        ["Gemm"] = v => v[0].Gemm(v[1], v[2], alpha: 0.7f, beta: 1.3f),
        ["Gemm with both transposed"] = v => v[0].Gemm(v[1], v[2], alpha: 0.7f, transposeA: true, transposeB: true),
        ["Gemm with the first transposed"] = v => v[0].Gemm(v[1], alpha: 0.7f, transposeA: true),
        ["Gemm with the second transposed"] = v => v[0].Gemm(v[1], transposeB: true),
        ["Concat"] = v => v.Concat(1) * v.Concat(1),
        ["Concat at the end"] = v => v.Concat(-1).Exp(),
        ["Neg"] = v => -v[0],
        ["Exp"] = v => v[0].Exp(),
        ["Log"] = v => (v[0] + 3).Log(),
        ["Sqrt"] = v => (v[0] + 3).Sqrt(),
        ["Tanh"] = v => v[0].Tanh(),
        ["Sigmoid"] = v => v[0].Sigmoid(),
        ["Relu"] = v => v[0].Relu(),
        ["Softmax"] = v => v[0].Softmax(),
        ["Softmax along the first axis"] = v => v[0].Softmax(0),
        ["LogSoftmax"] = v => v[0].LogSoftmax(),
        ["LogSoftmax along the first axis"] = v => v[0].LogSoftmax(0),
        ["ReduceSum"] = v => v[0].ReduceSum([1]),
        ["ReduceSum of all"] = v => v[0].ReduceSum() * v[0].ReduceSum(),
        ["ReduceSum kept"] = v => v[0].ReduceSum([0], keepDimensions: true) * v[0],
        ["ReduceMean"] = v => v[0].ReduceMean([0]),
        ["ReduceMean of all"] = v => v[0].ReduceMean().Exp(),
        ["ReduceMean kept"] = v => v[0].ReduceMean([-1], keepDimensions: true) * v[0],
        ["Transpose"] = v => v[0].Transpose(1, 0).Exp(),
        ["Reshape"] = v => v[0].Reshape([v[0].Shape.Elements!.Value]).Exp(),
        ["Unsqueeze"] = v => v[0].Unsqueeze(1).Exp(),
        ["Split"] = v => v[0].Split(1, 1, v[0].Shape.SizeOf(1) - 1) is var parts ? parts[0] * parts[1] : parts[0],
        ["Expand"] = v => v[0].ExpandLike(v[1]) * v[1],
        ["Identity"] = v => v[0].Graph.Apply("Identity", [v[0]], v[0].Type, v[0].Shape).Exp(),
        ["Cast"] = v => v[0].Exp().Cast(TensorElementType.Double),
        ["A value used twice"] = v => (v[0] * v[0].Exp()) + (v[0] / 2),
    };

    [Theory]
    [InlineData("Add", "3,4", "3,4")]
    [InlineData("Add", "3,4", "4")]
    [InlineData("Add", "3,1", "1,4")]
    [InlineData("Sub", "3,4", "1")]
    [InlineData("Sub", "", "2,3")]
    [InlineData("Mul", "3,4", "3,1")]
    [InlineData("Mul", "2,3,4", "3,1")]
    [InlineData("Div", "3,4", "3,4")]
    [InlineData("Div", "4", "3,4")]
    [InlineData("Pow", "3,4", "4")]
    [InlineData("Pow", "3,1", "3,4")]
    [InlineData("Where", "3,4", "3,1")]
    [InlineData("MatMul", "3,4", "4,2")]
    [InlineData("MatMul", "2,3,4", "4,2")]
    [InlineData("MatMul", "2,1,3,4", "5,4,2")]
    [InlineData("Gemm", "3,4", "4,2", "2")]
    [InlineData("Gemm", "3,4", "4,2", "3,1")]
    [InlineData("Gemm with both transposed", "4,3", "2,4", "1")]
    [InlineData("Gemm with the first transposed", "4,3", "4,2")]
    [InlineData("Gemm with the second transposed", "3,4", "2,4")]
    [InlineData("Concat", "3,1", "3,2", "3,3")]
    [InlineData("Concat at the end", "2,1,2", "2,1,3")]
    [InlineData("Neg", "3,4")]
    [InlineData("Exp", "3,4")]
    [InlineData("Log", "3,4")]
    [InlineData("Sqrt", "3,4")]
    [InlineData("Tanh", "3,4")]
    [InlineData("Sigmoid", "3,4")]
    [InlineData("Relu", "3,4")]
    [InlineData("Softmax", "3,4")]
    [InlineData("Softmax along the first axis", "3,4")]
    [InlineData("LogSoftmax", "2,3,4")]
    [InlineData("LogSoftmax along the first axis", "3,4")]
    [InlineData("ReduceSum", "3,4,2")]
    [InlineData("ReduceSum of all", "3,4")]
    [InlineData("ReduceSum kept", "3,4")]
    [InlineData("ReduceMean", "3,4")]
    [InlineData("ReduceMean of all", "3,4")]
    [InlineData("ReduceMean kept", "3,4")]
    [InlineData("Transpose", "3,4")]
    [InlineData("Reshape", "3,4")]
    [InlineData("Unsqueeze", "3,4")]
    [InlineData("Split", "3,3")]
    [InlineData("Expand", "3,1", "3,4")]
    [InlineData("Expand", "1,4", "2,3,4")]
    [InlineData("Identity", "3")]
    [InlineData("Cast", "3")]
    [InlineData("A value used twice", "3,4")]
    public void Gradients_equal_differences(string function, params string[] shapes)
    {
        var random = new Random(7);
        long[][] dimensions = [.. shapes.Select(s => s.Length == 0 ? [] : Array.ConvertAll(s.Split(','), long.Parse))];
        var points = dimensions.Select(d => Enumerable.Range(0, (int)d.Aggregate(1L, (a, b) => a * b)).Select(_ => (random.NextDouble() * 3) - 1.5).ToArray()).ToArray();

        var graph = new GraphBuilder("test");
        var inputs = dimensions.Select((d, i) => graph.Input($"x{i}", TensorElementType.Double, Shape.Of(d.Select(n => (Dimension)n)))).ToArray();
        var result = Functions[function](inputs);
        // Each element of the result counts differently, so that none can stand for another.
        var elements = (int)result.Shape.Elements!.Value;
        var weights = graph.Constant("loss_weights", Enumerable.Range(0, elements).Select(i => Math.Cos(i + 1)).ToArray(), [.. result.Shape.Select(d => d.Size!.Value)]);
        var loss = graph.Output("loss", (result * weights).ReduceSum());
        var gradients = Gradients.Of(loss, inputs);
        for (var i = 0; i < gradients.Count; i++)
            graph.Output($"gradient{i}", gradients[i]);

        var runInputs = points.Zip(dimensions, (p, d) => ((Array)p, d)).ToArray();
        using var runner = new GraphRunner(graph);
        for (var i = 0; i < points.Length; i++)
        {
            var actual = runner.Run<double>($"gradient{i}", runInputs);
            for (var j = 0; j < points[i].Length; j++)
            {
                var at = points[i][j];
                points[i][j] = at + Delta;
                var above = runner.Run<double>("loss", runInputs)[0];
                points[i][j] = at - Delta;
                var below = runner.Run<double>("loss", runInputs)[0];
                points[i][j] = at;
                var expected = (above - below) / (2 * Delta);
                Assert.True(Math.Abs(expected - actual[j]) <= Tolerance * (1 + Math.Abs(expected)), $"{function}: input {i}, element {j}: {actual[j]}, expected {expected}");
            }
        }
    }

    [Fact]
    public void Every_rule_is_tested()
    {
        string[] constant = ["ArgMax", "Greater", "IsNaN", "Shape", "Size"];

        Assert.Empty(GradientRules.Default.Operators.Except(Functions.Keys).Except(constant));
    }

    [Fact]
    public void Gradients_hold_for_any_number_of_rows()
    {
        var graph = new GraphBuilder("test");
        var x = graph.Input("x", TensorElementType.Double, ["rows", 2]);
        var w = graph.Input("w", TensorElementType.Double, [2, 1]);
        var b = graph.Input("b", TensorElementType.Double, [1]);
        var loss = (x.MatMul(w) + b).Sigmoid().ReduceMean();
        graph.Output("gradient", Gradients.Of(loss, [b])[0]);

        using var runner = new GraphRunner(graph);
        foreach (var rows in new[] { 1, 5 })
        {
            var gradient = runner.Run<double>(
                "gradient", (Enumerable.Repeat(1.0, rows * 2).ToArray(), [rows, 2]), (new[] { 0.25, 0.25 }, [2, 1]), (new[] { 0.5 }, [1]));
            var sigmoid = 1 / (1 + Math.Exp(-1));
            Assert.Equal(sigmoid * (1 - sigmoid), gradient[0], 1e-12);
        }
    }

    [Fact]
    public void An_operator_without_a_rule_is_named_with_its_node()
    {
        var graph = new GraphBuilder("test");
        var x = graph.Input("position", TensorElementType.Double, [3]);
        var loss = graph.Apply("Floor", [x], x.Type, x.Shape).ReduceSum();

        var error = Assert.Throws<NotSupportedException>(() => Gradients.Of(loss, [x]));

        Assert.Contains("Floor 'Floor' (position[3])", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_operator_without_a_rule_does_not_matter_off_the_path()
    {
        var graph = new GraphBuilder("test");
        var x = graph.Input("x", TensorElementType.Double, [3]);
        var data = graph.Input("data", TensorElementType.Double, [3]);
        var loss = (x * graph.Apply("Floor", [data], data.Type, data.Shape)).ReduceSum();
        graph.Output("gradient", Gradients.Of(loss, [x])[0]);

        Assert.Equal([1.0, 2, -3], GraphRunner.Run<double>(graph, "gradient", (new double[3], [3]), (new[] { 1.5, 2.7, -2.1 }, [3])));
    }

    [Fact]
    public void A_parameter_the_loss_does_not_depend_on_is_named()
    {
        var graph = new GraphBuilder("test");
        var x = graph.Input("x", TensorElementType.Double, [3]);
        var unused = graph.Input("unused", TensorElementType.Double, [3]);

        Assert.Contains("'unused'", Assert.Throws<ArgumentException>(() => Gradients.Of(x.ReduceSum(), [x, unused])).Message, StringComparison.Ordinal);
    }
}
