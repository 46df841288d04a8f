using AIaaS.Learning.Trainers;
using AIaaS.Learning.Training;

namespace AIaaS.Learning.Trees;

/// <summary>How a forest grows.</summary>
internal sealed record ForestOptions
{
    public required GrowthOptions Growth { get; init; }

    public required int Trees { get; init; }

    /// <summary>Whether each tree sees rows drawn with replacement, or all of them as they are.</summary>
    public required bool Bootstrap { get; init; }

    public required long Seed { get; init; }
}

/// <summary>
/// Trees that are grown apart and averaged (Breiman 2001). A leaf is the mean of its rows, for a class the share of it among them: splitting by squares
/// is then splitting by Gini's impurity. Of more than two classes each has trees of its own, against the rest.
/// </summary>
internal sealed class RandomForest(ForestOptions options, TimeProvider timeProvider)
{
    private const long RowsStream = 0x66_726F_7773;
    private const long NodesStream = 0x66_6E6F_6465;
    private const long StreamStep = 1L << 40;

    /// <param name="training">The rows to learn from.</param>
    /// <param name="wanted">For each output what rows should give.</param>
    /// <param name="weights">How much each row counts; null where all count the same.</param>
    /// <param name="checkpoints">Where trees are kept.</param>
    /// <param name="grown">Is told how many trees there are.</param>
    /// <param name="cancellationToken">Saves the trees before it leaves.</param>
    /// <returns>The trees, output after output in turn, and what they are added to.</returns>
    public (IReadOnlyList<RegressionTree> Trees, float[] Initial) Grow(
        BinnedFeatures training, double[][] wanted, float[]? weights, TreeCheckpoints checkpoints, Action<int> grown, CancellationToken cancellationToken)
    {
        var initial = Array.ConvertAll(wanted, own => Mean(own, weights));
        var trees = checkpoints.Load().ToList();
        var grower = new TreeGrower(training, options.Growth);
        var derivatives = new double[2 * training.Rows];
        var leaves = new List<(int Node, int From, int Count)>();
        var saved = timeProvider.GetTimestamp();
        while (trees.Count < options.Trees * wanted.Length)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                checkpoints.Save(trees);
                cancellationToken.ThrowIfCancellationRequested();
            }

            var (number, output) = (trees.Count / wanted.Length, trees.Count % wanted.Length);
            var counts = Draw(training.Rows, number);
            var rows = Enumerable.Range(0, training.Rows).Where(row => counts is null || counts[row] > 0).ToArray();
            foreach (var row in rows)
            {
                var weight = (weights?[row] ?? 1.0) * (counts?[row] ?? 1);
                derivatives[2 * row] = weight * (initial[output] - wanted[output][row]);
                derivatives[(2 * row) + 1] = weight;
            }

            leaves.Clear();
            var tree = grower.Grow(
                derivatives, rows, [.. Enumerable.Range(0, training.Features.Count)], new CounterGenerator(options.Seed, NodesStream + (StreamStep * trees.Count)), leaves);
            foreach (var (node, _, _) in leaves)
                tree.Replace(node, tree.Nodes[node] with { Value = tree.Nodes[node].Value / options.Trees });
            trees.Add(tree);
            grown(trees.Count / wanted.Length);
            if (timeProvider.GetElapsedTime(saved) >= TimeSpan.FromSeconds(10))
            {
                checkpoints.Save(trees);
                saved = timeProvider.GetTimestamp();
            }
        }

        return (trees, Array.ConvertAll(initial, mean => (float)mean));
    }

    /// <summary>How often each row is drawn; null where every one counts once.</summary>
    private byte[]? Draw(int rows, int tree)
    {
        if (!options.Bootstrap)
            return null;
        var generator = new CounterGenerator(options.Seed, RowsStream + (StreamStep * tree));
        var counts = new byte[rows];
        for (var draw = 0; draw < rows; draw++)
        {
            ref var count = ref counts[(int)(generator.Bits(draw) % (ulong)rows)];
            count = (byte)Math.Min(255, count + 1);
        }

        return counts;
    }

    private static double Mean(double[] values, float[]? weights)
    {
        var (sum, all) = (0.0, 0.0);
        for (var row = 0; row < values.Length; row++)
        {
            sum += values[row] * (weights?[row] ?? 1);
            all += weights?[row] ?? 1;
        }

        return sum / all;
    }
}
