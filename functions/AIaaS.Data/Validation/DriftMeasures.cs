namespace AIaaS.Data.Validation;

/// <summary>Distances between two samples of a column, and how large chance alone makes them.</summary>
internal static class DriftMeasures
{
    /// <summary>The one-sided standard normal quantile of 0.999: one false alarm in a thousand columns.</summary>
    private const double NormalQuantile = 3.0902323061678132;

    private const double FalseAlarms = 0.001;

    /// <summary>
    /// Population stability index Σ (p − q) ln(p / q) over bins. Half a row is added to each bin so that an empty one leaves it finite;
    /// bins that are empty in both are left out.
    /// </summary>
    public static double Psi(ReadOnlySpan<long> baseline, ReadOnlySpan<long> current)
    {
        double used = UsedBins(baseline, current), before = used / 2, after = used / 2, psi = 0;
        for (int bin = 0; bin < baseline.Length; bin++)
        {
            before += baseline[bin];
            after += current[bin];
        }
        for (int bin = 0; bin < baseline.Length; bin++)
        {
            if (baseline[bin] == 0 && current[bin] == 0)
                continue;
            double p = (current[bin] + 0.5) / after, q = (baseline[bin] + 0.5) / before;
            psi += (p - q) * Math.Log(p / q);
        }
        return psi;
    }

    /// <summary>
    /// The index that samples of one distribution exceed once in a thousand times: it is distributed as (1/n + 1/m) χ² with a degree
    /// of freedom less than bins (Yurdakul 2018), whose quantile is taken by Wilson and Hilferty's approximation.
    /// </summary>
    public static double PsiByChance(ReadOnlySpan<long> baseline, ReadOnlySpan<long> current)
    {
        int freedom = UsedBins(baseline, current) - 1;
        if (freedom < 1)
            return 0;
        double share = 2.0 / (9 * freedom);
        double quantile = freedom * Math.Pow(1 - share + NormalQuantile * Math.Sqrt(share), 3);
        return quantile * (1.0 / Math.Max(1, Sum(baseline)) + 1.0 / Math.Max(1, Sum(current)));
    }

    /// <summary>The Kolmogorov-Smirnov distance: the largest difference of the two distribution functions. Both samples are sorted here.</summary>
    public static double? Ks(double[] baseline, double[] current)
    {
        if (baseline.Length == 0 || current.Length == 0)
            return null;
        Array.Sort(baseline);
        Array.Sort(current);
        int i = 0, j = 0;
        double distance = 0;
        while (i < baseline.Length && j < current.Length)
        {
            double at = Math.Min(baseline[i], current[j]);
            while (i < baseline.Length && baseline[i] <= at)
                i++;
            while (j < current.Length && current[j] <= at)
                j++;
            distance = Math.Max(distance, Math.Abs((double)i / baseline.Length - (double)j / current.Length));
        }
        return distance;
    }

    /// <summary>The distance that samples of one distribution exceed once in a thousand times (Smirnov's asymptotic critical value).</summary>
    public static double KsByChance(long baseline, long current) =>
        Math.Sqrt(-Math.Log(FalseAlarms / 2) / 2) * Math.Sqrt(1.0 / Math.Max(1, baseline) + 1.0 / Math.Max(1, current));

    private static int UsedBins(ReadOnlySpan<long> baseline, ReadOnlySpan<long> current)
    {
        int used = 0;
        for (int bin = 0; bin < baseline.Length; bin++)
            used += baseline[bin] > 0 || current[bin] > 0 ? 1 : 0;
        return used;
    }

    private static long Sum(ReadOnlySpan<long> counts)
    {
        long sum = 0;
        foreach (long count in counts)
            sum += count;
        return sum;
    }
}
