using System.Buffers;
using System.Numerics;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Trainers;
using AIaaS.Serving.Explanations;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;
using Microsoft.Extensions.Logging.Abstractions;

namespace AIaaS.Serving.Tests;

/// <summary>Explanations by the trees themselves against the definition, which the tests work out from predictions alone.</summary>
public class TreeExplanationTests
{
    private static readonly (string, double)[] Forest = [("trees", 6), ("depth", 5)];
    private static readonly (string, double)[] Boosting = [("iterations", 8), ("leaves", 7), ("column-share", 1)];
    private static readonly int[] Background = [3, 50, 77, 110, 202];

    public static TheoryData<string, int, ExplanationScale> Kinds => new()
    {
        { "boosting", 0, ExplanationScale.Probability },
        { "boosting", 2, ExplanationScale.Probability },
        { "boosting", 2, ExplanationScale.LogOdds },
        { "boosting", 3, ExplanationScale.Probability },
        { "boosting", 3, ExplanationScale.LogOdds },
        { "forest", 0, ExplanationScale.Probability },
        { "forest", 2, ExplanationScale.Probability },
        { "forest", 2, ExplanationScale.LogOdds },
        { "forest", 3, ExplanationScale.Probability },
        { "tree", 0, ExplanationScale.Probability },
    };

