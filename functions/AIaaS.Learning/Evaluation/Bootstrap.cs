using AIaaS.Formats;
using AIaaS.Learning.Training;

namespace AIaaS.Learning.Evaluation;

/// <summary>Confidence intervals of metrics: the same rows drawn again and again with replacement (percentile bootstrap, Efron 1979).</summary>
internal static class Bootstrap
{
    private const long Stream = 0x626F6F74; // "boot"
    private const int MostResamples = 400;
    private const int FewestResamples = 50;

    /// <summary>Rows to be judged over all resamples, so that large holdouts do not take minutes.</summary>
    private const long Effort = 4_000_000;

    /// <param name="rows">Rows there are.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="judge">Gives the metrics of some rows, which may repeat.</param>
    public static IReadOnlyDictionary<string, MetricInterval> Intervals(int rows, long seed, Func<int[], IReadOnlyDictionary<string, double>> judge)
    {
        var resamples = ResamplesOf(rows);
        var values = new Dictionary<string, List<double>>(StringComparer.Ordinal);
        var generator = new CounterGenerator(seed, Stream);
        var drawn = new int[rows];
        for (var resample = 0; resample < resamples; resample++)
        {
            for (var i = 0; i < rows; i++)
                drawn[i] = (int)(generator.Bits(((long)resample << 32) + i) % (ulong)rows);
            foreach (var (name, value) in judge(drawn))
            {
                if (!values.TryGetValue(name, out var list))
                    values[name] = list = [];
                list.Add(value);
            }
        }

        return values.Where(metric => metric.Value.Count >= resamples / 2).ToDictionary(metric => metric.Key, metric =>
        {
            metric.Value.Sort();
            return new MetricInterval(At(metric.Value, 0.025), At(metric.Value, 0.975));
        });
    }

    /// <summary>How often so many rows are resampled.</summary>
    internal static int ResamplesOf(int rows) => (int)Math.Clamp(Effort / Math.Max(1, rows), FewestResamples, MostResamples);

    private static double At(List<double> sorted, double quantile)
    {
        var position = quantile * (sorted.Count - 1);
        var below = (int)position;
        return below + 1 < sorted.Count ? sorted[below] + ((position - below) * (sorted[below + 1] - sorted[below])) : sorted[^1];
    }
}
