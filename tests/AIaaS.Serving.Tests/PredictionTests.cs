using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Serving.Predictions;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Tests;

public class PredictionTests
{
    [Fact]
    public async Task A_classification_gives_label_and_probabilities_as_an_evaluation_of_its_weights_does()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.StringLabel);
        (double, double, string)[] rows = [(44.1, 3.7, "Dream"), (50, 5.5, "Biscoe"), (36.2, 3.1, "Torgersen"), (46.5, 3.5, "Atlantis")];

        var predictions = await client.PredictRowsAsync(string.Join(",", rows.Select(r =>
            string.Create(CultureInfo.InvariantCulture, $"{{\"length\":{r.Item1},\"mass\":{r.Item2},\"island\":\"{r.Item3}\"}}"))));

        Assert.Equal(rows.Length, predictions.Length);
        for (var i = 0; i < rows.Length; i++)
            AssertPrediction(Evaluate(rows[i].Item1, rows[i].Item2, rows[i].Item3), predictions[i]);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"length\":null,\"mass\":null,\"island\":null}")]
    [InlineData("{\"island\":\"\"}")]
    [InlineData("[null,null,null]")]
    public async Task Missing_features_are_imputed_by_the_model(string row)
    {
        await using var client = await PredictionClient.StartAsync(TestModels.StringLabel);

        var predictions = await client.PredictRowsAsync(row);

        AssertPrediction(Evaluate(40, 4, ""), Assert.Single(predictions));
    }

    [Fact]
    public async Task A_row_does_not_see_the_values_of_an_earlier_request()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.StringLabel);
        await client.PredictRowsAsync("{\"length\":60,\"mass\":9,\"island\":\"Torgersen\"}");

        var predictions = await client.PredictRowsAsync("{}");

        AssertPrediction(Evaluate(40, 4, ""), predictions[0]);
    }

    [Fact]
    public async Task Rows_may_be_arrays_in_the_order_of_the_features()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.StringLabel);

        var predictions = await client.PredictRowsAsync("[44.1,3.7,\"Dream\"],{\"island\":\"Biscoe\",\"mass\":5.5,\"length\":50}");

        AssertPrediction(Evaluate(44.1, 3.7, "Dream"), predictions[0]);
        AssertPrediction(Evaluate(50, 5.5, "Biscoe"), predictions[1]);
    }

    [Fact]
    public async Task The_answer_names_the_request_and_the_model()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression);

        var answer = await client.PredictAsync("{\"rows\":[{\"length\":3,\"mass\":1}]}");

        Assert.Equal("{\"requestId\":\"request-1\",\"model\":{\"name\":\"penguins\",\"version\":7},\"predictions\":[{\"value\":5.5}]}", answer.GetRawText());
    }

    [Fact]
    public async Task An_integer_label_is_a_number()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.IntegerLabel);

        var prediction = (await client.PredictRowsAsync("{\"length\":36.2,\"mass\":3.1,\"island\":\"Torgersen\"}"))[0];

        var expected = Evaluate(36.2, 3.1, "Torgersen");
        Assert.Equal(10 * (1 + expected.IndexOf(expected.Max())), prediction.GetProperty("label").GetInt32());
        Assert.Equal(["10", "20", "30"], prediction.GetProperty("probabilities").EnumerateObject().Select(p => p.Name));
    }

    [Theory]
    [InlineData("2.5", true)]
    [InlineData("-2.5", false)]
    public async Task A_boolean_label_is_a_boolean(string score, bool label)
    {
        await using var client = await PredictionClient.StartAsync(TestModels.BooleanLabel);

        var prediction = (await client.PredictRowsAsync($"{{\"score\":{score}}}"))[0];

        Assert.Equal(label, prediction.GetProperty("label").GetBoolean());
        Assert.Equal(1 / (1 + Math.Exp(2.5)), prediction.GetProperty("probabilities").GetProperty(label ? "false" : "true").GetDouble(), 1e-5);
    }

    [Theory]
    [InlineData("int64", TensorType.Int64, "2", "\"c\"")]
    [InlineData("float32", TensorType.Float32, "0", "\"a\"")]
    [InlineData("int64", TensorType.Int64, "3", "3")]
    [InlineData("string", TensorType.String, "\"b\"", "\"b\"")]
    [InlineData("string", TensorType.String, "\"d\"", "\"d\"")]
    public async Task A_label_that_is_the_index_of_a_named_class_becomes_its_name(string feature, TensorType type, string given, string label)
    {
        await using var client = await PredictionClient.StartAsync(LabelEcho(feature, type, "\"a\"", "\"b\"", "\"c\""));

        Assert.Equal(label, await LabelAsync(client, feature, given));
    }

    [Theory]
    [InlineData("bool", TensorType.Bool, "true", "\"yes\"", "\"no\"", "\"yes\"")]
    [InlineData("bool", TensorType.Bool, "true", "1", "0", "1")]
    [InlineData("bool", TensorType.Bool, "false", "false", "false", "true")]
    [InlineData("string", TensorType.String, "\"true\"", "true", "false", "true")]
    [InlineData("string", TensorType.String, "\"20\"", "20", "10", "20")]
    [InlineData("int64", TensorType.Int64, "1", "true", "false", "true")]
    [InlineData("int64", TensorType.Int64, "1", "1", "0", "1")]
    public async Task A_label_has_the_type_of_the_target(string feature, TensorType type, string given, string label, string first, string second)
    {
        await using var client = await PredictionClient.StartAsync(LabelEcho(feature, type, first, second));

        Assert.Equal(label, await LabelAsync(client, feature, given));
    }

    [Fact]
    public async Task A_value_that_is_not_finite_becomes_null()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression);

        var predictions = await client.PredictRowsAsync("{\"length\":1},{\"length\":3e38,\"mass\":-3e38},{\"length\":1,\"mass\":1}");

        Assert.Equal(["null", "null", "1.5"], predictions.Select(p => p.GetProperty("value").GetRawText()));
    }

    [Fact]
    public async Task No_rows_give_no_predictions()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression);

        Assert.Empty(await client.PredictRowsAsync(""));
    }

    [Fact]
    public async Task Requests_of_changing_sizes_get_one_prediction_per_row()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.StringLabel);

        foreach (var count in new[] { 1, 5, 300, 2, 999, 1 })
        {
            var predictions = await client.PredictRowsAsync(string.Join(",", Enumerable.Range(0, count).Select(i => $"{{\"length\":{30 + (i % 30)},\"mass\":4,\"island\":\"Dream\"}}")));
            Assert.Equal(count, predictions.Length);
            AssertPrediction(Evaluate(30 + ((count - 1) % 30), 4, "Dream"), predictions[^1]);
        }
    }

    [Fact]
    public async Task Concurrent_requests_get_their_own_answers()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression);

        await Parallel.ForAsync(0, 2000, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
        {
            var rows = 1 + (i % 3);
            var predictions = await client.PredictRowsAsync(string.Join(",", Enumerable.Range(0, rows).Select(r => $"{{\"mass\":{r},\"length\":{i}}}")));
            Assert.Equal(Enumerable.Range(0, rows).Select(r => (2.0 * i) - r + 0.5), predictions.Select(p => p.GetProperty("value").GetDouble()));
        });
    }

    [Fact]
    public async Task A_body_in_pieces_reads_as_in_one()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.StringLabel);
        var body = Encoding.UTF8.GetBytes("\uFEFF{\"rows\" : [ {\"island\":\"Dre\\u0061m\",\"length\":44.125,\"m\\u0061ss\":3.7e0} ] }");
        var response = new ArrayBufferWriter<byte>();

        await client.PredictAsync(Pieces.Of(body, 1), response);

        AssertPrediction(Evaluate(44.125, 3.7, "Dream"), JsonDocument.Parse(response.WrittenMemory).RootElement.GetProperty("predictions")[0]);
    }

    [Fact]
    public async Task A_model_that_fails_on_a_row_fails_that_request_only()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Failing);

        await Assert.ThrowsAsync<PredictionFailedException>(() => client.PredictRowsAsync("{\"index\":5}"));

        Assert.Equal(7, (await client.PredictRowsAsync("{\"index\":1}"))[0].GetProperty("value").GetDouble());
    }

    [Fact]
    public async Task A_lease_runs_the_graph_on_tensors()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression);
        using var length = OrtValue.CreateTensorValueFromMemory([3f, 4f], [2, 1]);
        using var mass = OrtValue.CreateTensorValueFromMemory([1f, 1f], [2, 1]);

        using var outputs = await client.Lease.RunAsync(["length", "mass"], [length, mass], ["value"], 2, CancellationToken.None);

        Assert.Equal([5.5f, 7.5f], outputs[0].GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public async Task A_model_without_features_takes_tensors_only()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Mean with { Signature = TestModels.Mean.Signature with { Inputs = [] } });
        using var x = OrtValue.CreateTensorValueFromMemory([1f, 2f], [2, 1]);

        using var outputs = await client.Lease.RunAsync(["x"], [x], ["value"], 1, CancellationToken.None);

        Assert.Equal(1.5f, outputs[0].GetTensorDataAsSpan<float>()[0]);
        Assert.Equal(PredictionError.NoRows, (await client.RefuseAsync("{}")).Error);
    }

    [Fact]
    public async Task A_cancelled_request_is_not_run()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression);
        var body = new ReadOnlySequence<byte>("{\"rows\":[{}]}"u8.ToArray());

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await new Predictor(TimeProvider.System).PredictAsync(
            client.Lease, body, new ArrayBufferWriter<byte>(), new("r", "m", 1), new CancellationToken(canceled: true)));
    }

    [Fact]
    public async Task A_lease_that_was_released_is_refused()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression);
        client.Lease.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.PredictRowsAsync("{}"));
    }

    [Fact]
    public async Task A_warm_prediction_of_one_row_allocates_nothing()
    {
        const int Requests = 200;
        await using var client = await PredictionClient.StartAsync(TestModels.StringLabel);
        var body = new ReadOnlySequence<byte>("{\"rows\":[{\"length\":44.1,\"mass\":3.7,\"island\":\"Dream\"}]}"u8.ToArray());
        var response = new ArrayBufferWriter<byte>(1 << 16);
        long allocated = 0;
        for (var i = -Requests; i < Requests; i++)
        {
            response.ResetWrittenCount();
            var before = GC.GetAllocatedBytesForCurrentThread();
            var prediction = client.PredictAsync(body, response);
            var after = GC.GetAllocatedBytesForCurrentThread();
            Assert.Equal(1, (await prediction).Rows);
            if (i >= 0)
                allocated += after - before;
        }

        Assert.Equal(0, allocated / Requests);
    }

    /// <summary>A model whose label is one of its features, decided among these classes.</summary>
    private static TestModel LabelEcho(string feature, TensorType type, params string[] classes) => TestModels.Echo with
    {
        Signature = TestModels.Echo.Signature with
        {
            Outputs = [new(feature + "_out", OutputRole.Label, type, [-1, 1])],
            Target = new("target", ColumnKind.Category, [.. classes.Select(TestModels.Json)]),
        },
    };

    private static async Task<string> LabelAsync(PredictionClient client, string feature, string value)
    {
        Dictionary<string, string> row = new() { ["int32"] = "0", ["int64"] = "0", ["bool"] = "false", ["uint8"] = "0", [feature] = value };
        var predictions = await client.PredictRowsAsync($"{{{string.Join(",", row.Select(v => $"\"{v.Key}\":{v.Value}"))}}}");
        return predictions[0].GetProperty("label").GetRawText();
    }

    /// <summary>The string classifier's weights, as in <c>make_models.py</c>, worked out in doubles.</summary>
    private static List<double> Evaluate(double length, double mass, string island)
    {
        double[][] weights = [[-0.10, 0.10, 0.05], [0.50, -0.25, 1.00], [0.2, -0.4, 0.9], [0.1, 1.1, -0.8], [0.7, -0.3, -0.6]];
        double[] scores = [4.0, -3.0, -6.0];
        string[] islands = ["Biscoe", "Dream", "Torgersen"];
        double[] features = [length, mass, .. islands.Select(i => i == island ? 1.0 : 0.0)];
        for (var i = 0; i < features.Length; i++)
        {
            for (var c = 0; c < scores.Length; c++)
                scores[c] += features[i] * weights[i][c];
        }

        var sum = scores.Sum(Math.Exp);
        return [.. scores.Select(s => Math.Exp(s) / sum)];
    }

    private static void AssertPrediction(List<double> expected, JsonElement prediction)
    {
        string[] classes = ["Adelie", "Chinstrap", "Gentoo \"G\""];
        Assert.Equal(classes[expected.IndexOf(expected.Max())], prediction.GetProperty("label").GetString());
        var probabilities = prediction.GetProperty("probabilities").EnumerateObject().ToArray();
        Assert.Equal(classes, probabilities.Select(p => p.Name));
        Assert.All(probabilities.Zip(expected), p => Assert.Equal(p.Second, p.First.Value.GetDouble(), 1e-5));
    }
}

/// <summary>Makes sequences of several segments.</summary>
internal sealed class Pieces : ReadOnlySequenceSegment<byte>
{
    public static ReadOnlySequence<byte> Of(byte[] bytes, int size)
    {
        if (bytes.Length == 0)
            return ReadOnlySequence<byte>.Empty;
        var chunks = bytes.Chunk(size).ToArray();
        var first = new Pieces { Memory = chunks[0] };
        var last = first;
        foreach (var chunk in chunks.Skip(1))
        {
            var next = new Pieces { Memory = chunk, RunningIndex = last.RunningIndex + last.Memory.Length };
            last.Next = next;
            last = next;
        }

        return new(first, 0, last, last.Memory.Length);
    }
}
