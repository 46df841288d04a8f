using AIaaS.Formats;
using AIaaS.Learning.Trainers;
using AIaaS.Learning.Training;

namespace AIaaS.Learning.Trees;

/// <summary>How boosting goes on.</summary>
internal sealed record BoostingOptions
{
    public required GrowthOptions Growth { get; init; }

    public required int Iterations { get; init; }

    public double LearningRate { get; init; } = 0.1;

    /// <summary>Ends when validation has not become better in so many iterations.</summary>
    public int Patience { get; init; } = 30;

    /// <summary>Share of the rows that each iteration sees.</summary>
    public double RowShare { get; init; } = 1;

    /// <summary>Share of the features that each tree sees.</summary>
    public double ColumnShare { get; init; } = 1;

    public required long Seed { get; init; }

    public TimeSpan CheckpointEvery { get; init; } = TimeSpan.FromSeconds(10);
}

/// <param name="Trees">Iteration after iteration, in each a tree for every score.</param>
/// <param name="Iterations">How many; of the best on validation rows, where there were any.</param>
internal sealed record BoostedTrees(IReadOnlyList<RegressionTree> Trees, int Iterations);

/// <summary>Gradient boosting (Friedman 2001) with second derivatives: each tree is grown on what the ones before leave of the loss.</summary>
internal sealed class GradientBooster(BoostingOptions options, BoostingLoss loss, TimeProvider timeProvider)
{
    private const long RowsStream = 0x62_726F_7773;
    private const long ColumnsStream = 0x62_636F_6C73;
    private const long NodesStream = 0x62_6E6F_6465;
    private const long StreamStep = 1L << 40;

    // A loss in single precision wavers by this much without becoming better.
    private const double Improvement = 1e-6;

    /// <param name="training">The rows to learn from.</param>
    /// <param name="validation">Rows to stop by, in the same bins, and what they should give; null to go on to the end.</param>
    /// <param name="checkpoints">Where trees are kept.</param>
    /// <param name="evaluated">Is told the iteration and the loss on validation rows; false ends the training.</param>
    /// <param name="cancellationToken">Saves the trees before it leaves.</param>
    public BoostedTrees Train(
        BinnedFeatures training,
        (BinnedFeatures Features, TrainerTarget Target)? validation,
        TreeCheckpoints checkpoints,
        Func<int, double?, bool> evaluated,
        CancellationToken cancellationToken)
    {
        var grower = new TreeGrower(training, options.Growth);
        var trees = new List<RegressionTree>();
        var (scores, next) = (ScoresOf(training.Rows), ScoresOf(training.Rows));
        var judged = validation is { } given ? ScoresOf(given.Features.Rows) : [];
        var (best, bestIterations) = (double.PositiveInfinity, 0);
        var goesOn = true;

        foreach (var iteration in checkpoints.Load().Chunk(loss.Width))
        {
            foreach (var (output, tree) in iteration.Index())
                AddTo(scores[output], training, tree);
            goesOn = Judge(iteration);
        }

        var derivatives = new double[2 * training.Rows];
        var leaves = new List<(int Node, int From, int Count)>();
        var saved = timeProvider.GetTimestamp();
        while (goesOn && trees.Count < (long)options.Iterations * loss.Width)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                checkpoints.Save(trees);
                cancellationToken.ThrowIfCancellationRequested();
            }

            var number = trees.Count / loss.Width;
            var (rows, others) = Sample(training.Rows, number);
            var iteration = new RegressionTree[loss.Width];
            for (var output = 0; output < loss.Width; output++)
            {
                loss.Differentiate(scores, output, derivatives);
                leaves.Clear();
                var used = loss.Width == 1 ? rows : (int[])rows.Clone();
                var tree = grower.Grow(derivatives, used, ColumnsOf(training, number), new CounterGenerator(options.Seed, NodesStream + (StreamStep * trees.Count) + output), leaves);
                Finish(tree, used, leaves, scores);
                scores[output].CopyTo(next[output], 0);
                foreach (var (node, from, count) in leaves)
                {
                    var value = tree.Nodes[node].Value;
                    foreach (var row in used.AsSpan(from, count))
                        next[output][row] += value;
                }

                foreach (var row in others)
                    next[output][row] += tree.Predict(training, row);
                iteration[output] = tree;
            }

            (scores, next) = (next, scores);
            goesOn = Judge(iteration);
            if (timeProvider.GetElapsedTime(saved) >= options.CheckpointEvery)
            {
                checkpoints.Save(trees);
                saved = timeProvider.GetTimestamp();
            }
        }

        var iterations = validation is null ? trees.Count / loss.Width : bestIterations;
        return new([.. trees.Take(iterations * loss.Width)], iterations);

        bool Judge(RegressionTree[] iteration)
        {
            trees.AddRange(iteration);
            var done = trees.Count / loss.Width;
            double? value = null;
            if (validation is { } by)
            {
                foreach (var (output, tree) in iteration.Index())
                    AddTo(judged[output], by.Features, tree);
                value = loss.Mean(by.Target, judged);
                if (value < best - (Improvement * Math.Abs(best)) || bestIterations == 0)
                    (best, bestIterations) = (value.Value, done);
            }

            // Trees of one leaf only repeat themselves: nothing is left to learn.
            var learns = options.RowShare < 1 || options.ColumnShare < 1 || iteration.Any(tree => tree.Nodes.Count > 1);
            return evaluated(done, value) && learns && (validation is null || done - bestIterations < options.Patience);
        }
    }

    private float[][] ScoresOf(int rows) => [.. loss.Initial.Select(initial =>
    {
        var scores = new float[rows];
        Array.Fill(scores, initial);
        return scores;
    })];

    private static void AddTo(float[] scores, BinnedFeatures features, RegressionTree tree)
    {
        for (var row = 0; row < scores.Length; row++)
            scores[row] += tree.Predict(features, row);
    }

    private void Finish(RegressionTree tree, int[] rows, List<(int Node, int From, int Count)> leaves, float[][] scores)
    {
        foreach (var (node, from, count) in leaves)
        {
            var value = loss.LeafValue(scores, rows.AsSpan(from, count)) ?? tree.Nodes[node].Value;
            tree.Replace(node, tree.Nodes[node] with { Value = (float)(value * options.LearningRate) });
        }
    }

    private (int[] Rows, int[] Others) Sample(int rows, int iteration)
    {
        if (options.RowShare >= 1)
            return ([.. Enumerable.Range(0, rows)], []);
        var count = Math.Clamp((int)Math.Round(rows * options.RowShare), 1, rows);
        var order = new CounterGenerator(options.Seed, RowsStream + (StreamStep * iteration)).Permutation(rows);
        Array.Sort(order, 0, count);
        return (order[..count], order[count..]);
    }

    private int[] ColumnsOf(BinnedFeatures features, int iteration)
    {
        var all = features.Features.Count;
        if (options.ColumnShare >= 1)
            return [.. Enumerable.Range(0, all)];
        var count = Math.Clamp((int)Math.Round(all * options.ColumnShare), 1, all);
        return [.. new CounterGenerator(options.Seed, ColumnsStream + (StreamStep * iteration)).Permutation(all).Take(count).Order()];
    }
}
