using AIaaS.Learning.Training;

namespace AIaaS.Learning.Tests.Training;

public sealed class HoldoutSplitTests
{
    [Fact]
    public void Each_class_gives_the_same_share()
    {
        int[] classes = [.. Enumerable.Repeat(0, 100), .. Enumerable.Repeat(1, 50), .. Enumerable.Repeat(2, 10)];

        var split = HoldoutSplit.Create(classes, 0.2, seed: 42);

        Assert.Equal([20, 10, 2], split.Holdout.CountBy(row => classes[row]).OrderBy(c => c.Key).Select(c => c.Value));
    }

    [Fact]
    public void Every_row_is_on_one_side()
    {
        var split = HoldoutSplit.Create(new int[77], 0.3, seed: 42);

        Assert.Equal(Enumerable.Range(0, 77), split.Training.Concat(split.Holdout).Order());
        Assert.Equal(23, split.Holdout.Length);
    }

    [Fact]
    public void A_class_of_one_row_is_trained_on()
    {
        var split = HoldoutSplit.Create([0, 0, 0, 0, 1], 0.9, seed: 42);

        Assert.Contains(4, split.Training);
    }

    [Fact]
    public void At_least_one_row_is_held_out() =>
        Assert.Single(HoldoutSplit.Create([0, 0, 1, 1, 2, 2], 0.01, seed: 42).Holdout);
}
