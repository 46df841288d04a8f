using AIaaS.Formats;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Features;

namespace AIaaS.Learning.Tests.Evaluation;

/// <summary>The model is <c>3 a + b</c> and always right, and the loss the mean squared error: what shuffling a column costs is then known.</summary>
public sealed class PermutationImportanceTests
{
    private const int Rows = 900;

    private static readonly FeatureTable Table = Of(Rows);

    [Fact]
    public void A_feature_costs_what_theory_has_it()
    {
        var importance = PermutationImportance.Of(Table, seed: 1, Loss(Table)).ToDictionary(feature => feature.Feature);

        // A value and another one of the same column differ by twice the variance, on average over all shuffles.
        Assert.Equal(9 * 2 * Variance("a"), importance["a"].Loss, 0.05 * importance["a"].Loss);
        Assert.Equal(2 * Variance("b"), importance["b"].Loss, 0.05 * importance["b"].Loss);
    }

    [Fact]
    public void What_the_model_does_not_go_by_costs_nothing_at_all()
    {
        var importance = PermutationImportance.Of(Table, seed: 1, Loss(Table)).ToDictionary(feature => feature.Feature);

        Assert.Equal(new FeatureImportance("noise", 0, 0), importance["noise"]);
        Assert.Equal(new FeatureImportance("word", 0, 0), importance["word"]);
    }

    [Fact]
    public void The_most_important_is_first() =>
        Assert.Equal(["a", "b"], PermutationImportance.Of(Table, seed: 1, Loss(Table)).Take(2).Select(feature => feature.Feature));

    [Fact]
    public void Two_rows_can_be_shuffled_in_two_ways_only()
    {
        var table = Of(2);

        var importance = PermutationImportance.Of(table, seed: 4, Loss(table)).ToDictionary(feature => feature.Feature);

        // Swapped or not: of three shuffles so many were.
        var swapped = Math.Pow(3 * (Values(table, "a")[0] - Values(table, "a")[1]), 2);
        Assert.Contains(importance["a"].Loss / swapped, new[] { 0.0, 1 / 3.0, 2 / 3.0, 1.0 }.Select(share => share), new Near());
    }

    [Fact]
    public void A_seed_shuffles_alike_and_another_one_otherwise()
    {
        Assert.Equal(Losses(1), Losses(1));
        Assert.NotEqual(Losses(1), Losses(2));

        static IEnumerable<double> Losses(long seed) => PermutationImportance.Of(Table, seed, Loss(Table)).Select(feature => feature.Loss);
    }

    [Fact]
    public void Of_many_rows_a_thousand_are_enough()
    {
        var table = Of(2500);
        var seen = new List<int>();

        PermutationImportance.Of(table, seed: 1, (rows, positions) =>
        {
            seen.Add(rows.Rows);
            Assert.Equal(rows.Rows, positions.Distinct().Count());
            return 0;
        });

        Assert.All(seen, rows => Assert.Equal(1000, rows));
        // Once as they are, and thrice for each of four columns.
        Assert.Equal(13, seen.Count);
    }

    [Fact]
    public void A_loss_that_cannot_be_computed_leaves_the_feature_out() =>
        Assert.DoesNotContain(
            PermutationImportance.Of(Table, seed: 1, (rows, positions) => Values(rows, "b").SequenceEqual(Values(Table, "b")) ? Loss(Table)(rows, positions) : double.NaN),
            feature => feature.Feature == "b");

    private static double Variance(string column)
    {
        var values = Values(Table, column);
        return values.Average(v => (double)v * v) - Math.Pow(values.Average(v => (double)v), 2);
    }

    private static Func<FeatureTable, int[], double> Loss(FeatureTable whole) => (rows, positions) =>
    {
        var (a, b) = (Values(rows, "a"), Values(rows, "b"));
        return positions.Index().Average(row =>
        {
            var truth = (3.0 * Values(whole, "a")[row.Item]) + Values(whole, "b")[row.Item];
            var error = (3.0 * a[row.Index]) + b[row.Index] - truth;
            return error * error;
        });
    };

    private static float[] Values(FeatureTable table, string column) => ((NumberColumn)table.Columns.Single(c => c.Name == column)).Values;

    private static FeatureTable Of(int rows) => new TableBuilder(rows)
        .With("noise", ColumnKind.Number, row => (float)TableBuilder.Wave(row, 3))
        .With("b", ColumnKind.Number, row => (float)TableBuilder.Wave(row, 1))
        .With("word", ColumnKind.Category, row => row % 2 == 0 ? "even" : "odd")
        .With("a", ColumnKind.Number, row => (float)TableBuilder.Wave(row, 0))
        .Build();

    private sealed class Near : IEqualityComparer<double>
    {
        public bool Equals(double x, double y) => Math.Abs(x - y) < 1e-9;

        public int GetHashCode(double value) => 0;
    }
}
