using System.Text.Json;
using AIaaS.Data.Preparation;
using AIaaS.Data.Tests.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Splits;

public sealed class RowSplitsTests : PreparationTest
{
    [Fact]
    public void Every_row_is_in_one_part_and_the_parts_are_counted()
    {
        PreparationResult result = Split(Rows(5000), new());

        int[] folds = Folds();
        Assert.Equal(5000, folds.Length);
        Assert.Equal("hash", result.Splits!.Method);
        Assert.Equal(folds.Count(fold => fold == -1), result.Splits.HoldoutRows);
        Assert.Equal(Enumerable.Range(0, 5).Select(fold => (long)folds.Count(f => f == fold)), result.Splits.FoldRows);
        // A binomial of 5000 draws: five deviations.
        Assert.InRange(result.Splits.HoldoutRows, 1000 - 142, 1000 + 142);
        Assert.All(result.Splits.FoldRows, rows => Assert.InRange(rows, 800 - 130, 800 + 130));
        DataSplits stored = JsonSerializer.Deserialize<DataSplits>(File.ReadAllText(Path.Combine(Output, DataSplits.FileName)), JsonDefaults.Options)!;
        Assert.Equal(result.Splits.FoldRows, stored.FoldRows);
    }

    [Fact]
    public void Rows_keep_their_part_in_any_order_and_when_others_come()
    {
        string[] rows = Rows(3000);
        Dictionary<float, int> before = ByRow(rows, new());

        Dictionary<float, int> after = ByRow([.. rows.Reverse(), .. Rows(4000).Skip(3000)], new());

        Assert.All(before, pair => Assert.Equal(pair.Value, after[pair.Key]));
    }

    [Fact]
    public void Another_seed_is_another_split() =>
        Assert.NotEqual(ByRow(Rows(200), new()).Values, ByRow(Rows(200), new() { Seed = 43 }).Values);

    [Theory]
    [InlineData(null)]
    [InlineData("y")]
    public void Equal_rows_are_in_the_same_part(string? target)
    {
        string[] rows = [.. Enumerable.Range(0, 900).Select(i => $"{i % 300},c{i % 300 % 3}")];

        PrepareWith(
            new PrepareParameters { Target = target, Task = target is null ? null : LearningTask.Classification, Clean = new() { Duplicates = new() { Action = DuplicateHandling.Keep } } },
            Folder.Write("data.csv", "x,y\n" + string.Join('\n', rows) + "\n"));

        Assert.All(Numbers("x").Zip(Folds()).GroupBy(pair => pair.First), same => Assert.Single(same.Select(pair => pair.Second).Distinct()));
    }

    [Fact]
    public void Every_class_gives_its_share()
    {
        PreparationResult result = Classes(Enumerable.Range(0, 1000).Select(i => i < 700 ? "a" : i < 950 ? "b" : "c"));

        Assert.Equal("stratified", result.Splits!.Method);
        Assert.Equal([("a", 140), ("b", 50), ("c", 10)], Held());
        Assert.All(result.Splits.FoldRows, rows => Assert.InRange(rows, 157, 163));
    }

    [Fact]
    public void A_large_class_gives_about_its_share()
    {
        PreparationResult result = Classes(Enumerable.Range(0, 12_100).Select(i => i < 12_000 ? "a" : "b"));

        // A binomial of 12,000 draws: five deviations. The small class is dealt exactly.
        Assert.InRange(result.Splits!.HoldoutRows, 2400 + 20 - 220, 2400 + 20 + 220);
        Assert.Equal(("b", 20), Held().Last());
        Assert.Equal(12_100, result.Splits.HoldoutRows + result.Splits.FoldRows.Sum());
        Assert.All(result.Splits.FoldRows, rows => Assert.InRange(rows, 1936 - 210, 1936 + 210));
    }

    [Fact]
    public void Adding_rows_to_a_class_moves_few_of_the_others()
    {
        string[] rows = [.. Enumerable.Range(0, 1000).Select(i => $"{i},{(i % 2 == 0 ? "a" : "b")}")];
        PrepareParameters parameters = new() { Target = "y" };
        PrepareWith(parameters, Folder.Write("data.csv", "x,y\n" + string.Join('\n', rows) + "\n"));
        var before = Numbers("x").Zip(Folds()).ToDictionary();

        PrepareWith(parameters, Folder.Write("data.csv", "x,y\n" + string.Join('\n', rows) + "\n" + string.Concat(Enumerable.Range(1000, 100).Select(i => $"{i},{(i % 2 == 0 ? "a" : "b")}\n"))));
        var after = Numbers("x").Zip(Folds()).ToDictionary();

        // The threshold within a class stays about where it was: only rows next to it move.
        Assert.InRange(before.Count(pair => (pair.Value == -1) != (after[pair.Key] == -1)), 0, 30);
    }

