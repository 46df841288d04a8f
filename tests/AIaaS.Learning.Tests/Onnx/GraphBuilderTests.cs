using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Onnx.Protos;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Tests.Onnx;

public sealed class GraphBuilderTests
{
    [Fact]
    public void Operators_compute_what_they_say()
    {
        var graph = new GraphBuilder("test");
        var x = graph.Input("x", TensorElementType.Double, ["rows", 2]);
        var y = graph.Constant("y", new double[] { 10, 100 }, 2);
        graph.Output("z", ((x * y) - 1) / 2 + (-x));

        Assert.Equal([3.5, 97.5, 11.5, 195.5], GraphRunner.Run<double>(graph, "z", (new double[] { 1, 2, 3, 4 }, [2, 2])));
    }

    [Fact]
    public void Shapes_are_known_before_the_graph_runs()
    {
        var graph = new GraphBuilder("test");
        var x = graph.Input("x", TensorElementType.Float, ["rows", 4]);
        var w = graph.Constant("w", new float[12], 4, 3);

        Assert.Equal<Shape>(["rows", 3], x.MatMul(w).Shape);
        Assert.Equal<Shape>(["rows"], x.ReduceSum([1]).Shape);
        Assert.Equal<Shape>(["rows", 1], x.ReduceMean([-1], keepDimensions: true).Shape);
        Assert.Equal<Shape>(["rows", 7], new[] { x, x.MatMul(w) }.Concat(1).Shape);
        Assert.Equal<Shape>([], x.ReduceMax().Shape);
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused_when_the_graph_is_built()
    {
        var graph = new GraphBuilder("test");
        var a = graph.Input("a", TensorElementType.Float, ["rows", 4]);
        var b = graph.Input("b", TensorElementType.Float, ["rows", 3]);

        Assert.Contains("[rows, 4]", Assert.Throws<ArgumentException>(() => a + b).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => a.MatMul(b));
        Assert.Throws<ArgumentException>(() => graph.Input("a", TensorElementType.Float, []));
    }

    [Fact]
    public void What_no_output_needs_is_left_out()
    {
        var graph = new GraphBuilder("test");
        var x = graph.Input("x", TensorElementType.Float, [2]);
        _ = x * graph.Constant("unused", new float[2], 2);
        graph.Output("y", x + graph.Constant("used", new float[2], 2));

        var model = graph.ToModel();

        Assert.Equal(["Add"], model.Graph.Node.Select(n => n.OpType));
        Assert.Equal(["used"], model.Graph.Initializer.Select(i => i.Name));
    }

    [Fact]
    public void A_generated_name_gives_way_to_an_input_of_that_name()
    {
        var graph = new GraphBuilder("test");
        var x = graph.Input("Add", TensorElementType.Float, [1]);
        graph.Output("y", x + x);
        graph.Output("input", x);

        Assert.Equal([3f], GraphRunner.Run<float>(graph, "input", (new float[] { 3 }, [1])));
    }

    [Fact]
    public void A_model_survives_its_file()
    {
        var graph = new GraphBuilder("test");
        graph.Metadata["größe"] = "żółw 🐢";
        graph.Output("y", graph.Input("x y.z", TensorElementType.Float, ["rows", 1]).Gemm(graph.Constant("w", new float[] { 2 }, 1, 1), alpha: 0));

        var model = graph.ToModel();
        var read = ModelProto.Parser.ParseFrom(model.ToByteArray());

        Assert.Equal(model, read);
        Assert.Equal((8, 17), (read.IrVersion, read.OpsetImport.Single(o => o.Domain.Length == 0).Version));
        // Zero must be written all the same: readers take an absent attribute for the operator's default, here 1.
        Assert.True(read.Graph.Node[0].Attribute.Single(a => a.Name == "alpha").HasF);
    }
}
