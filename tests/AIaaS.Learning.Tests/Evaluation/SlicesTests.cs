using AIaaS.Formats;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Features;

namespace AIaaS.Learning.Tests.Evaluation;

public sealed class SlicesTests
{
    [Fact]
    public void Each_value_has_its_rows_the_most_frequent_first()
    {
        var slices = Slices.Of(Texts(60, row => row % 3 == 0 ? "rare" : "common"));

        Assert.Equal([("common", 40), ("rare", 20)], Sizes(slices));
        Assert.Equal(Enumerable.Range(0, 60).Where(row => row % 3 == 0), slices[1].Rows);
    }

    [Fact]
    public void Rows_without_a_value_are_a_slice_of_their_own() =>
        Assert.Equal([("a", 20), ("(missing)", 10)], Sizes(Slices.Of(Texts(30, row => row % 3 == 0 ? "" : "a"))));

    [Fact]
    public void Values_of_too_few_rows_are_joined()
    {
        var slices = Slices.Of(Texts(50, row => row < 9 ? "nine" : row < 17 ? "eight" : "many"));

        Assert.Equal([("many", 33), ("(other)", 17)], Sizes(slices));
        Assert.Equal(Enumerable.Range(0, 17), slices[1].Rows);
    }

    [Fact]
    public void Beyond_twenty_values_the_rest_are_joined()
    {
        var slices = Slices.Of(Texts(25 * 12, row => $"v{row % 25}"));

        Assert.Equal(21, slices.Count);
        Assert.Equal(("(other)", 5 * 12), (slices[^1].Value, slices[^1].Rows.Length));
    }

    [Fact]
    public void Few_different_numbers_are_values() =>
        Assert.Equal([("1", 20), ("0", 10), ("0.5", 10)], Sizes(Slices.Of(Numbers(40, row => row % 4 == 0 ? 0 : row % 4 == 1 ? 0.5f : 1))));

    [Fact]
    public void Many_different_numbers_are_five_ranges_of_equally_many_rows_from_low_to_high()
    {
        var slices = Slices.Of(Numbers(100, row => (row * 37 % 100) / 2f));

        Assert.Equal(
            ["below 10", "from 10 to 20", "from 20 to 30", "from 30 to 40", "from 40"],
            slices.Select(slice => slice.Value));
        Assert.All(slices, slice => Assert.Equal(20, slice.Rows.Length));
        Assert.All(slices.Single(slice => slice.Value == "from 10 to 20").Rows, row => Assert.InRange((row * 37 % 100) / 2f, 10f, 19.5f));
    }

    [Fact]
    public void Numbers_that_are_missing_or_infinite_are_in_no_range()
    {
        var slices = Slices.Of(Numbers(120, row => row % 6 == 0 ? float.NaN : row % 12 == 1 ? float.PositiveInfinity : row));

        Assert.Equal(6, slices.Count);
        Assert.Equal(("(missing)", 30), (slices[^1].Value, slices[^1].Rows.Length));
    }

    [Fact]
    public void A_value_that_half_of_the_rows_have_makes_no_empty_range()
    {
        var slices = Slices.Of(Numbers(200, row => row % 2 == 0 ? 0 : row));

        Assert.All(slices, slice => Assert.NotEmpty(slice.Rows));
        Assert.Equal(slices.Count, slices.Select(slice => slice.Value).Distinct().Count());
    }

    [Theory]
    [InlineData(7)]
    [InlineData(200)]
    public void Every_row_is_in_one_slice(int different)
    {
        var slices = Slices.Of(Numbers(333, row => row % 10 == 0 ? float.NaN : row * 31 % different));

        Assert.Equal(Enumerable.Range(0, 333), slices.SelectMany(slice => slice.Rows).Order());
    }

    private static (string, int)[] Sizes(IReadOnlyList<(string Value, int[] Rows)> slices) => [.. slices.Select(slice => (slice.Value, slice.Rows.Length))];

    private static TextColumn Texts(int rows, Func<int, string> value) => new("column", ColumnKind.Category, [.. Enumerable.Range(0, rows).Select(value)]);

    private static NumberColumn Numbers(int rows, Func<int, float> value) => new("column", ColumnKind.Number, [.. Enumerable.Range(0, rows).Select(value)]);
}