    [Fact]
    public void Many_tiny_classes_are_judged_by_about_their_share()
    {
        PreparationResult result = Classes(Enumerable.Range(0, 600).Select(i => $"class{i / 2}"));

        // 300 classes of which each gives a row with probability 0.4: five deviations.
        Assert.InRange(result.Splits!.HoldoutRows, 120 - 43, 120 + 43);
        string[] classes = Texts("y");
        Assert.Equal(300, classes.Zip(Folds()).Where(pair => pair.Second >= 0).Select(pair => pair.First).Distinct().Count());
    }

    [Fact]
    public void A_class_of_one_row_is_learned_from()
    {
        Classes(Enumerable.Range(0, 101).Select(i => i == 100 ? "lone" : i % 2 == 0 ? "a" : "b"));

        Assert.NotEqual(-1, Folds()[Array.IndexOf(Texts("y"), "lone")]);
    }

    [Fact]
    public void Something_is_held_out_of_the_smallest_classes()
    {
        PreparationResult result = Classes(["a", "a", "a", "a", "a", "b", "b", "b", "b", "b"], holdout: 0.05);

        Assert.True(result.Splits!.HoldoutRows >= 1);
    }

    [Fact]
    public void Rows_of_a_group_stay_together()
    {
        PreparationResult result = Split(Rows(2000), new() { Group = "g" });

        Assert.Equal(("grouped", "g"), (result.Splits!.Method, result.Splits.Column));
        Assert.All(Numbers("g").Zip(Folds()).GroupBy(pair => pair.First), group => Assert.Single(group.Select(pair => pair.Second).Distinct()));
        Assert.InRange(result.Splits.HoldoutRows, 1, 1999);
    }

    [Fact]
    public void The_latest_rows_are_held_out()
    {
        PreparationResult result = Split([.. Rows(1000).Reverse()], new() { Time = "x" });

        Assert.Equal(200, result.Splits!.HoldoutRows);
        float[] times = Numbers("x");
        int[] folds = Folds();
        Assert.All(times.Zip(folds), pair => Assert.Equal(pair.First >= 800 ? -1 : (int)(pair.First / 160), pair.Second));
    }

    [Fact]
    public void Rows_of_one_time_stay_together_and_rows_without_one_are_learned_from()
    {
        PreparationResult result = Split([.. Enumerable.Range(0, 100).Select(i => $"{i},{(i < 10 ? "" : i / 50)},1")], new() { Time = "y" }, "x,y,z");

        Assert.Equal(50, result.Splits!.HoldoutRows);
        Assert.All(Numbers("x").Zip(Folds()), pair => Assert.Equal(pair.First >= 50, pair.Second == -1));
    }

    [Fact]
    public void A_text_is_no_time() =>
        Assert.StartsWith("split.time: the column t holds no times or numbers", Refused(new() { Time = "t" }), StringComparison.Ordinal);

    [Fact]
    public void One_group_is_no_split() =>
        Assert.StartsWith("split.group: the column one has one value", Refused(new() { Group = "one" }), StringComparison.Ordinal);

    [Fact]
    public void Groups_and_times_do_not_go_together() =>
        Assert.StartsWith("split: rows are split by group or by time", Refused(new() { Group = "one", Time = "x" }), StringComparison.Ordinal);

    [Fact]
    public void A_column_that_is_not_there_is_named() =>
        Assert.StartsWith("split.group: there is no column nowhere.", Refused(new() { Group = "nowhere" }), StringComparison.Ordinal);

    private static string[] Rows(int count) => [.. Enumerable.Range(0, count).Select(i => $"{i},{i % 97},{i * 31 % 1009 / 7.0:F3}")];

    private PreparationResult Split(string[] rows, SplitPlan plan, string header = "x,g,v") =>
        PrepareWith(new PrepareParameters { Split = plan, Task = LearningTask.AnomalyDetection }, Folder.Write("data.csv", header + "\n" + string.Join('\n', rows) + "\n"));

    private PreparationResult Classes(IEnumerable<string> classes, double holdout = 0.2) =>
        PrepareWith(
            new PrepareParameters { Target = "y", Task = LearningTask.Classification, Split = new() { Holdout = holdout } },
            Folder.Write("data.csv", "x,y\n" + string.Concat(classes.Select((label, i) => $"{i},{label}\n"))));

    private string Refused(SplitPlan plan) =>
        Assert.Throws<DatasetException>(() => Split([.. Enumerable.Range(0, 50).Select(i => $"{i},k,t{i % 5}")], plan, "x,one,t")).Message;

    private Dictionary<float, int> ByRow(string[] rows, SplitPlan plan)
    {
        Split(rows, plan);
        return Numbers("x").Zip(Folds()).OrderBy(pair => pair.First).ToDictionary();
    }

    private IEnumerable<(string Class, int Rows)> Held() =>
        Texts("y").Zip(Folds()).Where(pair => pair.Second == -1).CountBy(pair => pair.First).OrderBy(pair => pair.Key).Select(pair => (pair.Key, pair.Value));

    private int[] Folds() => StoredSplits.ReadFolds(Path.Combine(Output, DataSplits.RowsFileName));
}
