using System.Globalization;
using AIaaS.Data.Anomalies;

namespace AIaaS.Data.Tests.Anomalies;

public sealed class IsolationForestTests
{
    private const int Rows = 600;

    public static TheoryData<string> Oracles => ["blobs", "ring", "correlated", "penguins"];

    [Theory]
    [MemberData(nameof(Oracles))]
    public void Scores_rank_rows_as_those_of_scikit_learn_do(string table)
    {
        (float[] columns, int rows, float[] theirs) = ReadOracle(table);
        float[] ours = Scores(IsolationForest.Fit(columns, rows, new() { Trees = 1000 }), columns, rows);

        Assert.InRange(Spearman(theirs, ours), 0.98, 1);
        // Not the ranks alone: the scores are the paper's, so they agree in value too.
        Assert.InRange(theirs.Zip(ours, (a, b) => Math.Abs(a - b)).Max(), 0, 0.02);
    }

    [Theory]
    [MemberData(nameof(Oracles))]
    public void A_hundred_trees_rank_rows_as_well_as_a_hundred_of_scikit_learn(string table)
    {
        (float[] columns, int rows, float[] theirs) = ReadOracle(table);
        string[] own = File.ReadLines(OracleFile("isolation-forests.csv")).Select(line => line.Split(',')).Single(fields => fields[0] == table);
        double lowest = double.Parse(own[1], CultureInfo.InvariantCulture);

        double mean = Enumerable.Range(0, 10)
            .Average(seed => Spearman(theirs, Scores(IsolationForest.Fit(columns, rows, new() { Seed = seed }), columns, rows)));

        Assert.InRange(mean, Math.Min(0.95, lowest), 1);
    }

    [Fact]
    public void The_expected_path_length_is_that_of_the_paper()
    {
        // 2 H(n - 1) - 2 (n - 1) / n, with the harmonic numbers themselves.
        double Exact(int n) => 2 * Enumerable.Range(1, n - 1).Sum(i => 1.0 / i) - 2.0 * (n - 1) / n;

        Assert.Equal((0, 0, 1), (IsolationForest.ExpectedPathLength(0), IsolationForest.ExpectedPathLength(1), IsolationForest.ExpectedPathLength(2)));
        Assert.Equal(10.2448, IsolationForest.ExpectedPathLength(256), 4);
        Assert.InRange(IsolationForest.ExpectedPathLength(1000), Exact(1000) - 2e-3, Exact(1000) + 2e-3);
    }

