using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Serving.Predictions;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Tests;

/// <summary>Rows written otherwise than as objects.</summary>
public sealed class RowFormatTests : IAsyncLifetime
{
    private PredictionClient _echo = null!;

    public async Task InitializeAsync() => _echo = await PredictionClient.StartAsync(TestModels.EchoWith(
        TestModels.Feature("float64", ColumnKind.Datetime, TensorType.Float64)));

    public async Task DisposeAsync() => await _echo.DisposeAsync();

    [Fact]
    public async Task Columns_named_once_give_rows_as_arrays_in_their_order()
    {
        var answer = await _echo.PredictAsync(
            """{"columns":["string","uint8","int32","int64","bool"],"rows":[["a",1,2,3,true],["b",4,5,6,false]]}""");

        Assert.Equal(["a 2 True", "b 5 False"], Rows(answer).Select(r => $"{r.GetProperty("string_out")} {r.GetProperty("int32_out")} {r.GetProperty("bool_out")}"));
    }

    [Fact]
    public async Task Unknown_columns_are_refused_or_skipped_as_the_endpoint_says()
    {
        const string Body = """{"columns":["int32","extra","int64","bool","uint8"],"rows":[[1,{"any":[1,2]},3,true,4]]}""";

        var refusal = await _echo.RefuseAsync(Body);
        var answer = await _echo.PredictAsync(Body, UnknownFeaturePolicy.Ignore);

        Assert.Equal(PredictionError.UnknownFeature, refusal.Error);
        Assert.Equal(3, Rows(answer)[0].GetProperty("int64_out").GetInt32());
    }

    [Theory]
    [InlineData("""{"rows":[],"columns":["int32"]}""", "before")]
    [InlineData("""{"columns":["int32"],"columns":["int32"],"rows":[]}""", "twice")]
    [InlineData("""{"columns":["int32","int32"],"rows":[]}""", "twice")]
    [InlineData("""{"columns":"int32","rows":[]}""", "array of feature names")]
    [InlineData("""{"columns":[1],"rows":[]}""", "array of feature names")]
    [InlineData("""{"columns":["int32","int64","bool","uint8"],"rows":[[1,2,true]]}""", "3 values for 4")]
    [InlineData("""{"columns":["int32","int64","bool","uint8"],"rows":[[1,2,true,4,5]]}""", "more values")]
    [InlineData("""{"columns":["int32"],"rows":[[1]]}""", "needs a value")]
    public async Task Columns_that_do_not_fit_are_refused_with_the_reason(string body, string reason)
        => Assert.Contains(reason, (await _echo.RefuseAsync(body)).Message, StringComparison.Ordinal);

