using System.Buffers;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Onnx;
using AIaaS.Serving.Batching;
using AIaaS.Serving.Explanations;
using AIaaS.Serving.Predictions;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Tests;

public class ExplainerTests
{
    [Fact]
    public async Task A_linear_model_gives_each_feature_its_weight_times_its_distance_from_the_mean()
    {
        // 3a - 2b + 5 against backgrounds of mean (2, 1).
        await using var client = await PredictionClient.StartAsync(Numbers(x => (x[0] * 3) + (x[1] * -2) + 5, 2));

        var explanation = await ExplainAsync(client, """{"rows":[[4,3]]}""", """{"rows":[[1,0],[3,2]]}""");

        Assert.Equal("exact", explanation.GetProperty("method").GetString());
        Assert.Equal(9, explanation.GetProperty("baseValue").GetDouble(), 1e-4);
        Assert.Equal(6, Attribution(explanation, "x0"), 1e-4);
        Assert.Equal(-4, Attribution(explanation, "x1"), 1e-4);
    }

    [Fact]
    public async Task A_product_is_shared_by_its_factors_as_Shapley_has_it()
    {
        await using var client = await PredictionClient.StartAsync(Numbers(x => x[0] * x[1], 3));

        var explanation = await ExplainAsync(client, """{"rows":[[2,6,9]]}""", """{"rows":[[0,0,0]]}""");

        // 12 is made by both together; the third has no part in it.
        Assert.Equal([6.0, 6.0, 0.0], new[] { "x0", "x1", "x2" }.Select(f => Attribution(explanation, f)));
    }

    [Fact]
    public async Task Sampling_comes_close_to_all_coalitions()
    {
        await using var client = await PredictionClient.StartAsync(Numbers(x => (x[0] * x[1] * x[2]) + (x[3] * x[0]), 4));
        const string Rows = """{"rows":[[1,2,3,4]]}""";
        const string Background = """{"rows":[[0,1,1,0],[2,0,1,1],[1,1,0,3]]}""";

        var exact = await ExplainAsync(client, Rows, Background);
        var sampled = await ExplainAsync(client, Rows, Background, new() { MaxEvaluations = 40 });
        var sampledMore = await ExplainAsync(client, Rows, Background, new() { MaxEvaluations = 47 });
        var again = await ExplainAsync(client, Rows, Background, new() { MaxEvaluations = 40 });

        Assert.Equal(("exact", "sampled"), (exact.GetProperty("method").GetString(), sampled.GetProperty("method").GetString()));
        Assert.Equal(sampled.GetRawText(), again.GetRawText());
        foreach (var feature in new[] { "x0", "x1", "x2", "x3" })
            Assert.Equal(Attribution(exact, feature), Attribution(sampledMore, feature), 2.0);
    }

    [Theory]
    [InlineData(20_000)]
    [InlineData(300)]
    public async Task Base_value_and_attributions_add_up_to_the_prediction_of_each_class(int evaluations)
    {
        await using var client = await PredictionClient.StartAsync(TestModels.TenNumbers);
        var random = new Random(7);
        var background = $"{{\"rows\":[{string.Join(',', Enumerable.Range(0, 30).Select(_ => Row(random)))}]}}";
        var body = $"{{\"rows\":[{Row(random)}]}}";

        foreach (var scale in Enum.GetValues<ExplanationScale>())
        {
            var explanation = await ExplainAsync(client, body, background, new() { MaxEvaluations = evaluations, Scale = scale });

            foreach (var label in new[] { "no", "yes" })
            {
                var sum = explanation.GetProperty("baseValue").GetProperty(label).GetDouble()
                    + explanation.GetProperty("attributions").EnumerateObject().Sum(f => f.Value.GetProperty(label).GetDouble());
                Assert.Equal(explanation.GetProperty("prediction").GetProperty(label).GetDouble(), sum, 1e-6);
            }
        }

        var prediction = (await client.PredictAsync(body)).GetProperty("predictions")[0].GetProperty("probabilities").GetProperty("yes").GetDouble();
        var explained = await ExplainAsync(client, body, background, new() { MaxEvaluations = evaluations });
        Assert.Equal(prediction, explained.GetProperty("prediction").GetProperty("yes").GetDouble(), 1e-6);
    }

