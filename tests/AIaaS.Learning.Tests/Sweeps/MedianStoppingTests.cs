using AIaaS.Formats;
using AIaaS.Learning.Sweeps;

namespace AIaaS.Learning.Tests.Sweeps;

public sealed class MedianStoppingTests
{
    /// <summary>Means up to a half: 0.5, 0.6, 0.7, 0.8, 0.9.</summary>
    private static readonly IReadOnlyList<TrialPoint>[] Others = [.. Enumerable.Range(0, 5).Select(i => Curve(0.6 + (i * 0.1), 0.4 + (i * 0.1), 0.1))];

    [Theory]
    [InlineData(0.69, false)]
    [InlineData(0.7, false)]
    [InlineData(0.71, true)]
    public void A_trial_ends_when_it_is_worse_than_the_median_of_the_others(double value, bool stops) =>
        Assert.Equal(stops, MedianStopping.ShouldStop(new(0.5, value), [], Others, higherIsBetter: false));

    [Theory]
    [InlineData(0.69, true)]
    [InlineData(0.71, false)]
    public void Of_a_metric_that_should_be_high_worse_is_lower(double value, bool stops) =>
        Assert.Equal(stops, MedianStopping.ShouldStop(new(0.5, value), [], Others, higherIsBetter: true));

    [Fact]
    public void The_best_it_has_reached_counts() =>
        Assert.False(MedianStopping.ShouldStop(new(0.5, 0.9), Curve(0.65), Others, higherIsBetter: false));

    [Fact]
    public void What_others_reached_later_does_not_count() =>
        Assert.False(MedianStopping.ShouldStop(new(0.25, 0.75), [], Others, higherIsBetter: false));

    [Fact]
    public void Those_that_did_not_come_as_far_do_not_count() =>
        Assert.False(MedianStopping.ShouldStop(new(0.5, 5), [], [.. Others.Take(4), Curve(0.1)], higherIsBetter: false));

    [Fact]
    public void What_has_diverged_ends() =>
        Assert.True(MedianStopping.ShouldStop(new(0.5, double.NaN), [], Others, higherIsBetter: false));

    /// <summary>At shares of 1/4, 1/2, …</summary>
    private static IReadOnlyList<TrialPoint> Curve(params double[] values) => [.. values.Select((v, i) => new TrialPoint((i + 1) / 4.0, v))];
}
