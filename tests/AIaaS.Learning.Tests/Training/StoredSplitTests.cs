using AIaaS.Learning.Training;

namespace AIaaS.Learning.Tests.Training;

public sealed class StoredSplitTests
{
    [Fact]
    public void The_stored_holdout_is_judged_by_and_the_folds_are_trained_on()
    {
        var split = HoldoutSplit.Stored([0, -1, 3, -1, 1], [0, 1, 2, 3, 4])!;

        Assert.Equal([1, 3], split.Holdout);
        Assert.Equal([0, 2, 4], split.Training);
    }

    [Fact]
    public void Rows_without_a_target_are_passed_over()
    {
        var split = HoldoutSplit.Stored([0, -1, 3, -1, 1], [0, 3, 4])!;

        Assert.Equal([1], split.Holdout);
        Assert.Equal([0, 2], split.Training);
    }

    [Theory]
    [InlineData(0, 1, 2)]
    [InlineData(-1, -1, -1)]
    public void A_split_that_leaves_one_side_empty_is_none(params int[] folds) => Assert.Null(HoldoutSplit.Stored(folds, [0, 1, 2]));
}