    [Fact]
    public async Task A_linear_classifier_of_many_features_is_additive_on_the_scale_of_log_odds()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.TenNumbers);
        var random = new Random(7);
        var background = $"{{\"rows\":[{string.Join(',', Enumerable.Range(0, 30).Select(_ => Row(random)))}]}}";

        var explanation = await ExplainAsync(client, $"{{\"rows\":[{Row(random)}]}}", background, new() { MaxEvaluations = 2000, Scale = ExplanationScale.LogOdds });

        Assert.Equal("additive", explanation.GetProperty("method").GetString());
    }

    [Fact]
    public async Task Categories_are_explained_as_numbers_are()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.StringLabel);

        var explanation = await ExplainAsync(
            client, """{"rows":[{"length":50,"island":"Dream"}]}""", """{"columns":["island","mass","length"],"rows":[["Biscoe",4,40],["Dream",5,45]]}""");

        Assert.Equal(["length", "mass", "island"], explanation.GetProperty("attributions").EnumerateObject().Select(f => f.Name));
    }

    [Fact]
    public async Task A_background_of_another_model_is_told_apart()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.StringLabel);

        await Assert.ThrowsAsync<InvalidDataException>(() => ExplainAsync(client, """{"rows":[{}]}""", """{"columns":["other"],"rows":[[1]]}"""));
    }

    [Theory]
    [InlineData(20_000)]
    [InlineData(3)]
    public async Task A_row_whose_answer_depends_on_others_is_explained_beside_the_others_of_its_request(int evaluations)
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Centered);
        const string Rows = """{"rows":[[1],[3],[8]]}""";

        var explanations = await ExplainAllAsync(client, Rows, """{"rows":[[4],[7],[10]]}""", new() { MaxEvaluations = evaluations });

        // Less the mean of all three rows, and in the place of each a background row of 7 in the mean.
        Assert.Equal([-3.0, -1.0, 4.0], (await client.PredictRowsAsync("[1],[3],[8]")).Select(p => p.GetProperty("value").GetDouble()));
        Assert.Equal([-3.0, -1.0, 4.0], explanations.Select(e => Math.Round(e.GetProperty("prediction").GetDouble(), 4)));
        foreach (var (number, explanation) in explanations.Index())
        {
            var (own, others) = (new[] { 1, 3, 8 }[number], 12 - new[] { 1, 3, 8 }[number]);
            var background = evaluations > 3 ? 7 : (explanation.GetProperty("baseValue").GetDouble() * 3 / 2) + (others / 2.0);
            Assert.Contains(Math.Round(background, 4), new[] { 4.0, 7.0, 10.0 });
            Assert.Equal(background - ((background + others) / 3), explanation.GetProperty("baseValue").GetDouble(), 1e-4);
            Assert.Equal((own - background) * 2 / 3, Attribution(explanation, "x"), 1e-4);
        }
    }

    [Fact]
    public async Task A_lone_row_is_not_explained_by_rows_that_its_request_does_not_have()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Centered);

        var explanation = await ExplainAsync(client, """{"rows":[[1]]}""", """{"rows":[[5],[9]]}""");

        // Alone it is its own mean, whatever it is.
        Assert.Equal((0, 0, 0), (explanation.GetProperty("prediction").GetDouble(), explanation.GetProperty("baseValue").GetDouble(), Attribution(explanation, "x")));
    }

    [Fact]
    public async Task An_explanation_takes_turns_that_are_no_longer_than_other_requests_have()
    {
        await using var client = await PredictionClient.StartAsync(
            TestModels.TenNumbers, new() { Mode = BatchingMode.On, Lanes = 1, MaxRows = 10, Turn = TimeSpan.FromHours(1) });
        var random = new Random(7);
        var body = $"{{\"rows\":[{Row(random)}]}}";
        var background = $"{{\"rows\":[{Row(random)}]}}";

        var explanation = await ExplainAsync(client, body, background);

        Assert.Equal("exact", explanation.GetProperty("method").GetString());
        Assert.Equal((103, 1024, 10), (client.Lease.Runs.Runs, client.Lease.Runs.Rows, client.Lease.Runs.LargestRun));
    }

    private static string Row(Random random) =>
        $"[{string.Join(',', Enumerable.Range(0, 10).Select(_ => (random.NextDouble() * 2).ToString(System.Globalization.CultureInfo.InvariantCulture)))}]";

    private static double Attribution(JsonElement explanation, string feature) => explanation.GetProperty("attributions").GetProperty(feature).GetDouble();

    private static async Task<JsonElement> ExplainAsync(PredictionClient client, string body, string background, ExplanationOptions? options = null) =>
        (await ExplainAllAsync(client, body, background, options))[0];

    private static async Task<JsonElement[]> ExplainAllAsync(PredictionClient client, string body, string background, ExplanationOptions? options = null)
    {
        var response = new ArrayBufferWriter<byte>();
        await Explainer.ExplainAsync(
            client.Lease, new(System.Text.Encoding.UTF8.GetBytes(body)), System.Text.Encoding.UTF8.GetBytes(background), response, new PredictionContext("r", "m", 1), options ?? new(), default);
        return [.. JsonDocument.Parse(response.WrittenMemory).RootElement.GetProperty("explanations").EnumerateArray()];
    }

    private static TestModel Numbers(Func<Value[], Value> function, int features)
    {
        var graph = new GraphBuilder("numbers");
        var inputs = Enumerable.Range(0, features).Select(i => graph.Input($"x{i}", TensorElementType.Float, ["rows", 1])).ToArray();
        graph.Output("value", function(inputs));
        return new(graph.ToModel().ToByteArray(), new()
        {
            Task = LearningTask.Regression,
            Inputs = [.. inputs.Select(i => TestModels.Feature(i.Name))],
            Outputs = [new("value", OutputRole.Value, TensorType.Float32, [-1, 1])],
        });
    }
}
