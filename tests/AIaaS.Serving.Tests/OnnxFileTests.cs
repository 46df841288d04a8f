using AIaaS.Learning.Onnx.Protos;
using AIaaS.Serving.Models;
using Google.Protobuf;

namespace AIaaS.Serving.Tests;

public class OnnxFileTests
{
    [Fact]
    public void A_plain_model_uses_no_extensions() => Assert.False(OnnxFile.Read(TestModels.Echo.Read()).UsesExtensions);

    [Fact]
    public void An_operator_of_the_extensions_is_seen_even_in_a_nested_graph()
    {
        var model = Model(Nested(Node("BertTokenizer", OnnxFile.ExtensionsDomain), depth: 3));

        Assert.True(OnnxFile.Read(model).UsesExtensions);
    }

    [Theory]
    [InlineData("StringECMARegexReplace")]
    [InlineData("AudioDecoder")]
    [InlineData("BpeDecoder")]
    [InlineData("RaggedTensorToSparse")]
    [InlineData("SomethingOfALaterVersion")]
    public void An_operator_of_the_extensions_that_a_request_could_end_the_server_by_is_refused(string type)
    {
        foreach (var domain in new[] { OnnxFile.ExtensionsDomain, OnnxFile.ContributedDomain })
        {
            var node = Node(type, domain);
            var function = Parse(Model(Node("F", "mine")));
            function.Functions.Add(Function("mine", "F", node));

            Assert.Contains($"'{type}'", Refuse(Model(node)), StringComparison.Ordinal);
            Assert.Contains($"'{type}'", Refuse(Model(Nested(node, depth: 2))), StringComparison.Ordinal);
            Assert.Contains($"'{type}'", Refuse(function.ToByteArray()), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Operators_of_an_unknown_domain_are_refused_by_its_name()
        => Assert.Contains("'my.company'", Refuse(Model(Node("Anything", "my.company"))), StringComparison.Ordinal);

    [Fact]
    public void Operators_of_a_domain_that_the_file_defines_are_served()
    {
        var model = Parse(Model(Node("Twice", "my.company")));
        model.Functions.Add(Function("my.company", "Twice", Node("Add")));

        Assert.False(OnnxFile.Read(model.ToByteArray()).UsesExtensions);
    }

    [Fact]
    public void Weights_in_other_files_are_refused_wherever_they_are()
    {
        var tensor = new TensorProto { DataLocation = TensorProto.Types.DataLocation.External };
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = "../../etc/passwd" });
        var constant = Node("Constant");
        constant.Attribute.Add(new AttributeProto { Name = "value", T = tensor });
        var initializer = Parse(Model(Node("Add")));
        initializer.Graph.Initializer.Add(tensor);

        Assert.Contains("external data", Refuse(Model(Nested(constant, depth: 2))), StringComparison.Ordinal);
        Assert.Contains("external data", Refuse(initializer.ToByteArray()), StringComparison.Ordinal);
    }

    [Fact]
    public void An_image_that_no_check_can_see_before_it_is_decoded_is_refused()
    {
        var decoding = Node("DecodeImage", OnnxFile.ExtensionsDomain);
        decoding.Input.Add("image");
        var input = new ValueInfoProto { Name = "image" };
        var direct = Parse(Model(decoding));
        direct.Graph.Input.Add(input);
        var constant = direct.Clone();
        constant.Graph.Initializer.Add(new TensorProto { Name = "image" });
        var sparse = direct.Clone();
        sparse.Graph.SparseInitializer.Add(new SparseTensorProto { Values = new() { Name = "image" } });
        var nested = Parse(Model(Nested(decoding, depth: 1)));
        nested.Graph.Input.Add(input);
        var function = Parse(Model(Node("F", "mine")));
        function.Graph.Input.Add(input);
        function.Functions.Add(Function("mine", "F", decoding));

        Assert.Equal(["image"], OnnxFile.Read(direct.ToByteArray()).DecodedImages);
        foreach (var hidden in new[] { Parse(Model(decoding)), constant, sparse, nested, function })
            Assert.Contains("DecodeImage", Refuse(hidden.ToByteArray()), StringComparison.Ordinal);
    }

    [Fact]
    public void Graphs_nested_without_end_are_refused()
        => Assert.Contains("nested", Refuse(Model(Nested(Node("Add"), depth: 50))), StringComparison.Ordinal);

    [Fact]
    public void Functions_that_double_at_each_level_are_refused()
    {
        var model = Parse(Model(Node("F0", "bomb")));
        for (var i = 0; i < 40; i++)
            model.Functions.Add(Function("bomb", $"F{i}", [.. Enumerable.Repeat(Node($"F{i + 1}", "bomb"), 100)]));
        model.Functions.Add(Function("bomb", "F40", Node("Add")));

        Assert.NotEmpty(Refuse(model.ToByteArray()));
    }

    [Fact]
    public void Few_levels_of_functions_that_make_too_many_nodes_are_refused()
    {
        var model = Parse(Model(Node("F0", "bomb")));
        for (var i = 0; i < 6; i++)
            model.Functions.Add(Function("bomb", $"F{i}", [.. Enumerable.Repeat(Node($"F{i + 1}", "bomb"), 100)]));
        model.Functions.Add(Function("bomb", "F6", Node("Add")));

        Assert.Contains("nodes", Refuse(model.ToByteArray()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_function_that_calls_itself_is_refused()
    {
        var model = Parse(Model(Node("F", "loop")));
        model.Functions.Add(Function("loop", "F", Node("F", "loop")));

        Assert.Contains("calls itself", Refuse(model.ToByteArray()), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_cut_of_a_file_is_read_or_refused_with_a_reason()
    {
        var file = TestModels.StringLabel.Read();

        for (var length = 0; length < file.Length; length++)
        {
            var cut = file[..length];
            if (Record.Exception(() => OnnxFile.Read(cut)) is { } refusal)
                Assert.IsType<InvalidDataException>(refusal);
        }
    }

    [Fact]
    public void Any_mutation_of_a_file_is_read_or_refused_with_a_reason()
    {
        var random = new Random(5);
        var file = TestModels.StringLabel.Read();
        var refused = 0;

        for (var i = 0; i < 20_000; i++)
        {
            var mutated = Damaged.Copy(file, random, mostEdits: 4);
            if (Record.Exception(() => OnnxFile.Read(mutated)) is { } refusal)
            {
                Assert.IsType<InvalidDataException>(refusal);
                refused++;
            }
        }

        Assert.InRange(refused, 100, 19_900);
    }

    internal static byte[] Model(params NodeProto[] nodes)
    {
        var model = new ModelProto { IrVersion = 8, Graph = new GraphProto { Name = "test" } };
        model.Graph.Node.AddRange(nodes);
        return model.ToByteArray();
    }

    private static ModelProto Parse(byte[] file) => ModelProto.Parser.ParseFrom(file);

    private static NodeProto Node(string type, string domain = "") => new() { OpType = type, Domain = domain };

    private static NodeProto Nested(NodeProto node, int depth)
    {
        for (; depth > 0; depth--)
        {
            var outer = Node("If");
            var branch = new AttributeProto { Name = "then_branch", G = new GraphProto() };
            branch.G.Node.Add(node);
            outer.Attribute.Add(branch);
            node = outer;
        }

        return node;
    }

    private static FunctionProto Function(string domain, string name, params NodeProto[] nodes)
    {
        var function = new FunctionProto { Domain = domain, Name = name };
        function.Node.AddRange(nodes);
        return function;
    }

    private static string Refuse(byte[] file) => Assert.Throws<InvalidDataException>(() => OnnxFile.Read(file)).Message;
}
