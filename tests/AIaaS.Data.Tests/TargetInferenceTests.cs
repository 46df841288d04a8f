using AIaaS.Formats;

namespace AIaaS.Data.Tests;

public sealed class TargetInferenceTests
{
    private static readonly ColumnProfile Size = Column("size", ColumnKind.Number, 90);
    private static readonly ColumnProfile Color = Column("color", ColumnKind.Category, 3);

    [Theory]
    [InlineData("target")]
    [InlineData("Species")]
    [InlineData("is_open")]
    [InlineData("loan_label")]
    public void A_conventional_name_is_the_target_wherever_it_stands(string name)
    {
        TargetChoice choice = Choose([Column(name, ColumnKind.Category, 2), Size, Color]);
        Assert.Equal((name, LearningTask.Classification, true), (choice.Target, choice.Task, choice.Inferred));
    }

    [Fact]
    public void Else_the_last_usable_column_is()
    {
        TargetChoice choice = Choose([Size, Color, Column("id", ColumnKind.Identifier, 100), Column("note", ColumnKind.Text, 90), Column("day", ColumnKind.Datetime, 90)]);
        Assert.Equal(("color", LearningTask.Classification), (choice.Target, choice.Task));
    }

    [Theory]
    [InlineData(ColumnKind.Number, 50, LearningTask.Regression)]
    [InlineData(ColumnKind.Number, 2, LearningTask.Classification)]
    [InlineData(ColumnKind.Integer, 50, LearningTask.Regression)]
    [InlineData(ColumnKind.Integer, 11, LearningTask.Regression)]
    [InlineData(ColumnKind.Integer, 10, LearningTask.Classification)]
    [InlineData(ColumnKind.Boolean, 2, LearningTask.Classification)]
    [InlineData(ColumnKind.Category, 20, LearningTask.Classification)]
    public void The_task_follows_from_the_kind_and_the_distinct_values_of_100_rows(ColumnKind kind, long distinct, LearningTask task) =>
        Assert.Equal(task, Choose([Size, Column("y", kind, distinct)]).Task);

    [Fact]
    public void A_given_target_is_found_without_regard_to_case_and_is_not_inferred()
    {
        TargetChoice choice = Choose([Size, Color, Column("target", ColumnKind.Boolean, 2)], "Color");
        Assert.Equal(("color", false), (choice.Target, choice.Inferred));
    }

    [Fact]
    public void A_given_target_that_is_not_there_is_refused_with_the_columns_there_are()
    {
        DatasetException exception = Refused([Size, Color], "colour");
        Assert.Equal(DatasetReasons.UnknownTarget, exception.Reason);
        Assert.Contains("size, color", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_column_is_refused() => Assert.Equal(DatasetReasons.NoFeatures, Refused([Size]).Reason);

    [Fact]
    public void A_target_of_one_class_is_refused() =>
        Assert.Equal(DatasetReasons.OneClass, Refused([Size, Column("y", ColumnKind.Constant, 1)], "y").Reason);

    [Fact]
    public void A_target_that_is_missing_everywhere_is_refused() =>
        Assert.Equal(DatasetReasons.UnusableTarget, Refused([Size, Column("y", ColumnKind.Constant, 0, missing: 100)], "y").Reason);

    [Theory]
    [InlineData(ColumnKind.Identifier)]
    [InlineData(ColumnKind.Text)]
    [InlineData(ColumnKind.Datetime)]
    [InlineData(ColumnKind.Json)]
    public void A_target_that_cannot_be_learned_is_refused(ColumnKind kind) =>
        Assert.Equal(DatasetReasons.UnusableTarget, Refused([Size, Column("y", kind, 100)], "y").Reason);

    [Fact]
    public void Too_few_rows_with_a_target_are_refused() =>
        Assert.Equal(DatasetReasons.TooFewRows, Refused([Size, Column("y", ColumnKind.Boolean, 2, missing: 91)]).Reason);

    [Fact]
    public void A_target_alone_among_useless_columns_is_refused() =>
        Assert.Equal(DatasetReasons.NoFeatures, Refused([Color, Column("id", ColumnKind.Identifier, 100)]).Reason);

    [Fact]
    public void Nothing_to_predict_is_refused() =>
        Assert.Equal(DatasetReasons.NoTarget, Refused([Column("id", ColumnKind.Identifier, 100), Column("day", ColumnKind.Datetime, 90)]).Reason);

    [Fact]
    public void Texts_cannot_be_regressed() =>
        Assert.Equal(DatasetReasons.UnusableTarget, Refused([Size, Color], "color", LearningTask.Regression).Reason);

    [Fact]
    public void A_class_of_one_row_is_reported()
    {
        ColumnProfile target = Color with { TopValues = [new("red", 60), new("blue", 39), new("green", 1)] };
        Assert.Contains(Choose([Size, target]).Findings, finding => finding.Severity == Severity.Warning && finding.Detail.Contains("green", StringComparison.Ordinal));
    }

    private static DatasetException Refused(ColumnProfile[] columns, string? target = null, LearningTask? task = null) =>
        Assert.Throws<DatasetException>(() => Choose(columns, target, task));

    private static TargetChoice Choose(ColumnProfile[] columns, string? target = null, LearningTask? task = null) => TargetInference.Choose(
        new DataSchema { Columns = [.. columns.Select(column => new DataColumn(column.Name, column.Kind, "VARCHAR", column.Missing > 0))] },
        new DataProfile { Rows = 100, Columns = columns },
        target,
        task);

    private static ColumnProfile Column(string name, ColumnKind kind, long distinct, long missing = 0) =>
        new() { Name = name, Kind = kind, Count = 100, Missing = missing, Distinct = distinct };
}
