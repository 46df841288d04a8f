using AIaaS.Data.Preparation;
using AIaaS.Data.Tests.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Profiling;

public sealed class TargetProfileTests : PreparationTest
{
    [Theory]
    [InlineData("size", AssociationMeasure.Pearson)]
    [InlineData("day", AssociationMeasure.Pearson)]
    [InlineData("plan", AssociationMeasure.CorrelationRatio)]
    [InlineData("region", AssociationMeasure.CorrelationRatio)]
    [InlineData("churned", AssociationMeasure.CorrelationRatio)]
    public void Associations_with_a_number_are_those_of_scipy(string column, AssociationMeasure measure)
    {
        DataProfile profile = PrepareWith(new PrepareParameters { Target = "weight" }, ProfileFigures.Baseline).Profile;
        TargetAssociation association = Column(profile, column).Association!;
        Assert.Equal(measure, association.Measure);
        Assert.Equal(ProfileFigures.Number("withWeight", column), association.Value, 1e-9);
    }

    [Theory]
    [InlineData("size", AssociationMeasure.CorrelationRatio)]
    [InlineData("weight", AssociationMeasure.CorrelationRatio)]
    [InlineData("plan", AssociationMeasure.CramersV)]
    [InlineData("region", AssociationMeasure.CramersV)]
    public void Associations_with_a_class_are_those_of_scipy(string column, AssociationMeasure measure)
    {
        DataProfile profile = PrepareWith(new PrepareParameters { Target = "churned" }, ProfileFigures.Baseline).Profile;
        TargetAssociation association = Column(profile, column).Association!;
        Assert.Equal(measure, association.Measure);
        Assert.Equal(ProfileFigures.Number("withChurned", column), association.Value, 1e-9);
    }

    [Fact]
    public void Text_lengths_and_the_quantiles_and_bins_of_times_are_those_of_pandas()
    {
        DataProfile profile = Prepare(ProfileFigures.Baseline).Profile;
        TextLengths lengths = Column(profile, "note").Lengths!;
        Assert.Equal((ProfileFigures.Read("lengths", "minimum").GetInt64(), ProfileFigures.Read("lengths", "maximum").GetInt64()), (lengths.Minimum, lengths.Maximum));
        Assert.Equal(ProfileFigures.Number("lengths", "mean"), lengths.Mean, 1e-9);
        ColumnProfile day = Column(profile, "day");
        Assert.Equal(ProfileFigures.Read("dayQuantiles").EnumerateArray().Select(value => value.GetDouble()), day.Quantiles!.Select(quantile => quantile.Value));
        Assert.Equal(ProfileFigures.Read("dayHistogram").EnumerateArray().Select(value => value.GetInt64()), day.Histogram!.Counts);
    }

    [Fact]
    public void Classes_are_counted_and_text_and_the_target_itself_have_no_association()
    {
        DataProfile profile = PrepareWith(new PrepareParameters { Target = "churned" }, ProfileFigures.Baseline).Profile;
        Assert.Equal(("churned", LearningTask.Classification), (profile.Target!.Name, profile.Target.Task));
        Assert.Equal(1500, profile.Target.Classes!.Sum(value => value.Count));
        Assert.Null(Column(profile, "churned").Association);
        Assert.Null(Column(profile, "note").Association);
        Assert.Empty(profile.Target.LeakageSuspects);
    }

    [Fact]
    public void A_column_that_repeats_the_target_in_other_words_is_a_suspect()
    {
        PreparationResult result = PrepareRows("size,status,label", i => $"{i * 7919 % 1000},{(i % 3 == 0 ? "closed" : i % 3 == 1 ? "open" : "new")},{i % 3}");
        LeakageSuspect suspect = Assert.Single(result.Profile.Target!.LeakageSuspects);
        Assert.Equal(("status", 1), (suspect.Column, suspect.Score));
        Assert.Contains(result.Quality.Findings, finding => finding is { Severity: Severity.Warning, Column: "status" });
    }

    [Fact]
    public void A_column_that_tells_the_class_by_being_missing_is_a_suspect()
    {
        PreparationResult result = PrepareRows("size,cancelled,label", i => $"{i * 7919 % 1000},{(i % 4 == 0 ? $"2024-01-{i % 28 + 1:00}" : "")},{(i % 4 == 0 ? "left" : "stayed")}");
        Assert.Equal("cancelled", Assert.Single(result.Profile.Target!.LeakageSuspects).Column);
    }

