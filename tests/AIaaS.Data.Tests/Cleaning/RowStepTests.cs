using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Cleaning;

/// <summary>Derived columns, filters, duplicates, outliers and samples.</summary>
public sealed class RowStepTests : CleaningTest
{
    [Fact]
    public void Derived_columns_follow_the_others_and_may_use_earlier_ones()
    {
        var derive = new Dictionary<string, string> { ["area"] = "width * \"the height\"", ["isLarge"] = "area > 10", ["label"] = "upper(name) || '!'" };

        PreparationResult result = Clean(new() { Derive = derive }, "width,the height,name\n2,3,a\n4,5.5,b\n");

        Assert.Equal(["width", "the height", "name", "area", "isLarge", "label"], Names(result));
        Assert.Equal([6, 22], Numbers("area"));
        Assert.Equal([0, 1], Numbers("isLarge"));
        Assert.Equal(["A!", "B!"], Texts("label"));
        Assert.Equal("BOOLEAN", result.Schema.Columns[4].Type);
    }

    [Fact]
    public void A_derived_name_that_is_taken_is_refused() =>
        Assert.StartsWith("clean.derive.A: there is a column A already.", RefusedBy(new() { Derive = new Dictionary<string, string> { ["A"] = "1" } }, "a,b\n1,2\n").Message, StringComparison.Ordinal);

    [Fact]
    public void A_number_that_is_not_finite_is_missing()
    {
        Clean(new() { Derive = new Dictionary<string, string> { ["r"] = "a / b" } }, "a,b\n1.0,2.0\n1.0,0.0\n");

        Assert.Equal([0.5f, float.NaN], Numbers("r"));
    }