    [Fact]
    public void A_score_is_the_one_that_the_paths_of_the_trees_give()
    {
        float[] columns = Normal(Rows, 5, seed: 3);
        IsolationForest forest = IsolationForest.Fit(columns, Rows);

        float[] scores = Scores(forest, columns, Rows);

        for (int row = 0; row < Rows; row++)
        {
            double length = forest.Trees.Average(tree =>
            {
                int node = 0;
                while (node < tree.Features.Length)
                    node = columns[tree.Features[node] * Rows + row] <= tree.Thresholds[node] ? 2 * node + 1 : 2 * node + 2;
                return (double)tree.PathLengths[node - tree.Features.Length];
            });
            Assert.Equal(Math.Pow(2, -length / forest.MeanPathLength), scores[row], 1e-6);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(2_049)]
    [InlineData(5_003)]
    public void Rows_score_the_same_alone_and_in_any_company(int rows)
    {
        IsolationForest forest = IsolationForest.Fit(Normal(Rows, 3, seed: 1), Rows);
        float[] columns = Normal(rows, 3, seed: 2);
        float[] together = Scores(forest, columns, rows);

        foreach (int row in (int[])[0, rows / 2, rows - 1])
            Assert.Equal([together[row]], Scores(forest, [columns[row], columns[rows + row], columns[2 * rows + row]], 1));
    }

    [Fact]
    public void The_same_seed_grows_the_same_forest_and_another_one_another()
    {
        float[] columns = Normal(Rows, 3, seed: 1);
        float[] Of(long seed) => Scores(IsolationForest.Fit(columns, Rows, new() { Seed = seed }), columns, Rows);

        Assert.Equal(Of(1), Of(1));
        Assert.NotEqual(Of(1), Of(2));
    }

    [Fact]
    public void A_missing_value_counts_as_the_median()
    {
        float[] columns = Normal(Rows, 2, seed: 1);
        columns[5] = float.NaN;
        IsolationForest forest = IsolationForest.Fit(columns, Rows);
        float[] present = [.. columns[..Rows].Where(value => !float.IsNaN(value)).Order()];
        float median = present[present.Length / 2];

        Assert.Equal(median, forest.Medians[0]);
        Assert.Equal(Scores(forest, [median, 4f], 1), Scores(forest, [float.NaN, 4f], 1));
    }

    [Fact]
    public void Infinite_values_lie_farther_out_than_any_other()
    {
        float[] columns = Normal(Rows, 2, seed: 1);
        columns[7] = float.PositiveInfinity;
        columns[Rows + 8] = float.NegativeInfinity;
        IsolationForest forest = IsolationForest.Fit(columns, Rows, new() { SampleSize = Rows });

        float[] scores = Scores(forest, columns, Rows);

        Assert.All(scores, score => Assert.InRange(score, 0, 1));
        Assert.Equal([7, 8], Enumerable.Range(0, Rows).OrderByDescending(row => scores[row]).Take(2).Order());
    }

    [Fact]
    public void Rows_that_are_all_the_same_score_a_half()
    {
        float[] columns = [.. Enumerable.Repeat(3f, Rows), .. Enumerable.Repeat(float.NaN, Rows)];

        Assert.All(Scores(IsolationForest.Fit(columns, Rows), columns, Rows), score => Assert.Equal(0.5f, score, 6));
    }

    [Fact]
    public void Neighbouring_floats_are_told_apart()
    {
        float[] columns = [1, MathF.BitIncrement(1), 1, MathF.BitIncrement(1)];

        IsolationForest forest = IsolationForest.Fit(columns, 4);

        Assert.All(forest.Trees, tree => Assert.Equal(1f, tree.Thresholds[0]));
    }

    [Fact]
    public void Tables_that_are_none_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => IsolationForest.Fit([1], 1));
        Assert.Throws<ArgumentException>(() => IsolationForest.Fit([1, 2, 3], 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => IsolationForest.Fit([1, 2], 2, new() { SampleSize = 1 }));
        IsolationForest forest = IsolationForest.Fit([1, 2, 3, 4], 2);
        Assert.Throws<ArgumentException>(() => forest.Score([1, 2, 3], new float[2]));
    }

    private static float[] Scores(IsolationForest forest, float[] columns, int rows)
    {
        float[] scores = new float[rows];
        forest.Score(columns, scores);
        return scores;
    }

    private static float[] Normal(int rows, int columns, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, rows * columns).Select(_ => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
    }

    private static (float[] Columns, int Rows, float[] Scores) ReadOracle(string table)
    {
        float[][] rows = [.. File.ReadLines(OracleFile($"isolation-forest-{table}.csv")).Skip(1)
            .Select(line => line.Split(',').Select(field => float.Parse(field, CultureInfo.InvariantCulture)).ToArray())];
        int features = rows[0].Length - 1;
        return ([.. Enumerable.Range(0, features).SelectMany(feature => rows.Select(row => row[feature]))], rows.Length, [.. rows.Select(row => row[^1])]);
    }

    private static string OracleFile(string name) => Path.Combine(AppContext.BaseDirectory, "oracles", name);

    /// <summary>Pearson's correlation of the ranks, ties sharing their mean rank.</summary>
    private static double Spearman(float[] a, float[] b)
    {
        double[] ranksOfA = Ranks(a);
        double[] ranksOfB = Ranks(b);
        double mean = (a.Length - 1) / 2.0;
        double Covariance(double[] x, double[] y) => x.Zip(y, (p, q) => (p - mean) * (q - mean)).Sum();
        return Covariance(ranksOfA, ranksOfB) / Math.Sqrt(Covariance(ranksOfA, ranksOfA) * Covariance(ranksOfB, ranksOfB));
    }

    private static double[] Ranks(float[] values)
    {
        int[] order = [.. Enumerable.Range(0, values.Length).OrderBy(i => values[i])];
        double[] ranks = new double[values.Length];
        for (int from = 0, to; from < order.Length; from = to)
        {
            for (to = from + 1; to < order.Length && values[order[to]] == values[order[from]];)
                to++;
            for (int i = from; i < to; i++)
                ranks[order[i]] = (from + to - 1) / 2.0;
        }
        return ranks;
    }
}