    [Fact]
    public void A_number_that_is_the_target_in_other_units_is_a_suspect_however_skewed_it_is()
    {
        var random = new Random(3);
        PreparationResult result = PrepareRows("noise,cents,price", i =>
        {
            double price = Math.Exp(3 * random.NextDouble() * 4);
            return FormattableString.Invariant($"{random.NextDouble()},{price * 100:0.0},{price:0.000}");
        });
        Assert.Equal("price", result.Profile.Target!.Name);
        Assert.Equal("cents", Assert.Single(result.Profile.Target.LeakageSuspects).Column);
    }

    [Fact]
    public void A_key_cannot_tell_what_it_has_not_seen_and_is_listed_as_one()
    {
        PreparationResult result = PrepareRows("code,size,label", i => $"k{i * 7919 % 100_003},{i * 31 % 97},{i % 2}");
        LeakageSuspect suspect = Assert.Single(result.Profile.Target!.LeakageSuspects);
        Assert.Equal(("code", 0), (suspect.Column, suspect.Score));
        Assert.DoesNotContain(result.Quality.Findings, finding => finding is { Severity: Severity.Warning, Column: "code" });
    }

    [Fact]
    public void A_key_whose_order_is_that_of_the_target_is_found()
    {
        PreparationResult result = PrepareRows("id,size,label", i => $"{i},{i * 31 % 97},{(i < 250 ? "a" : "b")}");
        LeakageSuspect suspect = Assert.Single(result.Profile.Target!.LeakageSuspects);
        Assert.Equal("id", suspect.Column);
        Assert.InRange(suspect.Score, 0.95, 1);
    }

    [Fact]
    public void Noise_of_many_categories_is_no_suspect()
    {
        var random = new Random(5);
        PreparationResult result = PrepareRows("group,size,label", _ => $"g{random.Next(150)},{random.NextDouble()},{random.Next(2)}");
        Assert.Empty(result.Profile.Target!.LeakageSuspects);
    }

    [Fact]
    public void Data_without_a_usable_target_is_a_data_set_all_the_same()
    {
        PreparationResult result = PrepareText("code,day\n" + string.Concat(Enumerable.Range(0, 40).Select(i => $"k{i},2024-01-{i % 28 + 1:00}\n")));
        Assert.Null(result.Profile.Target);
        Assert.Contains(result.Quality.Findings, finding => finding.Severity == Severity.Information && finding.Detail.StartsWith("No column can be predicted", StringComparison.Ordinal));
        Assert.True(File.Exists(Path.Combine(Output, PreparedDataset.DataFileName)));
    }

    [Fact]
    public void A_given_target_that_is_not_there_is_a_warning_here_and_an_error_of_the_pipeline()
    {
        PreparationResult result = PrepareWith(new PrepareParameters { Target = "colour" }, Folder.Write("a.csv", "a,b\n" + string.Concat(Enumerable.Range(0, 40).Select(i => $"{i % 7},{i % 3}\n"))));
        Assert.Null(result.Profile.Target);
        Assert.Contains(result.Quality.Findings, finding => finding.Severity == Severity.Warning && finding.Detail.Contains("colour", StringComparison.Ordinal));
    }

    [Fact]
    public void The_choice_of_the_preparation_is_that_of_the_pipeline()
    {
        PreparationResult result = PrepareRows("size,color,is_open,note", i => $"{i},{(i % 2 == 0 ? "red" : "blue")},{i % 2},{i % 5}");
        TargetChoice choice = TargetInference.Choose(result.Schema, result.Profile, result.Profile.Target!.Name, result.Profile.Target.Task);
        Assert.Equal((result.Profile.Target.Name, result.Profile.Target.Task), (choice.Target, choice.Task));
        Assert.Equal("is_open", choice.Target);
    }

    private PreparationResult PrepareRows(string header, Func<int, string> row) =>
        PrepareText(header + "\n" + string.Concat(Enumerable.Range(0, 500).Select(i => row(i) + "\n")));

    private static ColumnProfile Column(DataProfile profile, string name) => profile.Columns.Single(column => column.Name == name);
}
