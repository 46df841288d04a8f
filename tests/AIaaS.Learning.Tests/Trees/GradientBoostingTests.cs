using AIaaS.Formats;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Features;
using AIaaS.Learning.Trainers;
using AIaaS.Learning.Training;
using AIaaS.Learning.Trees;

namespace AIaaS.Learning.Tests.Trees;

public sealed class GradientBoostingTests : IDisposable
{
    private static readonly (string, object)[] Few = [("iterations", 12), ("leaves", 12), ("min-rows-of-leaf", 5)];

    private readonly TreeRows _rows = new();
    private readonly GradientBoostingTrainer _trainer = new(TimeProvider.System);

    public void Dispose() => _rows.Dispose();

    [Fact]
    public void The_graph_predicts_what_the_trees_say()
    {
        const int rows = 600, width = 3;
        FeatureSlot[] slots = [new("a", "a"), new("kind", "kind", 9), new("b", "b")];
        var matrix = new float[rows * width];
        for (var row = 0; row < rows; row++)
        {
            matrix[row * width] = row % 11 == 0 ? float.NaN : (float)TableBuilder.Wave(row, 1) * (row % 50 == 0 ? 1e20f : 1);
            matrix[(row * width) + 1] = row * 7 % 9;
            matrix[(row * width) + 2] = (float)Math.Round(3 * TableBuilder.Wave(row, 2));
        }

        var target = new NumberTarget([.. Enumerable.Range(0, rows).Select(row => (new[] { 1, 7, 2, 6, 9, 3, 0, 8, 5 }[row * 7 % 9] * 2) + TableBuilder.Wave(row, 2) + (row % 11 == 0 ? 5 : 0))]);
        var features = BinnedFeatures.Fit(matrix, rows, slots, 1);
        var loss = BoostingLoss.Of(target, null, "squared", 0.5);
        using var folder = new TemporaryFolder();
        var boosted = new GradientBooster(
            new BoostingOptions { Growth = new GrowthOptions { MaxLeaves = 12, MinRowsOfLeaf = 5 }, Iterations = 20, Seed = 1 }, loss, TimeProvider.System)
            .Train(features, null, new TreeCheckpoints(folder.Path, "a"), (_, _) => true, CancellationToken.None);
        var ensemble = new TreeEnsembleGraph(features.Features);
        foreach (var tree in boosted.Trees)
            ensemble.Add(tree, 0);

        // What was never seen comes too: far numbers, and codes of other and of missing values.
        float[] strange = [.. matrix, float.MaxValue, 8, float.MinValue, float.NaN, 0, float.NaN];
        var graph = TreeRows.Predict(new TrainedModel { Build = raw => ensemble.Build(raw, loss.Initial), Hyperparameters = new Dictionary<string, System.Text.Json.JsonElement>() }, strange, width, 1);

        var binned = BinnedFeatures.Apply(features.Features, strange, rows + 2, 1);
        Assert.Contains(boosted.Trees, tree => tree.Nodes.Any(node => node.LeftCategories is { Length: > 1 }));
        Assert.All(Enumerable.Range(0, rows + 2), row => Assert.Equal(loss.Initial[0] + boosted.Trees.Sum(tree => (double)tree.Predict(binned, row)), graph[row], 1e-5));
    }