    [Fact]
    public void A_value_that_cannot_be_computed_names_its_expression_and_hides_personal_data()
    {
        var derive = new Dictionary<string, string> { ["fine"] = "b + 1", ["broken"] = "CAST(a AS INTEGER) + fine" };

        DatasetException refused = RefusedBy(new() { Derive = derive }, "a,b\n1,2\nbob@example.com,3\n");

        Assert.StartsWith("clean.derive.broken: it cannot be computed:", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("bob@example.com", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_for_which_a_filter_is_not_true_are_left_out()
    {
        PreparationResult result = Clean(new() { Filter = "age >= 18" }, "age,name\n17,a\n18,b\n,c\n40,d\n");

        Assert.Equal(["b", "d"], Texts("name"));
        Assert.Equal((4, 2, "Left out 2 rows for which the filter is not true."), (Step(result, "filter").RowsBefore, Step(result, "filter").RowsAfter, Step(result, "filter").Detail));
    }

    [Fact]
    public void A_filter_that_is_no_condition_is_refused() =>
        Assert.StartsWith("clean.filter: it gives values of the type BigInt", RefusedBy(new() { Filter = "age + 1" }, "age,name\n17,a\n18,b\n").Message, StringComparison.Ordinal);

    [Fact]
    public void A_filter_that_nothing_passes_is_named() =>
        Assert.StartsWith("The cleaning step filter left no rows of the 2", RefusedBy(new() { Filter = "age > 100" }, "age,name\n17,a\n18,b\n").Message, StringComparison.Ordinal);

    [Fact]
    public void The_first_row_of_each_key_is_kept()
    {
        PreparationResult result = Clean(new() { Duplicates = new() { Key = ["id"] } }, "id,v\n1,a\n2,b\n1,c\n2,d\n3,e\n");

        Assert.Equal(["a", "b", "e"], Texts("v"));
        Assert.Equal("Dropped 2 rows that repeat an earlier row in id.", Step(result, "drop-duplicates").Detail);
        Assert.Equal(2, result.Profile.DuplicateRows);
    }

    [Fact]
    public void A_few_duplicates_among_very_many_rows_are_found()
    {
        string csv = "v,w\n" + string.Concat(Enumerable.Range(0, 300_000).Select(i => $"{i},{i % 7}\n")) + "0,0\n150000,4\n150000,5\n299999,0\n";

        PreparationResult result = Clean(new(), csv);

        Assert.Equal((3, 300_001), (result.Profile.DuplicateRows, result.Quality.RowsKept));
    }

    [Fact]
    public void Duplicates_of_a_large_table_that_lost_rows_are_the_right_ones()
    {
        // The engine numbers rows anew once many were deleted; a step that noted the old numbers would drop others.
        string csv = "a,b\n" + string.Concat(Enumerable.Range(0, 400_000).Select(i => $"{(i % 4 < 2 ? i : i - 2)},{i % 2}\n"));

        PreparationResult result = Clean(new() { Filter = "b = 0" }, csv);

        Assert.Equal((200_000, 100_000), (Step(result, "drop-duplicates").RowsBefore, Step(result, "drop-duplicates").RowsAfter));
        Assert.Equal(Enumerable.Range(0, 100_000).Select(i => (float)(4 * i)), Numbers("a"));
    }

    [Theory]
    [InlineData(OutlierMethod.ZScore, 2.0)]
    [InlineData(OutlierMethod.Iqr, 1.5)]
    public void Values_beyond_the_bounds_are_clipped(OutlierMethod method, double threshold)
    {
        double[] values = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 100, -80];
        (double low, double high) = Bounds(values, method, threshold);

        PreparationResult result = Clean(
            new() { Outliers = new() { Method = method, Action = OutlierAction.Clip, Threshold = threshold } },
            "v,k\n" + string.Concat(values.Select((value, i) => $"{value}.0,{i % 3}\n".Replace("E+", "e", StringComparison.Ordinal))));

        Assert.Equal(values.Select(value => (float)Math.Clamp(value, low, high)), Numbers("v"));
        Assert.Contains($"{values.Count(value => value < low || value > high)} values are outliers", Step(result, "outliers").Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Outlying_rows_are_dropped()
    {
        Clean(new() { Outliers = new() { Method = OutlierMethod.Iqr, Action = OutlierAction.Drop } }, Spread(1000));

        Assert.DoesNotContain(1000, Numbers("v"));
        Assert.Equal(20, Numbers("v").Length);
    }

    [Fact]
    public void Outlying_rows_are_put_aside_with_line_column_and_value()
    {
        PreparationResult result = Clean(new() { Outliers = new() { Method = OutlierMethod.Iqr, Action = OutlierAction.Quarantine } }, Spread(1000));

        QuarantinedRow row = Assert.Single(Quarantined());
        Assert.Equal(("outlier", "v", "1000", 22L), (row.Reason, row.Column, row.Value, row.Line));
        Assert.Equal(1, result.Quality.RowsQuarantined);
        Assert.Equal(20, result.Quality.RowsKept);
    }

    [Fact]
    public void Outlying_rows_are_flagged()
    {
        PreparationResult result = Clean(new() { Outliers = new() { Method = OutlierMethod.Iqr, Action = OutlierAction.Flag } }, Spread(1000));

        Assert.Equal(["v", "k", "is_outlier"], Names(result));
        Assert.Equal([20], Numbers("is_outlier").Select((flag, row) => (flag, row)).Where(pair => pair.flag == 1).Select(pair => pair.row));
    }

    [Fact]
    public void An_isolation_forest_finds_a_row_unlike_the_others()
    {
        var random = new Random(5);
        string csv = "x,y\n" + string.Concat(Enumerable.Range(0, 500).Select(_ => FormattableString.Invariant($"{random.NextDouble():F6},{random.NextDouble():F6}\n"))) + "30.5,-40.5\n";

        PreparationResult result = Clean(new() { Outliers = new() }, csv);

        Assert.Contains(Quarantined(), row => row.Line == 502 && row.Reason == "outlier");
        Assert.InRange(result.Quality.RowsQuarantined, 1, 25);
    }

    [Fact]
    public void A_forest_cannot_clip() =>
        Assert.StartsWith("clean.outliers.action:", RefusedBy(new() { Outliers = new() { Action = OutlierAction.Clip } }, Spread(5)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_sample_is_the_same_rows_in_any_order()
    {
        string[] rows = [.. Enumerable.Range(0, 2000).Select(i => $"{i},{i * 7 % 11}")];

        Clean(new() { Sample = new() { Share = 0.3 } }, "a,b\n" + string.Join('\n', rows) + "\n");
        float[] first = Numbers("a");
        Clean(new() { Sample = new() { Share = 0.3 } }, "b,a\n" + string.Join('\n', rows.Reverse().Select(row => string.Join(',', row.Split(',').Reverse()))) + "\n");

        Assert.Equal(first, Numbers("a").Order());
        // A binomial of 2000 draws: five deviations.
        Assert.InRange(first.Length, 600 - 103, 600 + 103);
    }

    [Fact]
    public void A_sample_has_at_most_the_rows_asked_for()
    {
        PreparationResult result = Clean(new() { Sample = new() { Rows = 50 } }, "a,b\n" + string.Concat(Enumerable.Range(0, 500).Select(i => $"{i},{i % 7}\n")));

        Assert.Equal(50, result.Profile.Rows);
        Assert.Equal("Kept 50 of 500 rows.", Step(result, "sample").Detail);
    }

    private static string Spread(int outlier) => "v,k\n" + string.Concat(Enumerable.Range(0, 20).Select(i => $"{i},{i % 3}\n")) + $"{outlier},1\n";

    private static (double Low, double High) Bounds(double[] values, OutlierMethod method, double threshold)
    {
        if (method == OutlierMethod.ZScore)
        {
            double mean = values.Average();
            double deviation = Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1));
            return (mean - threshold * deviation, mean + threshold * deviation);
        }
        double[] sorted = [.. values.Order()];
        double lower = Quantile(0.25), upper = Quantile(0.75);
        return (lower - threshold * (upper - lower), upper + threshold * (upper - lower));

        double Quantile(double p)
        {
            double at = p * (sorted.Length - 1);
            return sorted[(int)at] + (at - (int)at) * (sorted[Math.Min((int)at + 1, sorted.Length - 1)] - sorted[(int)at]);
        }
    }
}
