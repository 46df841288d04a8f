namespace AIaaS.Data.Profiling;

/// <summary>How strongly two columns go together, over the rows where both are present; null where one of them does not vary.</summary>
/// <remarks>Missing is NaN in numbers and -1 in codes.</remarks>
internal static class Associations
{
    /// <summary>Pearson's correlation, -1 to 1.</summary>
    public static double? Pearson(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        double sumX = 0, sumY = 0;
        long count = 0;
        for (int row = 0; row < x.Length; row++)
        {
            if (double.IsNaN(x[row]) || double.IsNaN(y[row]))
                continue;
            sumX += x[row];
            sumY += y[row];
            count++;
        }
        double meanX = sumX / count, meanY = sumY / count, xx = 0, yy = 0, xy = 0;
        for (int row = 0; row < x.Length; row++)
        {
            if (double.IsNaN(x[row]) || double.IsNaN(y[row]))
                continue;
            double dx = x[row] - meanX, dy = y[row] - meanY;
            xx += dx * dx;
            yy += dy * dy;
            xy += dx * dy;
        }
        return xx > 0 && yy > 0 ? Finite(Math.Clamp(xy / Math.Sqrt(xx) / Math.Sqrt(yy), -1, 1)) : null;
    }

    /// <summary>The correlation ratio η: the square root of the share of the numbers' variance that lies between the groups.</summary>
    public static double? CorrelationRatio(ReadOnlySpan<double> numbers, ReadOnlySpan<int> groups, int groupCount)
    {
        double[] sums = new double[groupCount];
        long[] counts = new long[groupCount];
        double sum = 0;
        long count = 0;
        for (int row = 0; row < numbers.Length; row++)
        {
            if (double.IsNaN(numbers[row]) || groups[row] < 0)
                continue;
            sums[groups[row]] += numbers[row];
            counts[groups[row]]++;
            sum += numbers[row];
            count++;
        }
        double mean = sum / count, between = 0, total = 0;
        for (int group = 0; group < groupCount; group++)
        {
            if (counts[group] > 0)
                between += counts[group] * (sums[group] / counts[group] - mean) * (sums[group] / counts[group] - mean);
        }
        for (int row = 0; row < numbers.Length; row++)
        {
            if (!double.IsNaN(numbers[row]) && groups[row] >= 0)
                total += (numbers[row] - mean) * (numbers[row] - mean);
        }
        return total > 0 && counts.Count(each => each > 0) > 1 ? Finite(Math.Sqrt(Math.Clamp(between / total, 0, 1))) : null;
    }

    /// <summary>Cramér's V, corrected for bias (Bergsma 2013, "A bias-correction for Cramér's V and Tschuprow's T").</summary>
    public static double? CramersV(ReadOnlySpan<int> a, int aCount, ReadOnlySpan<int> b, int bCount)
    {
        long[] rows = new long[aCount], columns = new long[bCount];
        var cells = new Dictionary<long, long>();
        long n = 0;
        for (int row = 0; row < a.Length; row++)
        {
            if (a[row] < 0 || b[row] < 0)
                continue;
            rows[a[row]]++;
            columns[b[row]]++;
            n++;
            System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(cells, (long)a[row] * bCount + b[row], out _)++;
        }
        double r = rows.Count(count => count > 0), k = columns.Count(count => count > 0);
        if (r < 2 || k < 2 || n < 2)
            return null;
        // Cells without rows add nothing to Σ n_ij² / (n_i n_j) = χ²/n + 1, so only the others are kept.
        double sum = 0;
        foreach ((long cell, long count) in cells)
            sum += (double)count * count / ((double)rows[cell / bCount] * columns[cell % bCount]);
        double phi = Math.Max(0, sum - 1 - (r - 1) * (k - 1) / (n - 1));
        double smaller = Math.Min(r - (r - 1) * (r - 1) / (n - 1), k - (k - 1) * (k - 1) / (n - 1)) - 1;
        return smaller > 0 ? Math.Min(1, Math.Sqrt(phi / smaller)) : null;
    }

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;
}
