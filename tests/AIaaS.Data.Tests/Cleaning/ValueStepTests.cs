using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Cleaning;

/// <summary>Texts, missing values and rare categories.</summary>
public sealed class ValueStepTests : CleaningTest
{
    [Fact]
    public void Steps_that_nobody_asked_for_are_not_reported()
    {
        PreparationResult result = Clean(new(), "a,b\n1,x\n2,y\n");

        Assert.Equal(["quarantine", "drop-duplicates"], result.Quality.Steps.Select(step => step.Name));
    }

    [Fact]
    public void Blanks_around_texts_go_and_blank_texts_are_missing()
    {
        PreparationResult result = CleanJson(new(), """[{"a":" x ","b":1},{"a":"\t","b":2},{"a":"y","b":3}]""");

        Assert.Equal(["x", "", "y"], Texts("a"));
        Assert.Equal(1, result.Profile.Columns[0].Missing);
        Assert.Equal("Took blanks around 2 values away. Columns: a.", Step(result, "normalize-text").Detail);
    }

    [Fact]
    public void Blanks_stay_where_that_is_asked_for()
    {
        CleanJson(new() { Text = new() { Trim = false } }, """[{"a":" x ","b":1},{"a":"y","b":3}]""");

        Assert.Equal([" x ", "y"], Texts("a"));
    }

    [Theory]
    [InlineData(CaseHandling.Lower, "oslo,oslo,bergen,oslo")]
    [InlineData(CaseHandling.Upper, "OSLO,OSLO,BERGEN,OSLO")]
    [InlineData(CaseHandling.MostFrequent, "Oslo,Oslo,bergen,Oslo")]
    public void Categories_are_brought_to_one_case(CaseHandling handling, string expected)
    {
        Clean(new() { Text = new() { Case = handling } }, "city,n\nOslo,1\nOSLO,2\nbergen,3\nOslo,4\n");

        Assert.Equal(expected.Split(','), Texts("city"));
    }