    [Fact]
    public async Task Csv_gives_the_values_that_json_gives()
    {
        const string Csv = "float32,float64,int32,int64,bool,string,uint8\r\n1.5,2024-05-31T08:00:00Z,7,-9007199254740993,TRUE,\"a \"\"quoted\"\", thing\r\nin two lines\",200\r\n,,+8,0,0,,1";

        var answer = await PredictAsync(Csv, RowFormat.Csv);
        var expected = await _echo.PredictAsync(
            """
            {"rows":[{"float32":1.5,"float64":"2024-05-31T08:00:00Z","int32":7,"int64":-9007199254740993,"bool":true,"string":"a \"quoted\", thing\r\nin two lines","uint8":200},
            {"int32":8,"int64":0,"bool":false,"uint8":1}]}
            """);

        Assert.Equal(expected.GetRawText(), answer.GetRawText());
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("int32,int64\n1", "1 values for 2")]
    [InlineData("int32\n1,2", "more values")]
    [InlineData("int32\n\"1", "no end")]
    [InlineData("int32\n\"1\"2", "closing quote")]
    [InlineData("int32\n1\"2", "not in quotes")]
    [InlineData("int32,int64,bool,uint8\n1,x,1,1", "expected an integer")]
    [InlineData("int32,int64,bool,uint8\n1,2,maybe,1", "expected true or false")]
    [InlineData("int32,colour\n1,red", "no such feature")]
    public async Task Csv_that_does_not_fit_is_refused_with_the_reason(string csv, string reason)
        => Assert.Contains(reason, (await Assert.ThrowsAsync<PredictionRequestException>(() => PredictAsync(csv, RowFormat.Csv))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("NaN")]
    [InlineData("-Infinity")]
    [InlineData("inf")]
    public async Task Numbers_that_are_not_finite_are_refused_or_taken_as_missing_as_the_endpoint_says(string value)
    {
        await using var client = await PredictionClient.StartAsync(TestModels.StringLabel);
        var body = $$"""{"rows":[{"length":"{{value}}","mass":4,"island":"Dream"}]}""";

        var refusal = await Assert.ThrowsAsync<PredictionRequestException>(() => client.AnswerAsync(body, c => c));
        var taken = await client.AnswerAsync(body, c => c with { NonFinite = NonFinitePolicy.Missing });
        var missing = await client.AnswerAsync("""{"rows":[{"mass":4,"island":"Dream"}]}""", c => c);

        Assert.Equal((PredictionError.NonFinite, "length"), (refusal.Error, refusal.Feature));
        Assert.Equal(missing.GetRawText(), taken.GetRawText());
    }

    [Fact]
    public async Task A_text_is_the_value_of_the_one_text_feature()
    {
        await using var client = await PredictionClient.StartAsync(Texts(("text", ColumnKind.Text)));

        var answer = await client.AnswerAsync("one \"text\"\nin two lines", c => c with { Format = RowFormat.Text });

        Assert.Equal("one \"text\"\nin two lines", Rows(answer)[0].GetProperty("text_out").GetString());
    }

    [Fact]
    public async Task A_text_for_a_model_of_several_features_is_refused()
    {
        await using var client = await PredictionClient.StartAsync(Texts(("title", ColumnKind.Text), ("body", ColumnKind.Text)));

        var refusal = await Assert.ThrowsAsync<PredictionRequestException>(() => client.AnswerAsync("one", c => c with { Format = RowFormat.Text }));

        Assert.Equal(PredictionError.WrongForm, refusal.Error);
    }

    [Fact]
    public async Task Outputs_are_written_as_their_roles_say()
    {
        await using var client = await PredictionClient.StartAsync(Roles());

        var row = Rows(await client.AnswerAsync("""{"rows":[{"x":2}]}""", c => c))[0];

        Assert.Equal(
            """{"value":2,"interval":{"lower":1,"upper":3},"items":[{"item":"red","score":2},{"item":"blue","score":4}],"cluster":7,"anomalyScore":4,"anomaly":true}""",
            row.GetRawText());
    }

    private static JsonElement[] Rows(JsonElement answer) => [.. answer.GetProperty("predictions").EnumerateArray()];

    private Task<JsonElement> PredictAsync(string body, RowFormat format) => _echo.AnswerAsync(body, c => c with { Format = format });

    private static TestModel Texts(params (string Name, ColumnKind Kind)[] features)
    {
        var graph = new GraphBuilder("texts");
        foreach (var (name, _) in features)
            graph.Output(name + "_out", graph.Input(name, TensorElementType.String, ["rows", 1]));
        return new(graph.ToModel().ToByteArray(), new()
        {
            Task = LearningTask.Other,
            Inputs = [.. features.Select(f => TestModels.Feature(f.Name, f.Kind, TensorType.String))],
            Outputs = [.. features.Select(f => new ModelOutput(f.Name + "_out", OutputRole.Other, TensorType.String, [-1, 1]))],
        });
    }

    private static TestModel Roles()
    {
        var graph = new GraphBuilder("roles");
        var x = graph.Input("x", TensorElementType.Float, ["rows", 1]);
        var twice = x + x;
        graph.Output("mean", x);
        graph.Output("low", x - 1);
        graph.Output("high", x + 1);
        var zeros = x.Cast(TensorElementType.Int64) * 0;
        graph.Output("items", graph.Constant("names", new[] { "red", "blue" }, 2).Gather(zeros + graph.Constant("order", new long[] { 0, 1 }, 1, 2), axis: 0));
        graph.Output("scores", new[] { x, twice }.Concat(1));
        graph.Output("nearest", zeros + 7);
        graph.Output("distance", twice);
        graph.Output("odd", twice.Greater(x));
        return new(graph.ToModel().ToByteArray(), new()
        {
            Task = LearningTask.Other,
            Inputs = [TestModels.Feature("x")],
            Outputs =
            [
                new("mean", OutputRole.Value, TensorType.Float32, [-1, 1]),
                new("low", OutputRole.Lower, TensorType.Float32, [-1, 1]),
                new("high", OutputRole.Upper, TensorType.Float32, [-1, 1]),
                new("items", OutputRole.Items, TensorType.String, [-1, 2]),
                new("scores", OutputRole.Scores, TensorType.Float32, [-1, 2]),
                new("nearest", OutputRole.Cluster, TensorType.Int64, [-1, 1]),
                new("distance", OutputRole.AnomalyScore, TensorType.Float32, [-1, 1]),
                new("odd", OutputRole.Anomaly, TensorType.Bool, [-1, 1]),
            ],
        });
    }
}
