using AIaaS.Formats;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Protos;
using AIaaS.Serving.Models;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Tests;

public class ModelImportTests
{
    [Fact]
    public async Task A_signature_is_made_of_the_graphs_inputs_and_outputs()
    {
        var signature = await ExamineAsync(TestModels.Echo.Read());

        Assert.Equal(TestModels.Echo.Signature.Inputs.Select(i => (i.Name, i.Type)), signature.Inputs.Select(i => (i.Name, i.Type)));
        Assert.All(signature.Inputs, i => Assert.True(i.Required));
        Assert.Equal(TestModels.Echo.Signature.Outputs.Select(o => o.Name), signature.Outputs.Select(o => o.Name));
    }

    [Fact]
    public async Task One_number_for_each_row_is_a_regression()
    {
        var signature = await ExamineAsync(TestModels.Regression.Read());

        Assert.Equal((LearningTask.Regression, OutputRole.Value), (signature.Task, Assert.Single(signature.Outputs).Role));
    }

    [Fact]
    public async Task An_output_named_label_decides_a_class()
    {
        var signature = await ExamineAsync(TestModels.StringLabel.Read());

        Assert.Equal(LearningTask.Classification, signature.Task);
        Assert.Equal(OutputRole.Label, signature.Outputs.Single(o => o.Name == "label").Role);
    }

    [Fact]
    public async Task A_graph_without_rows_takes_tensors_only()
    {
        var graph = new GraphBuilder("matrix");
        graph.Output("y", graph.Input("x", TensorElementType.Float, [3, 4]) + 1);

        var signature = await ExamineAsync(graph.ToModel().ToByteArray());

        Assert.Empty(signature.Inputs);
    }

    [Theory]
    [InlineData("identity-fp16")]
    [InlineData("identity-bf16")]
    [InlineData("identity-int8")]
    [InlineData("identity-int16")]
    [InlineData("identity-uint16")]
    [InlineData("identity-uint32")]
    [InlineData("identity-uint64")]
    public async Task A_graph_that_gives_no_type_of_rows_gives_tensors_only(string model)
    {
        var signature = await ExamineAsync(TestModels.Tensors(model).Read());

        Assert.Equal((LearningTask.Other, 0, 0), (signature.Task, signature.Inputs.Count, signature.Outputs.Count));
    }

    [Fact]
    public async Task A_graph_that_gives_no_tensor_is_refused()
    {
        var graph = new GraphBuilder("sequence");
        var x = graph.Input("x", TensorElementType.Float, ["rows", 1]);
        graph.Output("y", graph.Apply("SequenceConstruct", [x], TensorElementType.Float, []));
        var model = graph.ToModel();
        model.Graph.Output[0].Type = new() { SequenceType = new() { ElemType = model.Graph.Input[0].Type } };

        var refusal = await Assert.ThrowsAsync<ModelLoadException>(() => ExamineAsync(model.ToByteArray()));

        Assert.Contains("none of its outputs is a tensor", refusal.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_signature_that_is_not_true_of_the_graph_is_refused()
    {
        var refusal = await Assert.ThrowsAsync<ModelLoadException>(() => ExamineAsync(TestModels.Echo.Read(), TestModels.Regression.Signature));

        Assert.Contains("its graph", refusal.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_no_model_is_refused()
    {
        var refusal = await Assert.ThrowsAsync<ModelLoadException>(() => ExamineAsync([.. "PK\u0003\u0004 this is a zip"u8]));

        Assert.Contains("not an ONNX", refusal.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_graph_that_fails_on_a_single_row_takes_tensors_only()
    {
        var graph = new GraphBuilder("pairs");
        var x = graph.Input("x", TensorElementType.Float, ["rows", 1]);
        graph.Output("y", graph.Apply("Reshape", [x, graph.Constant("pair", new[] { 2L, 1L }, [2])], TensorElementType.Float, [2, 1]));

        Assert.Empty((await ExamineAsync(graph.ToModel().ToByteArray())).Inputs);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_damaged_file_is_taken_or_refused_with_a_reason(int seed)
    {
        var cases = Environment.GetEnvironmentVariable("AIAAS_LONG") == "1" ? 50_000 : 2_000;
        var random = new Random(seed);
        byte[][] files = [TestModels.StringLabel.Read(), TestModels.Echo.Read(), TestModels.TenNumbers.Read(), TestModels.Tensors("sum-difference").Read(), TestModels.Tensors("text").Read()];
        var (taken, refused) = (0, 0);
        for (var i = 0; i < cases; i++)
        {
            var file = Damaged.Copy(files[random.Next(files.Length)], random, mostEdits: 3);
            try
            {
                await ExamineAsync(file);
                taken++;
            }
            catch (ModelLoadException refusal)
            {
                Assert.NotEmpty(refusal.Reason);
                refused++;
            }
        }

        Assert.True(taken > cases / 20 && refused > cases / 20, $"{taken} taken, {refused} refused");
    }

    [Fact]
    public async Task A_graph_that_never_ends_is_ended()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => ModelImport.ExamineAsync("endless", EndlessLoop(), null, new(), TimeProvider.System, patience.Token).WaitAsync(TimeSpan.FromSeconds(60)));
    }

    [Fact]
    public async Task Operators_of_the_extensions_are_there_for_a_graph_that_uses_them()
    {
        var graph = new GraphBuilder("upper");
        var text = graph.Input("text", TensorElementType.String, ["rows", 1]);
        graph.Output("upper", graph.Apply("StringUpper", [text], [(TensorElementType.String, text.Shape)], OnnxFile.ContributedDomain)[0]);

        var signature = await ExamineAsync(graph.ToModel().ToByteArray());

        Assert.Equal("upper", Assert.Single(signature.Outputs).Name);
    }

    private static Task<ModelSignature> ExamineAsync(byte[] file, ModelSignature? given = null) =>
        ModelImport.ExamineAsync("imported", file, given, new(), TimeProvider.System, CancellationToken.None);

    /// <summary>Loops 2^62 times over each row.</summary>
    private static byte[] EndlessLoop()
    {
        var graph = new GraphBuilder("endless");
        var x = graph.Input("x", TensorElementType.Float, ["rows", 1]);
        var trips = graph.Constant("trips", new[] { 1L << 62 }, []);
        var go = graph.Constant("go", new[] { true }, []);
        graph.Output("value", graph.Apply("Loop", [trips, go, x], [(x.Type, x.Shape)], attributes: ("body", Body()))[0]);
        return graph.ToModel().ToByteArray();

        static GraphProto Body()
        {
            var body = new GraphProto { Name = "body" };
            body.Node.Add(new NodeProto { OpType = "Identity", Input = { "go_in" }, Output = { "go_out" } });
            body.Node.Add(new NodeProto { OpType = "Neg", Input = { "x_in" }, Output = { "x_out" } });
            body.Input.Add(Scalar("i", TensorElementType.Int64));
            body.Input.Add(Scalar("go_in", TensorElementType.Bool));
            body.Input.Add(new ValueInfoProto { Name = "x_in", Type = new() { TensorType = new() { ElemType = (int)TensorElementType.Float } } });
            body.Output.Add(Scalar("go_out", TensorElementType.Bool));
            body.Output.Add(new ValueInfoProto { Name = "x_out", Type = new() { TensorType = new() { ElemType = (int)TensorElementType.Float } } });
            return body;
        }

        static ValueInfoProto Scalar(string name, TensorElementType type) =>
            new() { Name = name, Type = new() { TensorType = new() { ElemType = (int)type, Shape = new() } } };
    }
}