    [Fact]
    public void A_text_step_for_a_number_names_the_column()
    {
        DatasetException refused = RefusedBy(new() { Text = new() { Columns = ["n"] } }, "city,n\nOslo,1\nBergen,2\n");

        Assert.Equal(DatasetReasons.UnusableStep, refused.Reason);
        Assert.StartsWith("clean.text.columns: the column n holds no texts", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text")]
    [InlineData("missing")]
    [InlineData("rare")]
    [InlineData("duplicates")]
    [InlineData("mask")]
    [InlineData("outliers")]
    public void A_column_that_is_not_there_is_named_with_its_field(string field)
    {
        string[] columns = ["nowhere"];
        CleaningPlan plan = field switch
        {
            "text" => new() { Text = new() { Columns = columns } },
            "missing" => new() { Missing = new() { Action = MissingAction.Mode, Columns = columns } },
            "rare" => new() { Rare = new() { Columns = columns } },
            "duplicates" => new() { Duplicates = new() { Key = columns } },
            "mask" => new() { Mask = new() { Columns = columns } },
            _ => new() { Outliers = new() { Columns = columns } },
        };

        DatasetException refused = RefusedBy(plan, "a,b\n1,x\n2,y\n");

        Assert.Equal(DatasetReasons.UnknownColumn, refused.Reason);
        Assert.StartsWith($"clean.{field}.{(field == "duplicates" ? "key" : "columns")}: there is no column nowhere. The columns are a, b.", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_values_stay_missing_by_themselves()
    {
        PreparationResult result = Clean(new(), "a,b\n1,x\n,y\n3,z\n");

        Assert.Equal(1, result.Profile.Columns[0].Missing);
    }

    [Theory]
    [InlineData(MissingAction.Mean, new[] { 1f, 3f, 1f, 1.25f, 0f })]
    [InlineData(MissingAction.Median, new[] { 1f, 3f, 1f, 1f, 0f })]
    [InlineData(MissingAction.Mode, new[] { 1f, 3f, 1f, 1f, 0f })]
    [InlineData(MissingAction.ForwardFill, new[] { 1f, 3f, 1f, 1f, 0f })]
    public void Missing_numbers_are_filled_in(MissingAction action, float[] expected)
    {
        PreparationResult result = Clean(new() { Missing = new() { Action = action, Columns = ["a"] } }, "a,b\n1.0,v\n3.0,w\n1.0,x\n,y\n0.0,z\n");

        Assert.Equal(expected, Numbers("a"));
        Assert.Contains("Filled 1 missing values", Step(result, "missing-values").Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_mean_of_integers_is_rounded_and_stays_one()
    {
        PreparationResult result = Clean(new() { Missing = new() { Action = MissingAction.Mean } }, "a,b\n1,v\n2,w\n,x\n");

        Assert.Equal([1f, 2f, 2f], Numbers("a"));
        Assert.Equal("BIGINT", result.Schema.Columns[0].Type);
    }

    [Fact]
    public void The_mean_of_a_text_is_refused()
    {
        DatasetException refused = RefusedBy(new() { Missing = new() { Action = MissingAction.Mean, Columns = ["b"] } }, "a,b\n1,x\n2,\n");

        Assert.StartsWith("clean.missing.columns: the column b holds no numbers (VARCHAR), so it has no mean.", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Forward_fill_takes_the_last_value_above_and_leaves_the_first_rows()
    {
        PreparationResult result = Clean(new() { Missing = new() { Action = MissingAction.ForwardFill } }, "a,b,c\n,p,1\n5,,2\n,q,3\n,,4\n7,r,5\n");

        Assert.Equal([float.NaN, 5, 5, 5, 7], Numbers("a"));
        Assert.Equal(["p", "p", "q", "q", "r"], Texts("b"));
        Assert.Contains("1 have none above", Step(result, "missing-values").Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_constant_fills_every_column_that_it_suits()
    {
        Clean(new() { Missing = new() { Action = MissingAction.Constant, Value = "0", Columns = ["a", "b"] } }, "a,b\n1,x\n,\n");

        Assert.Equal([1, 0], Numbers("a"));
        Assert.Equal(["x", "0"], Texts("b"));
    }

    [Fact]
    public void A_constant_that_does_not_suit_a_column_is_refused()
    {
        DatasetException refused = RefusedBy(new() { Missing = new() { Action = MissingAction.Constant, Value = "none" } }, "a,b\n1,x\n,y\n");

        Assert.StartsWith("clean.missing.value: 'none' is no value of the column a (BIGINT).", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_target_is_never_filled_in()
    {
        Clean(new() { Missing = new() { Action = MissingAction.Mode } }, "a,b\n1,x\n,y\n3,\n", target: "b");

        Assert.Equal(["x", "y", ""], Texts("b"));
        DatasetException refused = RefusedBy(new() { Missing = new() { Action = MissingAction.Mode, Columns = ["b"] } }, "a,b\n1,x\n,x\n3,\n", target: "b");
        Assert.Contains("b is the target", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_with_missing_values_are_dropped()
    {
        PreparationResult result = Clean(new() { Missing = new() { Action = MissingAction.DropRow, Columns = ["a", "b"] } }, "a,b,c\n1,x,\n,y,2\n3,,3\n4,z,4\n");

        Assert.Equal([1, 4], Numbers("a"));
        Assert.Equal((4, 2), (Step(result, "missing-values").RowsBefore, Step(result, "missing-values").RowsAfter));
    }

    [Fact]
    public void Columns_that_miss_most_values_are_dropped()
    {
        PreparationResult result = Clean(new() { Missing = new() { Action = MissingAction.DropColumn, Above = 0.5 } }, "a,b,c\n1,,x\n2,,\n3,5,\n4,,z\n");

        Assert.Equal(["a", "c"], Names(result));
        Assert.Equal(["x", "", "", "z"], Texts("c"));
    }

    [Fact]
    public void A_step_that_leaves_no_rows_is_named()
    {
        DatasetException refused = RefusedBy(new() { Missing = new() { Action = MissingAction.DropRow } }, "a,b\n1,\n2,\n");

        Assert.Equal(DatasetReasons.NoRows, refused.Reason);
        Assert.StartsWith("The cleaning step missing-values left no rows of the 2", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rare_categories_become_one()
    {
        string csv = "c,n\n" + string.Concat(Enumerable.Range(0, 100).Select(i => $"{(i < 60 ? "a" : i < 95 ? "b" : $"rare{i}")},{i}\n"));

        PreparationResult result = Clean(new() { Rare = new() { Below = 0.05 } }, csv);

        Assert.Equal([("a", 60L), ("b", 35L), ("other", 5L)], result.Profile.Columns[0].TopValues!.Select(value => (value.Value, value.Count)));
        Assert.Equal("Merged 5 categories of 5 values into other, in c.", Step(result, "rare-categories").Detail);
    }

    [Fact]
    public void Keys_are_no_rare_categories()
    {
        string csv = "key,n\n" + string.Concat(Enumerable.Range(0, 500).Select(i => $"k{i},{i}\n"));

        PreparationResult result = Clean(new() { Rare = new() { Below = 0.05 } }, csv);

        Assert.Equal(ColumnKind.Identifier, result.Schema.Columns[0].Kind);
    }

    [Fact]
    public void Thousands_of_columns_are_filled_in()
    {
        int columns = Environment.GetEnvironmentVariable("AIAAS_LONG") == "1" ? 10_000 : 2_000;
        string csv = string.Join(',', Enumerable.Range(0, columns).Select(i => $"f{i}")) + "\n"
            + string.Concat(Enumerable.Range(0, 4).Select(row => string.Join(',', Enumerable.Range(0, columns).Select(i => (row + i) % 3 == 0 ? "" : $"{row}")) + "\n"));

        PreparationResult result = Clean(new() { Missing = new() { Action = MissingAction.Median, Columns = [.. Enumerable.Range(0, columns).Select(i => $"f{i}")] } }, csv);

        Assert.All(result.Profile.Columns, column => Assert.Equal(0, column.Missing));
    }
}
