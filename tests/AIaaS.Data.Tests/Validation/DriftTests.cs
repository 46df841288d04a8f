using System.Text.Json;
using AIaaS.Data.Preparation;
using AIaaS.Data.Tests.Profiling;
using AIaaS.Data.Validation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Validation;

public sealed class DriftTests : VersionsTest
{
    [Theory]
    [InlineData("size")]
    [InlineData("weight")]
    [InlineData("day")]
    [InlineData("plan")]
    [InlineData("region")]
    [InlineData("churned")]
    public void Indexes_and_distances_are_those_of_numpy_and_scipy(string column)
    {
        ColumnDrift drift = Compare().Quality.Drift.Single(drift => drift.Column == column);
        Assert.Equal(ProfileFigures.Number("psi", column, "psi"), drift.Psi, 1e-9);
        if (ProfileFigures.Read("ks").TryGetProperty(column, out JsonElement ks))
            Assert.Equal(ks.GetProperty("ks").GetDouble(), drift.Ks!.Value, 1e-12);
        else
            Assert.Null(drift.Ks);
    }

    [Fact]
    public void Columns_beyond_the_thresholds_have_drifted_and_come_first_but_times_only_move_on()
    {
        PreparationResult result = Compare();
        Assert.Equal(1, result.Quality.BaselineVersion);
        Assert.Equal(["plan", "size", "weight", "churned"], result.Quality.Drift.TakeWhile(drift => drift.Drifted).Select(drift => drift.Column));
        Assert.Equal(4, result.Quality.Findings.Count(finding => finding.Severity == Severity.Warning && finding.Detail.Contains("population stability index", StringComparison.Ordinal)));
        Assert.DoesNotContain(result.Quality.Drift, drift => drift is { Column: "day" or "region" or "note", Drifted: true });
        Assert.Null(result.Quality.Rejected);
    }

    [Fact]
    public void What_chance_alone_makes_is_that_of_scipys_distributions()
    {
        long[] baseline = [.. Enumerable.Repeat(75L, 20)], current = [.. Enumerable.Repeat(60L, 20)];
        double psi = ProfileFigures.Number("psi", "weight", "byChance");
        // Wilson and Hilferty's quantile is good to a percent.
        Assert.Equal(psi, DriftMeasures.PsiByChance(baseline, current), 0.01 * psi);
        Assert.Equal(ProfileFigures.Number("ks", "weight", "byChance"), DriftMeasures.KsByChance(1500, 1200), 0.0005);
    }

    [Fact]
    public void A_version_of_the_same_rows_has_not_drifted_at_all()
    {
        Prepare(ProfileFigures.Baseline, new PrepareParameters(), FirstFolder, baseline: null);
        PreparationResult result = Prepare(ProfileFigures.Baseline, new PrepareParameters(), SecondFolder, BaselineOf(FirstFolder));
        Assert.All(result.Quality.Drift, drift => Assert.Equal((0, false), (Math.Round(drift.Psi, 12), drift.Drifted)));
        Assert.All(result.Quality.Drift.Where(drift => drift.Ks is not null), drift => Assert.Equal(0, drift.Ks));
    }

    [Fact]
    public void Two_small_samples_of_one_distribution_raise_no_alarm()
    {
        var random = new Random(17);
        string Rows() => Csv("a,b,c", 40, _ => $"{random.NextDouble():0.00},{random.Next(12)},{(char)('p' + random.Next(6))}");
        First(Rows());
        PreparationResult result = Second(Rows());
        Assert.DoesNotContain(result.Quality.Drift, drift => drift.Drifted);
        // By the usual threshold alone there would have been one.
        Assert.Contains(result.Quality.Drift, drift => drift.Psi > 0.25);
    }

    [Fact]
    public void Values_that_go_missing_are_drift()
    {
        First(Csv("a,b", 600, i => $"{i % 50},{i}"));
        PreparationResult result = Second(Csv("a,b", 600, i => $"{(i % 3 == 0 ? "" : $"{i % 50}")},{i}"));
        Assert.True(result.Quality.Drift.Single(drift => drift.Column == "a").Drifted);
    }

