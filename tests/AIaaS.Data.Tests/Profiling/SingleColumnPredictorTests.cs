using AIaaS.Data.Profiling;

namespace AIaaS.Data.Tests.Profiling;

public sealed class SingleColumnPredictorTests
{
    [Fact]
    public void A_category_tells_as_much_of_the_class_as_scikit_learns_tree_out_of_fold()
    {
        string[][] rows = [.. File.ReadLines(ProfileFigures.Baseline).Skip(1).Select(line => line.Split(','))];
        var plan = SampledColumn.OfTexts(rows.Select(row => row[2].Length == 0 ? null : row[2]));
        var churned = SampledColumn.OfTexts(rows.Select(row => row[^1]));
        double skill = SingleColumnPredictor.Accuracy(plan, churned.Codes, churned.Values.Count)!.Value;
        Assert.Equal(ProfileFigures.Number("planSkill"), skill, 1e-12);
    }

    [Fact]
    public void A_curve_is_told_by_its_bins()
    {
        double?[] x = [.. Enumerable.Range(0, 2000).Select(i => (double?)(i * 7919 % 2000 / 100.0))];
        var target = SampledColumn.OfNumbers(x.Select(value => (double?)Math.Sin(value!.Value)));
        Assert.InRange(SingleColumnPredictor.Determination(SampledColumn.OfNumbers(x), target.Numbers)!.Value, 0.97, 1);
    }

    [Fact]
    public void Noise_tells_nothing_of_a_number()
    {
        var random = new Random(11);
        var x = SampledColumn.OfNumbers(Enumerable.Range(0, 2000).Select(_ => (double?)random.NextDouble()));
        var y = SampledColumn.OfNumbers(Enumerable.Range(0, 2000).Select(_ => (double?)random.NextDouble()));
        Assert.InRange(SingleColumnPredictor.Determination(x, y.Numbers)!.Value, 0, 0.02);
    }

    [Fact]
    public void Rows_without_a_target_are_left_out()
    {
        var x = SampledColumn.OfTexts(Enumerable.Range(0, 300).Select(i => i % 3 == 2 ? "c" : i % 2 == 0 ? "a" : "b"));
        var y = SampledColumn.OfTexts(Enumerable.Range(0, 300).Select(i => i % 3 == 2 ? null : i % 2 == 0 ? "yes" : "no"));
        Assert.Equal(1, SingleColumnPredictor.Accuracy(x, y.Codes, y.Values.Count));
    }

    [Fact]
    public void One_class_leaves_nothing_to_tell()
    {
        var x = SampledColumn.OfTexts(["a", "b", "a", "b"]);
        var y = SampledColumn.OfTexts(["yes", "yes", "yes", "yes"]);
        Assert.Null(SingleColumnPredictor.Accuracy(x, y.Codes, y.Values.Count));
    }
}
