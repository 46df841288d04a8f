using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Training;

namespace AIaaS.Learning.Tests.Evaluation;

public sealed class ResamplingTests
{
    private static readonly int[] Groups = [.. Enumerable.Range(0, 103).Select(row => row % 10 == 0 ? 1 : 0)];

    [Fact]
    public void Every_row_is_validated_once_and_never_in_a_fold_that_learns_from_it()
    {
        var folds = Resampling.Folds(Groups, null, 5, seed: 1);

        Assert.Equal(Enumerable.Range(0, Groups.Length), folds.SelectMany(fold => fold.Validation).Order());
        Assert.All(folds, fold => Assert.Equal(Enumerable.Range(0, Groups.Length), fold.Training.Concat(fold.Validation).Order()));
    }

    [Fact]
    public void Each_fold_has_its_share_of_every_class() =>
        Assert.All(Resampling.Folds(Groups, null, 5, seed: 1), fold => Assert.InRange(fold.Validation.Count(row => Groups[row] == 1), 2, 3));

    [Fact]
    public void One_fold_validates_by_a_fifth()
    {
        var fold = Assert.Single(Resampling.Folds(Groups, null, 1, seed: 1));

        Assert.InRange(fold.Validation.Length, 19, 22);
        Assert.Equal(Groups.Length, fold.Training.Length + fold.Validation.Length);
    }

    [Fact]
    public void The_parts_of_the_data_set_are_kept_together()
    {
        int[] stored = [.. Enumerable.Range(0, 90).Select(row => row / 15)];

        var folds = Resampling.Folds(new int[90], stored, 3, seed: 1);

        Assert.Equal(3, folds.Count);
        Assert.All(folds, fold => Assert.Empty(fold.Validation.Select(row => stored[row]).Intersect(fold.Training.Select(row => stored[row]))));
    }

    [Theory]
    [InlineData(5, "0|1 01|2 012|3 0123|4 01234|5")]
    [InlineData(3, "01|2 012|34 01234|5")]
    [InlineData(2, "01|23 0123|45")]
    [InlineData(1, "01234|5")]
    [InlineData(20, "0|1 01|2 012|3 0123|4 01234|5")]
    public void Of_times_each_fold_learns_from_the_ones_before_it_alone(int count, string expected)
    {
        int[] stored = [.. Enumerable.Range(0, 60).Select(row => row * 7 % 6)];

        var folds = Resampling.Folds(new int[60], stored, count, seed: 1, inOrder: true);

        Assert.Equal(expected, string.Join(' ', folds.Select(fold => $"{Parts(fold.Training)}|{Parts(fold.Validation)}")));

        string Parts(int[] rows) => string.Concat(rows.Select(row => stored[row]).Distinct().Order());
    }

    [Fact]
    public void Rows_without_stored_parts_have_no_order_to_keep() =>
        Assert.Equal(5, Resampling.Folds(Groups, null, 5, seed: 1, inOrder: true).Count);

    [Fact]
    public void A_seed_deals_the_same_rows_and_another_one_others()
    {
        Assert.Equal(Deal(1), Deal(1));
        Assert.NotEqual(Deal(1), Deal(2));

        static IEnumerable<int> Deal(long seed) => Resampling.Folds(Groups, null, 5, seed).SelectMany(fold => fold.Validation);
    }

    [Fact]
    public void There_are_no_more_folds_than_rows() =>
        Assert.All(Resampling.Folds(new int[4], null, 10, seed: 1), fold => Assert.NotEmpty(fold.Validation));
}