    [Fact]
    public void A_column_that_had_one_value_drifts_when_it_has_another()
    {
        First(Csv("a,b", 300, i => $"5,{i}"));
        PreparationResult result = Second(Csv("a,b", 300, i => $"{(i % 2 == 0 ? 5 : 6)},{i}"));
        Assert.True(result.Quality.Drift.Single(drift => drift.Column == "a").Drifted);
    }

    [Fact]
    public void Keys_and_free_text_do_not_drift_by_being_different()
    {
        First(Csv("customer_id,note,b", 300, i => $"{i},note number {i} of so many words,{i % 5}"));
        PreparationResult result = Second(Csv("customer_id,note,b", 300, i => $"{i + 5000},remark {i} with other words in it,{i % 5}"));
        Assert.DoesNotContain(result.Quality.Drift, drift => drift.Drifted);
        Assert.Null(result.Quality.Drift.Single(drift => drift.Column == "customer_id").Ks);
    }

    [Fact]
    public void Added_dropped_and_retyped_columns_are_reported()
    {
        First(Csv("a,gone,b", 100, i => $"{i},{i % 7},{i % 3}"));
        PreparationResult result = Second(Csv("a,fresh,b", 100, i => $"x{i % 10},{i % 7},{i % 3}"));
        string[] details = [.. result.Quality.Findings.Select(finding => $"{finding.Severity} {finding.Column}: {finding.Detail}")];
        Assert.Contains("Information fresh: Compared with version 1, 1 column was added: fresh.", details);
        Assert.Contains("Warning gone: Compared with version 1, 1 column was dropped: gone.", details);
        Assert.Contains("Warning a: The column was BIGINT in version 1 and is VARCHAR now.", details);
    }

    [Fact]
    public void A_pipeline_that_rejects_drift_gets_the_reports_and_no_version()
    {
        Prepare(ProfileFigures.Baseline, new PrepareParameters(), FirstFolder, baseline: null);
        PreparationResult result = Prepare(ProfileFigures.Current, With(new() { Drift = CheckAction.Reject }), SecondFolder, BaselineOf(FirstFolder));
        Assert.StartsWith("4 columns are distributed unlike version 1: plan, size, weight, churned. Look for", result.Quality.Rejected, StringComparison.Ordinal);
        Assert.Equal(
            ["profile.json", "quality.html", "quality.json", "quarantine.jsonl"],
            Directory.GetFiles(SecondFolder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        var stored = JsonSerializer.Deserialize<QualityReport>(File.ReadAllBytes(Path.Combine(SecondFolder, QualityReport.FileName)), JsonDefaults.Options)!;
        Assert.Equal(result.Quality.Rejected, stored.Rejected);
    }

    [Fact]
    public void A_pipeline_that_does_not_ask_for_drift_gets_none()
    {
        Prepare(ProfileFigures.Baseline, new PrepareParameters(), FirstFolder, baseline: null);
        Assert.Empty(Prepare(ProfileFigures.Current, With(new() { Drift = CheckAction.Off }), SecondFolder, BaselineOf(FirstFolder)).Quality.Drift);
    }

    [Fact]
    public void Names_that_are_no_identifiers_are_compared_too()
    {
        const string Header = "\"file_row_number\",\"a \"\"b\"\"; --\",\"🙂\nx\"";
        First(Csv(Header, 300, i => $"{i % 40},{i % 30},{i % 3}"));
        PreparationResult result = Second(Csv(Header, 300, i => $"{i % 40 + 100},{i % 30},{i % 3}"));
        Assert.Equal("file_row_number", Assert.Single(result.Quality.Drift, drift => drift.Drifted).Column);
        Assert.Equal(3, result.Quality.Drift.Count);
    }

    private PreparationResult Compare()
    {
        Prepare(ProfileFigures.Baseline, new PrepareParameters(), FirstFolder, baseline: null);
        return Prepare(ProfileFigures.Current, new PrepareParameters(), SecondFolder, BaselineOf(FirstFolder));
    }
}
