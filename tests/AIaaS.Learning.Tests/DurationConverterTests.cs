using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Learning.Tests;

public sealed class DurationConverterTests
{
    [Theory]
    [InlineData("30s", 30)]
    [InlineData("10m", 600)]
    [InlineData("1h30m", 5400)]
    [InlineData("7d", 604_800)]
    [InlineData("1d2h3m4s", 93_784)]
    [InlineData("1d4s", 86_404)]
    [InlineData("90m", 5400)]
    [InlineData("0s", 0)]
    [InlineData("007s", 7)]
    public void What_people_write_is_read(string text, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), DurationConverter.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("m")]
    [InlineData("10x")]
    [InlineData("10M")]
    [InlineData("1.5h")]
    [InlineData("-5m")]
    [InlineData("5 m")]
    [InlineData(" 5m")]
    [InlineData("5m ")]
    [InlineData("10s5m")]
    [InlineData("5m5m")]
    [InlineData("1h30")]
    [InlineData("٣m")]
    [InlineData("00:10:00")]
    [InlineData("PT10M")]
    [InlineData("1234567890s")]
    [InlineData("999999999d")]
    [InlineData("10675199d3h")]
    public void Anything_else_is_no_duration(string text) => Assert.Null(DurationConverter.Parse(text));

    [Theory]
    [InlineData(0, "0s")]
    [InlineData(59, "59s")]
    [InlineData(60, "1m")]
    [InlineData(5400, "1h30m")]
    [InlineData(93_784, "1d2h3m4s")]
    [InlineData(604_800, "7d")]
    [InlineData(86_404, "1d4s")]
    public void It_is_written_in_the_largest_units_that_are_whole(double seconds, string text) =>
        Assert.Equal(text, DurationConverter.Format(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void The_longest_duration_is_written_as_it_is_read()
    {
        var longest = DurationConverter.Parse("10675199d2h48m5s")!.Value;

        Assert.Equal(TimeSpan.MaxValue.TotalSeconds, longest.TotalSeconds, 1.0);
        Assert.Equal("10675199d2h48m5s", DurationConverter.Format(longest));
    }

    [Fact]
    public void A_document_carries_it_as_a_text()
    {
        var plan = JsonSerializer.Deserialize<SweepPlan>("""{ "timeout": "1h", "trialTimeout": null }""", JsonDefaults.Options)!;

        Assert.Equal((TimeSpan.FromHours(1), null), (plan.Timeout, plan.TrialTimeout));
        Assert.Contains("\"timeout\":\"1h\"", JsonSerializer.Serialize(plan, JsonDefaults.Options), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "timeout": "soon" }""")]
    [InlineData("""{ "timeout": 60 }""")]
    [InlineData("""{ "timeout": { "minutes": 1 } }""")]
    public void What_is_none_is_refused_with_an_example(string document) =>
        Assert.Contains("'10m'", Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<SweepPlan>(document, JsonDefaults.Options)).Message, StringComparison.Ordinal);
}
