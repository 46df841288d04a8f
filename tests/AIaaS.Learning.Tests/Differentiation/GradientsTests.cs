using AIaaS.Learning.Differentiation;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Tests.Differentiation;

public sealed class GradientsTests
{
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
    public void Powers_of_zero_and_zeroth_powers_have_gradients()
    {
        var graph = new GraphBuilder("test");
        var x = graph.Input("x", TensorElementType.Double, [4]);
        var exponent = graph.Input("exponent", TensorElementType.Double, [4]);
        var gradients = Gradients.Of(x.Pow(exponent).ReduceSum(), [x, exponent]);
        graph.Output("of_x", gradients[0]);
        graph.Output("of_exponent", gradients[1]);
        using var runner = new GraphRunner(graph);
        (Array, long[])[] inputs = [(new double[] { 0, 0, 0, 2 }, [4]), (new double[] { 2, 1, 0, 0 }, [4])];

        Assert.Equal([0.0, 1, 0, 0], runner.Run<double>("of_x", inputs));
        Assert.Equal([0, 0, 0, Math.Log(2)], runner.Run<double>("of_exponent", inputs));
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

    [Fact]
    public void An_operator_that_draws_at_random_is_refused()
    {
        var graph = new GraphBuilder("test");
        var x = graph.Input("x", TensorElementType.Double, [3]);
        var training = graph.Constant("training", new[] { true }, []);
        var loss = graph.Apply("Dropout", [x, null, training], x.Type, x.Shape).ReduceSum();

        Assert.Contains("Dropout 'Dropout'", Assert.Throws<NotSupportedException>(() => Gradients.Of(loss, [x])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Statistics_of_a_normalization_have_no_gradient()
    {
        var graph = new GraphBuilder("test");
        var x = graph.Input("x", TensorElementType.Double, [3, 2]);
        var ones = graph.Constant("ones", new double[] { 1, 1 }, 2);
        var loss = graph.Apply(
            "BatchNormalization",
            [x, ones, ones, ones, ones],
            [(x.Type, x.Shape), (x.Type, ones.Shape), (x.Type, ones.Shape)],
            attributes: ("training_mode", 1L))[1].ReduceSum();

        Assert.Contains("BatchNormalization", Assert.Throws<NotSupportedException>(() => Gradients.Of(loss, [x])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 3)]
    [InlineData(200, 3)]
    public void Indices_that_repeat_add_up_on_any_number_of_threads(long width, long parts)
    {
        // So much that the runtime shares it between threads.
        var count = 4_000_000 / width;
        var graph = new GraphBuilder("test");
        var table = graph.Input("table", TensorElementType.Float, [parts, width]);
        var indices = graph.Constant("indices", Enumerable.Range(0, (int)count).Select(i => i % parts).ToArray(), count);
        graph.Output("gradient", Gradients.Of(table.Gather(indices, 0).ReduceSum(), [table])[0]);

        using var runner = new GraphRunner(graph, threads: 4);

        Assert.All(
            runner.Run<float>("gradient", (new float[parts * width], [parts, width])).Index(),
            g => Assert.Equal((count + parts - 1 - (g.Index / width)) / parts, g.Item));
    }
}
