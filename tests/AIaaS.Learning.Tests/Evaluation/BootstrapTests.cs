using AIaaS.Formats;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Training;

namespace AIaaS.Learning.Tests.Evaluation;

public sealed class BootstrapTests
{
    private const string Mean = "mean";

    [Fact]
    public void The_interval_is_from_the_first_to_the_last_fortieth_of_what_resamples_give()
    {
        var resample = 0;

        var interval = Bootstrap.Intervals(10, seed: 1, _ => Of(399 - resample++))[Mean];

        // Of 0, 1, … 399, as numpy.percentile has 2.5 and 97.5.
        Assert.Equal(9.975, interval.Low, 1e-9);
        Assert.Equal(389.025, interval.High, 1e-9);
    }

    [Fact]
    public void Each_resample_draws_as_many_rows_as_there_are_any_row_as_likely_as_another()
    {
        const int rows = 60;
        var drawn = new int[rows];
        var resamples = 0;

        Bootstrap.Intervals(rows, seed: 3, some =>
        {
            Assert.Equal(rows, some.Length);
            foreach (var row in some)
                drawn[row]++;
            resamples++;
            return Of(0);
        });

        // Binomial: 400 on average, with a standard deviation of 20.
        Assert.Equal(400, resamples);
        Assert.All(drawn, times => Assert.InRange(times, 320, 480));
        Assert.InRange(drawn.Max() - drawn.Min(), 40, 160);
    }

    [Fact]
    public void An_interval_of_a_mean_is_as_wide_as_theory_has_it()
    {
        var values = Normal(200, seed: 11);
        var deviation = Math.Sqrt(values.Average(v => v * v) - (values.Average() * values.Average()));

        var interval = Bootstrap.Intervals(values.Length, seed: 5, rows => Of(rows.Average(row => values[row])))[Mean];

        Assert.Equal(2 * 1.96 * deviation / Math.Sqrt(values.Length), interval.High - interval.Low, 0.1 * (interval.High - interval.Low));
        Assert.Equal(values.Average(), (interval.High + interval.Low) / 2, 0.1 * (interval.High - interval.Low));
    }

    [Fact]
    public void Nineteen_of_twenty_intervals_hold_the_truth()
    {
        var covered = Enumerable.Range(0, 200).Count(sample =>
        {
            var values = Normal(50, seed: sample);
            var interval = Bootstrap.Intervals(values.Length, seed: 1000 + sample, rows => Of(rows.Average(row => values[row])))[Mean];
            return interval.Low <= 0 && 0 <= interval.High;
        });

        // A percentile interval of 50 rows holds it in 94 of 100; 200 samples tell that to within 5.
        Assert.InRange(covered / 200.0, 0.89, 0.99);
    }

    [Fact]
    public void A_seed_draws_the_same_rows_and_another_one_others()
    {
        var values = Normal(40, seed: 2);

        Assert.Equal(Interval(1), Interval(1));
        Assert.NotEqual(Interval(1), Interval(2));

        MetricInterval Interval(long seed) => Bootstrap.Intervals(values.Length, seed, rows => Of(rows.Average(row => values[row])))[Mean];
    }

    [Theory]
    [InlineData(0, 400)]
    [InlineData(10_000, 400)]
    [InlineData(40_000, 100)]
    [InlineData(200_000, 50)]
    public void Many_rows_are_resampled_less_often(int rows, int expected) => Assert.Equal(expected, Bootstrap.ResamplesOf(rows));

    [Fact]
    public void A_metric_that_most_resamples_lack_has_no_interval()
    {
        var resample = 0;

        var intervals = Bootstrap.Intervals(10, seed: 1, _ => resample++ % 4 == 0
            ? new Dictionary<string, double> { ["seldom"] = 1, ["always"] = 2 }
            : new Dictionary<string, double> { ["always"] = 2 });

        Assert.Equal(["always"], intervals.Keys);
    }

    private static Dictionary<string, double> Of(double value) => new() { [Mean] = value };

    /// <summary>Of mean 0 and deviation 1, by Box and Muller.</summary>
    private static double[] Normal(int count, long seed)
    {
        var generator = new CounterGenerator(seed, stream: 9);
        return [.. Enumerable.Range(0, count).Select(i =>
            Math.Sqrt(-2 * Math.Log(1 - generator.Uniform(2 * i))) * Math.Cos(2 * Math.PI * generator.Uniform((2 * i) + 1)))];
    }
}
