using AIaaS.Data.Anomalies;
using AIaaS.Formats;
using AIaaS.Learning.Anomalies;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx.Protos;

namespace AIaaS.Learning.Tests.Anomalies;

public sealed class IsolationForestGraphTests
{
    private const float Missing = float.NaN;

    [Theory]
    [InlineData(1, 100, 1)]
    [InlineData(256, 3, 2)]
    [InlineData(3000, 12, 3)]
    public void The_graph_scores_as_the_forest_does(int rows, int features, int seed)
    {
        var forest = IsolationForest.Fit(Table(Math.Max(rows, 500), features, seed), Math.Max(rows, 500), new() { Seed = seed });
        var columns = Table(rows, features, seed + 100);

        AssertSameScores(forest, columns, rows);
    }

    [Fact]
    public void Missing_and_infinite_values_score_as_in_the_forest()
    {
        var columns = Table(400, 2, seed: 1);
        columns[3] = Missing;
        var forest = IsolationForest.Fit(columns, 400);

        AssertSameScores(forest, [Missing, 1, Missing, float.PositiveInfinity, float.NegativeInfinity, Missing, Missing, 0, 2, 3], 5);
    }

    [Fact]
    public void Values_on_a_threshold_go_the_same_way()
    {
        var columns = Enumerable.Range(0, 600).Select(i => (float)(i % 3)).ToArray();
        var forest = IsolationForest.Fit(columns, 600);
        float[] thresholds = [.. forest.Trees.Select(tree => tree.Thresholds[0])];

        AssertSameScores(forest, thresholds, thresholds.Length);
    }

    [Fact]
    public void A_forest_of_leaves_alone_is_a_graph_too()
    {
        var forest = IsolationForest.Fit(new float[20], 20);

        Assert.Equal([0.5f, 0.5f], Run(forest, [7, 0], 2), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void The_file_is_of_the_agreed_versions_and_keeps_odd_names_of_features()
    {
        var forest = IsolationForest.Fit(Table(50, 3, seed: 1), 50);
        var table = new FeatureTable(1, [.. ((string[])["score", "a \"b\"\n", ""]).Select(name => (FeatureColumn)new NumberColumn(name, ColumnKind.Number, [0f]))]);
        var inputs = FeatureInput.For(table);

        var model = ModelProto.Parser.ParseFrom(Google.Protobuf.MessageExtensions.ToByteArray(
            IsolationForestGraph.Export(forest, inputs, [new("rows", "50")])));

        Assert.Equal(8, model.IrVersion);
        Assert.Equal([("", 17L), ("ai.onnx.ml", 3L)], model.OpsetImport.Select(o => (o.Domain, o.Version)));
        Assert.Equal(["score", "a \"b\"\n", "feature_"], model.Graph.Input.Select(i => i.Name));
        Assert.Equal("score_", model.Graph.Output.Single().Name);
        Assert.Equal("50", model.MetadataProps.Single(m => m.Key == "rows").Value);
        var values = inputs.ToDictionary(i => i.Input, _ => (Array)new float[] { 1 });
        Assert.InRange(((float[])GraphRunner.Run(model, values, "score_")[0])[0], 0, 1);
    }

    [Fact]
    public void Features_that_the_forest_does_not_know_are_refused()
    {
        var forest = IsolationForest.Fit(Table(50, 3, seed: 1), 50);

        Assert.Throws<ArgumentException>(() => IsolationForestGraph.Export(forest, Inputs(2), []));
    }

    private static void AssertSameScores(IsolationForest forest, float[] columns, int rows)
    {
        var expected = new float[rows];
        forest.Score(columns, expected);

        Assert.Equal(expected, Run(forest, columns, rows), (a, b) => Math.Abs(a - b) < 1e-5);
    }

    private static float[] Run(IsolationForest forest, float[] columns, int rows)
    {
        var inputs = Inputs(forest.Features);
        var model = IsolationForestGraph.Export(forest, inputs, []);
        var values = inputs.Index().ToDictionary(i => i.Item.Input, i => (Array)columns.AsSpan(i.Index * rows, rows).ToArray());
        return (float[])GraphRunner.Run(model, values, "score")[0];
    }

    private static FeatureInput[] Inputs(int count) =>
        [.. Enumerable.Range(0, count).Select(i => new FeatureInput($"x{i}", ColumnKind.Number, $"x{i}", IsText: false))];

    private static float[] Table(int rows, int features, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, rows * features).Select(_ => (float)Math.Pow(random.NextDouble() * 3, 3))];
    }
}