    public static TheoryData<Calibration, string, int, ExplanationScale> Calibrated
    {
        get
        {
            var kinds = new TheoryData<Calibration, string, int, ExplanationScale>();
            foreach (var calibration in new[] { Calibration.Temperature, Calibration.Sigmoid, Calibration.Isotonic })
            {
                foreach (var (trainer, classes) in new[] { ("boosting", 2), ("boosting", 3), ("forest", 2) })
                {
                    kinds.Add(calibration, trainer, classes, ExplanationScale.Probability);
                    // Steps give whole ranges of probabilities 0, of which the log-odds are a matter of rounding.
                    if (calibration != Calibration.Isotonic)
                        kinds.Add(calibration, trainer, classes, ExplanationScale.LogOdds);
                }
            }

            return kinds;
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Attributions_are_those_of_all_coalitions(string trainer, int classes, ExplanationScale scale)
    {
        var trees = new TrainedTrees(5);
        await using var client = await PredictionClient.StartAsync(Train(trees, trainer, classes));

        await AssertExactAsync(client, trees, [.. Enumerable.Range(0, Math.Max(1, classes)).Select(k => classes > 0 ? $"k{k}" : "")], scale);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task One_hot_numbers_are_their_category_s_together(int classes)
    {
        var trees = new TrainedTrees(3);
        var model = trees.Train(new RandomForestTrainer(TimeProvider.System), classes, [new RawNumberEncoder(), new CategoryEncoder()], null, Forest);
        await using var client = await PredictionClient.StartAsync(model);

        await AssertExactAsync(client, trees, classes > 0 ? ["k0", "k1"] : [""], ExplanationScale.Probability);
    }

    [Fact]
    public async Task Terms_and_averages_are_their_feature_s()
    {
        var trees = new TrainedTrees(3);
        var trainer = new RandomForestTrainer(TimeProvider.System);
        var plan = new EncodingPlan { Columns = new Dictionary<string, FeatureEncoding> { ["c0"] = FeatureEncoding.TfIdf, ["c1"] = FeatureEncoding.Target } };
        var model = trees.Train(trainer, 2, [.. FeatureEncoders.For(plan, trainer, Hyperparameters.None)], null, Forest);
        await using var client = await PredictionClient.StartAsync(model);

        await AssertExactAsync(client, trees, ["k0", "k1"], ExplanationScale.Probability);
    }

    [Fact]
    public async Task What_a_graph_makes_of_the_sum_of_its_trees_is_shared_out_as_well()
    {
        var trees = new TrainedTrees(4);
        var model = trees.Train(new GradientBoostingTrainer(TimeProvider.System), 0, null, value => (value * 0.02).Exp(), Boosting);
        await using var client = await PredictionClient.StartAsync(model);

        await AssertExactAsync(client, trees, [""], ExplanationScale.Probability);
    }

    [Theory]
    [MemberData(nameof(Calibrated))]
    public async Task Calibrated_probabilities_are_shared_out_as_well(Calibration calibration, string trainer, int classes, ExplanationScale scale)
    {
        var trees = new TrainedTrees(4);
        await using var client = await PredictionClient.StartAsync(Train(trees, trainer, classes, Calibrator(calibration, classes).Build));

        await AssertExactAsync(client, trees, [.. Enumerable.Range(0, classes).Select(k => $"k{k}")], scale);
    }

    [Theory]
    [InlineData(Calibration.Temperature, 2)]
    [InlineData(Calibration.Temperature, 3)]
    [InlineData(Calibration.Sigmoid, 2)]
    public async Task Calibrated_log_odds_stay_a_sum_of_trees_however_many_features_there_are(Calibration calibration, int classes)
    {
        var trees = new TrainedTrees(60);
        await using var client = await PredictionClient.StartAsync(Train(trees, "boosting", classes, Calibrator(calibration, classes).Build));

        var explanation = await ExplainAsync(client, trees, [.. Enumerable.Range(0, 100)], new() { Scale = ExplanationScale.LogOdds });

        var probabilities = (await client.PredictAsync(Body(trees, 0))).GetProperty("predictions")[0].GetProperty("probabilities");
        Assert.Equal("trees", explanation.GetProperty("method").GetString());
        AssertAddsUp(explanation, "k1");
        Assert.Equal(LogOdds([.. probabilities.EnumerateObject().Select(p => p.Value.GetDouble())], 1), Number(explanation.GetProperty("prediction"), "k1"), 1e-4);
    }

    public static TheoryData<Calibration, bool, ExplanationScale> Confident
    {
        get
        {
            var kinds = new TheoryData<Calibration, bool, ExplanationScale>();
            foreach (var calibration in new[] { Calibration.Temperature, Calibration.Sigmoid })
            {
                foreach (var areShares in new[] { false, true })
                {
                    kinds.Add(calibration, areShares, ExplanationScale.Probability);
                    kinds.Add(calibration, areShares, ExplanationScale.LogOdds);
                }
            }

            return kinds;
        }
    }

    [Theory]
    [MemberData(nameof(Confident))]
    public async Task Probabilities_that_are_clipped_before_they_are_calibrated_stay_clipped(Calibration calibration, bool areShares, ExplanationScale scale)
    {
        // Scores of -24, 0 and 24, or shares of 0, 1/2 and 1, of which the outer ones are clipped.
        var (low, high) = areShares ? (0f, 0.5f) : (-12f, 12f);
        var graph = new Learning.Onnx.GraphBuilder("confident");
        var inputs = new[] { "x0", "x1" }.Select(name => graph.Input(name, Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Float, ["rows", 1])).ToArray();
        var score = Stumps(inputs.Concat(axis: 1), low, high);
        var second = areShares ? score.Clip(1e-6, 1 - 1e-6) : score.Sigmoid();
        var probabilities = new[] { areShares ? -second + 1 : (-score).Sigmoid(), second }.Concat(axis: 1);
        graph.Output("result", Calibrator(calibration, 2).Build(probabilities));
        await using var client = await PredictionClient.StartAsync(new TestModel(Google.Protobuf.MessageExtensions.ToByteArray(graph.ToModel()), new()
        {
            Task = Formats.LearningTask.Classification,
            Inputs = [.. inputs.Select(i => TestModels.Feature(i.Name))],
            Outputs = [new("result", Formats.OutputRole.Probabilities, Formats.TensorType.Float32, [-1, 2])],
            Target = new("target", Formats.ColumnKind.Category, [TestModels.Json("\"k0\""), TestModels.Json("\"k1\"")]),
        }));

        foreach (var (row, background) in new[] { ("[1,1]", "[0,1]"), ("[1,0]", "[0,1]"), ("[0,0]", "[1,1]") })
        {
            var explanation = await ExplainAsync(client.Lease, $"{{\"rows\":[{row}]}}", $"{{\"rows\":[{background}]}}", new() { Scale = scale });
            var (mean, expected) = await EnumerateAsync(client, row.Trim('[', ']').Split(','), [background.Trim('[', ']').Split(',')], ["k0", "k1"], scale);

            Assert.Equal("trees", explanation.GetProperty("method").GetString());
            Assert.Equal(mean[1], Number(explanation.GetProperty("baseValue"), "k1"), 2e-3);
            foreach (var (feature, attribution) in explanation.GetProperty("attributions").EnumerateObject().Index())
                Assert.Equal(expected[feature, 1], Number(attribution.Value, "k1"), 2e-3);
        }
    }

    [Fact]
    public async Task More_features_than_coalitions_could_be_run_for_are_no_matter_to_a_sum_of_trees()
    {
        var trees = new TrainedTrees(60);
        await using var client = await PredictionClient.StartAsync(Train(trees, "boosting", 2));

        var explanation = await ExplainAsync(client, trees, [.. Enumerable.Range(0, 100)], new() { Scale = ExplanationScale.LogOdds });

        Assert.Equal("trees", explanation.GetProperty("method").GetString());
        AssertAddsUp(explanation, "k1");
    }

    [Fact]
    public async Task An_ensemble_of_models_is_explained_by_running_it()
    {
        var trees = new TrainedTrees(5);
        await using var client = await PredictionClient.StartAsync(trees.Ensemble(2));

        var explanation = await ExplainAsync(client, trees, Background, new());

        Assert.Equal("exact", explanation.GetProperty("method").GetString());
        AssertAddsUp(explanation, "k1");
    }

    [Fact]
    public async Task Features_that_are_mixed_before_the_trees_are_explained_by_running_the_model()
    {
        var graph = new Learning.Onnx.GraphBuilder("mixed");
        var inputs = new[] { "x0", "x1" }.Select(name => graph.Input(name, Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Float, ["rows", 1])).ToArray();
        graph.Output("value", Stump(inputs[0] + inputs[1]).Reshape([inputs[0].Shape[0]]));
        var model = new TestModel(Google.Protobuf.MessageExtensions.ToByteArray(graph.ToModel()), new()
        {
            Task = Formats.LearningTask.Regression,
            Inputs = [.. inputs.Select(i => TestModels.Feature(i.Name))],
            Outputs = [new("value", Formats.OutputRole.Value, Formats.TensorType.Float32, [-1])],
        });
        await using var client = await PredictionClient.StartAsync(model);

        var explanation = await ExplainAsync(client.Lease, """{"rows":[[1,1]]}""", """{"rows":[[0,0]]}""", new());

        Assert.Equal("exact", explanation.GetProperty("method").GetString());
        Assert.Equal([1.0, 1.0], explanation.GetProperty("attributions").EnumerateObject().Select(a => a.Value.GetDouble()));
    }

    [Fact]
    public async Task A_second_request_finds_the_trees_read_already()
    {
        var trees = new TrainedTrees(5);
        await using var client = await PredictionClient.StartAsync(Train(trees, "forest", 2));

        var one = await ExplainAsync(client, trees, Background, new());
        var found = client.Lease.Model.MayHaveTrees;
        var other = await ExplainAsync(client, trees, Background, new());

        Assert.True(found);
        Assert.Equal(one.GetRawText(), other.GetRawText());
    }

    [Fact]
    public async Task Trees_are_found_behind_a_graph_that_was_optimized_at_an_earlier_start()
    {
        using var folder = new TemporaryFolder();
        var (trees, source) = (new TrainedTrees(5), new FileModelSource());
        var reference = source.Add(Train(trees, "forest", 2));

        foreach (var origin in new[] { ModelOrigin.Store, ModelOrigin.Optimized })
        {
            var cache = new ModelDiskCache(new() { Folder = folder.Path }, TimeProvider.System, NullLogger<ModelDiskCache>.Instance);
            await using var server = new ModelServer(source, new(), TimeProvider.System, cache);
            using var lease = await server.AcquireAsync(reference, CancellationToken.None);
            var explanation = await ExplainAsync(lease, Body(trees, 0), Body(trees, Background), new());

            Assert.Equal((origin, "trees"), (lease.Model.Origin, explanation.GetProperty("method").GetString()));
        }

        Assert.Equal(1, source.FilesOpened);
    }

    private static TestModel Train(TrainedTrees trees, string trainer, int classes, Func<Learning.Onnx.Value, Learning.Onnx.Value>? after = null) => trainer switch
    {
        "boosting" => trees.Train(new GradientBoostingTrainer(TimeProvider.System), classes, null, after, Boosting),
        "forest" => trees.Train(new RandomForestTrainer(TimeProvider.System), classes, null, after, Forest),
        _ => trees.Train(new DecisionTreeTrainer(TimeProvider.System), classes, null, after, ("leaves", 12)),
    };

    /// <summary>Fitted on probabilities that say too much of classes that are made up.</summary>
    private static ICalibrator Calibrator(Calibration kind, int classes)
    {
        const int Rows = 400;
        var random = new Random(5);
        var (probabilities, truth) = (new float[Rows * classes], new int[Rows]);
        for (var row = 0; row < Rows; row++)
        {
            var weights = Enumerable.Range(0, classes).Select(_ => 0.1 + random.NextDouble()).ToArray();
            var (draw, own) = (random.NextDouble() * weights.Sum(), 0);
            while (own < classes - 1 && draw > weights[own])
                draw -= weights[own++];
            truth[row] = own;
            for (var k = 0; k < classes; k++)
                probabilities[(row * classes) + k] = (float)(Math.Pow(weights[k], 2) / weights.Sum(w => Math.Pow(w, 2)));
        }

        return Calibrators.Fit(kind, probabilities, truth, classes);
    }

    /// <summary>4 where the sum of the features is above 1.5, else 2.</summary>
    private static Learning.Onnx.Value Stump(Learning.Onnx.Value sum) => sum.Graph.Apply(
        "TreeEnsembleRegressor",
        [sum],
        [(Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Float, [sum.Shape[0], 1])],
        Learning.Onnx.GraphBuilder.MachineLearningDomain,
        ("nodes_treeids", new long[3]),
        ("nodes_nodeids", new long[] { 0, 1, 2 }),
        ("nodes_featureids", new long[3]),
        ("nodes_modes", new[] { "BRANCH_LEQ", "LEAF", "LEAF" }),
        ("nodes_values", new[] { 1.5f, 0, 0 }),
        ("nodes_truenodeids", new long[] { 1, 0, 0 }),
        ("nodes_falsenodeids", new long[] { 2, 0, 0 }),
        ("target_treeids", new long[2]),
        ("target_nodeids", new long[] { 1, 2 }),
        ("target_ids", new long[2]),
        ("target_weights", new[] { 2f, 4f }),
        ("n_targets", 1L))[0];

    /// <summary>For each of two columns a tree of its own, of one leaf up to 0.5 and of the other above.</summary>
    private static Learning.Onnx.Value Stumps(Learning.Onnx.Value columns, float low, float high) => columns.Graph.Apply(
        "TreeEnsembleRegressor",
        [columns],
        [(Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Float, [columns.Shape[0], 1])],
        Learning.Onnx.GraphBuilder.MachineLearningDomain,
        ("nodes_treeids", new long[] { 0, 0, 0, 1, 1, 1 }),
        ("nodes_nodeids", new long[] { 0, 1, 2, 0, 1, 2 }),
        ("nodes_featureids", new long[] { 0, 0, 0, 1, 0, 0 }),
        ("nodes_modes", new[] { "BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF" }),
        ("nodes_values", new[] { 0.5f, 0, 0, 0.5f, 0, 0 }),
        ("nodes_truenodeids", new long[] { 1, 0, 0, 1, 0, 0 }),
        ("nodes_falsenodeids", new long[] { 2, 0, 0, 2, 0, 0 }),
        ("target_treeids", new long[] { 0, 0, 1, 1 }),
        ("target_nodeids", new long[] { 1, 2, 1, 2 }),
        ("target_ids", new long[4]),
        ("target_weights", new[] { low, high, low, high }),
        ("n_targets", 1L))[0];

    private static async Task AssertExactAsync(PredictionClient client, TrainedTrees trees, string[] outputs, ExplanationScale scale)
    {
        var explanation = await ExplainAsync(client, trees, Background, new() { Scale = scale });
        var (mean, expected) = await EnumerateAsync(client, trees.Row(0), [.. Background.Select(trees.Row)], outputs, scale);

        Assert.Equal("trees", explanation.GetProperty("method").GetString());
        Assert.Contains(expected.Cast<double>(), value => Math.Abs(value) > 1e-3);
        foreach (var (number, output) in outputs.Index())
        {
            Assert.Equal(mean[number], Number(explanation.GetProperty("baseValue"), output), 2e-5);
            foreach (var (feature, attribution) in explanation.GetProperty("attributions").EnumerateObject().Index())
                Assert.Equal(expected[feature, number], Number(attribution.Value, output), 2e-5);
            AssertAddsUp(explanation, output);
        }
    }

    private static void AssertAddsUp(JsonElement explanation, string output) => Assert.Equal(
        Number(explanation.GetProperty("prediction"), output),
        Number(explanation.GetProperty("baseValue"), output) + explanation.GetProperty("attributions").EnumerateObject().Sum(a => Number(a.Value, output)),
        1e-9);

    /// <summary>The definition: the mean prediction for each coalition, and what each feature adds to those without it.</summary>
    private static async Task<(double[] Mean, double[,] Attributions)> EnumerateAsync(
        PredictionClient client, string[] row, string[][] background, string[] outputs, ExplanationScale scale)
    {
        var features = row.Length;
        var rows = Enumerable.Range(0, 1 << features).SelectMany(coalition => background.Select(other =>
            $"[{string.Join(',', Enumerable.Range(0, features).Select(f => (coalition >> f & 1) != 0 ? row[f] : other[f]))}]"));
        var predictions = await client.PredictAsync($"{{\"rows\":[{string.Join(',', rows)}]}}", maxRows: 10_000);
        var values = new double[1 << features, outputs.Length];
        foreach (var (number, prediction) in predictions.GetProperty("predictions").EnumerateArray().Index())
        {
            var given = outputs.Select(output => Number(prediction.GetProperty(output.Length > 0 ? "probabilities" : "value"), output)).ToArray();
            for (var output = 0; output < given.Length; output++)
            {
                var value = scale == ExplanationScale.LogOdds ? LogOdds(given, output) : given[output];
                values[number / background.Length, output] += value / background.Length;
            }
        }

        var attributions = new double[features, outputs.Length];
        for (var coalition = 0; coalition < 1 << features; coalition++)
        {
            var size = BitOperations.PopCount((uint)coalition);
            var weight = Factorial(size) * Factorial(features - size - 1) / Factorial(features);
            for (var feature = 0; feature < features; feature++)
            {
                for (var output = 0; output < outputs.Length && (coalition >> feature & 1) == 0; output++)
                    attributions[feature, output] += weight * (values[coalition | (1 << feature), output] - values[coalition, output]);
            }
        }

        return ([.. Enumerable.Range(0, outputs.Length).Select(output => values[0, output])], attributions);
    }

    private static double LogOdds(double[] probabilities, int own) =>
        Math.Log(probabilities[own]) - (probabilities.Index().Where(p => p.Index != own).Sum(p => Math.Log(p.Item)) / (probabilities.Length - 1));

    private static double Factorial(int n) => n <= 1 ? 1 : n * Factorial(n - 1);

    private static double Number(JsonElement value, string output) => (output.Length > 0 ? value.GetProperty(output) : value).GetDouble();

    private static string Body(TrainedTrees trees, params int[] rows) => $"{{\"rows\":[{string.Join(',', rows.Select(row => $"[{string.Join(',', trees.Row(row))}]"))}]}}";

    private static Task<JsonElement> ExplainAsync(PredictionClient client, TrainedTrees trees, int[] background, ExplanationOptions options) =>
        ExplainAsync(client.Lease, Body(trees, 0), Body(trees, background), options);

    private static async Task<JsonElement> ExplainAsync(ModelLease lease, string body, string background, ExplanationOptions options)
    {
        var response = new ArrayBufferWriter<byte>();
        await Explainer.ExplainAsync(
            lease, new(System.Text.Encoding.UTF8.GetBytes(body)), System.Text.Encoding.UTF8.GetBytes(background), response, new PredictionContext("r", "m", 1), options, default);
        return JsonDocument.Parse(response.WrittenMemory).RootElement.GetProperty("explanations")[0];
    }
}