    [Fact]
    public void The_same_seed_gives_the_same_model_bit_for_bit_with_any_number_of_threads()
    {
        (string, object)[] sampled = [.. Few, ("row-share", 0.7), ("column-share", 0.6), ("column-share-of-node", 0.7)];
        var one = _trainer.Train(_rows.Input(TreeRows.Two(test: false), sampled), CancellationToken.None);
        var again = _trainer.Train(_rows.Input(TreeRows.Two(test: false), sampled) with { Threads = 2 }, CancellationToken.None);
        var other = _trainer.Train(_rows.Input(TreeRows.Two(test: false), sampled) with { Seed = 8 }, CancellationToken.None);

        Assert.Equal(TreeRows.Bytes(one), TreeRows.Bytes(again));
        Assert.NotEqual(TreeRows.Bytes(one), TreeRows.Bytes(other));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public void A_training_that_was_interrupted_goes_on_to_the_same_model(int after)
    {
        var expected = TreeRows.Bytes(_trainer.Train(_rows.Input(TreeRows.Three(test: false), [.. Few, ("row-share", 0.8)]), CancellationToken.None));
        using var interrupted = new CancellationTokenSource();
        var input = Judged(_rows.Input(TreeRows.Three(test: false), [.. Few, ("row-share", 0.8)]), TreeRows.Three(test: true));
        var uninterrupted = TreeRows.Bytes(_trainer.Train(input, CancellationToken.None));
        var seen = 0;

        Assert.ThrowsAny<OperationCanceledException>(() => _trainer.Train(
            input with
            {
                OnEvaluation = _ =>
                {
                    if (++seen == after)
                        interrupted.Cancel();
                    return true;
                },
            },
            interrupted.Token));

        Assert.Equal(uninterrupted, TreeRows.Bytes(_trainer.Train(input, CancellationToken.None)));
        Assert.Equal(expected, TreeRows.Bytes(_trainer.Train(_rows.Input(TreeRows.Three(test: false), [.. Few, ("row-share", 0.8)]), CancellationToken.None)));
    }

    [Fact]
    public void A_damaged_checkpoint_gives_way_to_the_one_before()
    {
        using var folder = new TemporaryFolder();
        var checkpoints = new TreeCheckpoints(folder.Path, "a");
        var tree = RegressionTree.Of([new TreeNode { Value = 1 }]);
        checkpoints.Save([tree]);
        checkpoints.Save([tree, tree]);
        var latest = Directory.GetFiles(folder.Path).Single(file => file.EndsWith(".checkpoint", StringComparison.Ordinal));
        File.WriteAllBytes(latest, [.. File.ReadAllBytes(latest).Reverse()]);

        Assert.Single(checkpoints.Load());
        Assert.Empty(new TreeCheckpoints(folder.Path, "b").Load());
    }

    [Fact]
    public void Training_ends_where_validation_does_not_become_better_and_keeps_the_best()
    {
        var input = Judged(_rows.Input(TreeRows.Numbers(test: false), ("iterations", 400), ("learning-rate", 0.9), ("patience", 5)), TreeRows.Numbers(test: true));
        var losses = new List<double>();

        var trained = _trainer.Train(input with { OnEvaluation = point => { losses.Add(point.Value); return true; } }, CancellationToken.None);

        var best = (int)trained.Refit["iterations"];
        Assert.InRange(best, 1, 395);
        Assert.Equal(best, trained.Hyperparameters["iterations"].GetInt32());
        Assert.NotEmpty(losses);
    }

    [Fact]
    public void Whoever_watches_may_end_a_training()
    {
        var input = Judged(_rows.Input(TreeRows.Numbers(test: false), ("iterations", 100)), TreeRows.Numbers(test: true));
        var points = new List<TrialPoint>();

        _trainer.Train(input with { OnEvaluation = point => { points.Add(point); return points.Count < 3; } }, CancellationToken.None);

        Assert.Equal([0.02, 0.04, 0.06], points.Select(point => Math.Round(point.Share, 6)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void A_monotone_constraint_holds_everywhere(int direction)
    {
        var trained = _trainer.Train(_rows.Input(TreeRows.Numbers(test: false), [("iterations", 60), ("leaves", 12), ("monotone", new Dictionary<string, int> { ["x0"] = direction })]), CancellationToken.None);
        var rows = TreeRows.Matrix(test: true)[..(50 * TreeRows.Features)].Chunk(TreeRows.Features).ToArray();
        var steps = Enumerable.Range(-30, 61).Select(i => i / 25f).ToArray();

        var values = TreeRows.Predict(trained, [.. rows.SelectMany(row => steps.SelectMany(step => (float[])[step, .. row[1..]]))], TreeRows.Features, 1);

        Assert.All(values.Chunk(steps.Length), along => Assert.All(along.Zip(along.Skip(1)), pair => Assert.True(direction * (pair.Second - pair.First) >= -1e-4)));
    }

    [Fact]
    public void Categories_split_by_subsets_do_better_than_by_their_codes()
    {
        const int rows = 3000, kinds = 40;
        var matrix = Enumerable.Range(0, rows).Select(row => (float)(row * 13 % kinds)).ToArray();
        var target = new NumberTarget([.. matrix.Select((kind, row) => (Math.Sin(kind * 2.3) > 0 ? 10 : 0) + TableBuilder.Wave(row, 5))]);

        double Error(FeatureSlot slot)
        {
            var input = _rows.Input(target, ("iterations", 10), ("leaves", 4), ("learning-rate", 0.3)) with { Features = matrix, Rows = rows, Width = 1, Slots = [slot] };
            return RegressionMetrics.Compute(target.Rows, TreeRows.Predict(_trainer.Train(input, CancellationToken.None), matrix, 1, 1))[Metrics.Rmse];
        }

        Assert.True(Error(new FeatureSlot("kind", "kind", kinds)) < 0.7 * Error(new FeatureSlot("kind", "kind")));
    }

    [Fact]
    public void Missing_values_are_split_off_where_that_tells_something()
    {
        var matrix = Enumerable.Range(0, 400).Select(row => row % 4 == 0 ? float.NaN : (float)TableBuilder.Wave(row, 1)).ToArray();
        var target = new ClassTarget([.. Enumerable.Range(0, 400).Select(row => row % 4 == 0 ? 1 : 0)], 2);
        var input = _rows.Input(target, Few) with { Features = matrix, Rows = 400, Width = 1, Slots = [new("x", "x")] };

        var p = ClassificationMetrics.Column(TreeRows.Predict(_trainer.Train(input, CancellationToken.None), matrix, 1, 2), 2, 1);

        Assert.All(p.Index(), row => Assert.Equal(row.Index % 4 == 0, row.Item > 0.5));
    }

    [Fact]
    public void Rows_that_weigh_twice_count_as_two()
    {
        float[] weights = [.. Enumerable.Range(0, TreeRows.Training).Select(row => row % 3 == 0 ? 2f : 1f)];
        var numbers = TreeRows.Numbers(test: false);
        int[] twice = [.. Enumerable.Range(0, TreeRows.Training).SelectMany(row => row % 3 == 0 ? new[] { row, row } : [row])];
        var matrix = Array.ConvertAll(TreeRows.Matrix(test: false), value => MathF.Round(10 * value));
        (string, object)[] plain = [("iterations", 5), ("min-rows-of-leaf", 1), ("l2", 0), ("leaves", 8), ("column-share", 1)];
        var weighted = _trainer.Train(_rows.Input(numbers, plain) with { Features = matrix, Weights = weights }, CancellationToken.None);
        var repeated = _trainer.Train(
            _rows.Input(new NumberTarget([.. twice.Select(row => numbers.Rows[row])]), plain) with
            {
                Features = [.. twice.SelectMany(row => matrix[(row * TreeRows.Features)..((row + 1) * TreeRows.Features)])],
                Rows = twice.Length,
            },
            CancellationToken.None);

        Assert.All(
            TreeRows.Predict(weighted, matrix, TreeRows.Features, 1).Zip(TreeRows.Predict(repeated, matrix, TreeRows.Features, 1)),
            pair => Assert.Equal(pair.First, pair.Second, 1e-3));
    }

    [Theory]
    [InlineData("leaves", 1, "'leaves' must be from 2")]
    [InlineData("learning-rate", 2.0, "'learning-rate' must be from")]
    [InlineData("row-share", 0.0, "'row-share' must be from")]
    [InlineData("loss", "cubic", "There is no loss 'cubic'")]
    [InlineData("iterations", "many", "must be a whole number")]
    public void What_cannot_be_is_refused_by_name(string name, object value, string reason)
    {
        var refusal = Assert.Throws<TrainingException>(() => _trainer.Train(_rows.Input(TreeRows.Numbers(test: false), (name, value)), CancellationToken.None));

        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_constraint_on_a_feature_that_is_not_there_is_refused_by_name()
    {
        var refusal = Assert.Throws<TrainingException>(() => _trainer.Train(
            _rows.Input(TreeRows.Numbers(test: false), ("monotone", new Dictionary<string, int> { ["age"] = 1 })), CancellationToken.None));

        Assert.Contains("'age'", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_table_of_constants_gives_the_mean()
    {
        var input = _rows.Input(new NumberTarget([.. Enumerable.Range(0, 100).Select(row => (double)(row % 2))])) with { Features = new float[100], Rows = 100, Width = 1, Slots = [new("x", "x")] };

        Assert.Equal([0.5f, 0.5f], TreeRows.Predict(_trainer.Train(input, CancellationToken.None), [0, 7], 1, 1));
    }

    private static TrainerInput Judged(TrainerInput input, TrainerTarget target) =>
        input with { Validation = new TrainerRows { Features = TreeRows.Matrix(test: true), Rows = TreeRows.Training, Target = target } };
}
