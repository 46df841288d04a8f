namespace AIaaS.Data.Profiling;

/// <summary>
/// How well one column alone tells the target, on rows that it was not fitted to: five folds, in each of which a bin (or a category,
/// or being missing) is given the most frequent class, or the mean, of its rows in the other four. Numbers are binned at their
/// quantiles, without regard to the target; for a numeric target a straight line is tried too, and the better of the two counts.
/// </summary>
internal static class SingleColumnPredictor
{
    private const int Folds = 5;
    private const int MostBins = 200;
    private const int RowsPerBin = 20;

    /// <summary>Share of the errors of always naming the most frequent class that the column removes, 0 to 1; null with one class.</summary>
    public static double? Accuracy(SampledColumn column, ReadOnlySpan<int> classes, int classCount)
    {
        (int[] bins, int binCount) = BinsOf(column);
        int[] order = OrderByBin(bins, binCount, out int[] starts);
        long[] all = new long[classCount];
        long[,] ofFold = new long[Folds, classCount];
        for (int row = 0; row < classes.Length; row++)
        {
            if (classes[row] < 0)
                continue;
            all[classes[row]]++;
            ofFold[FoldOf(row), classes[row]]++;
        }
        int[] fallback = new int[Folds];
        long labelled = all.Sum(), baseline = 0, correct = 0;
        for (int fold = 0; fold < Folds; fold++)
        {
            for (int c = 1; c < classCount; c++)
            {
                if (all[c] - ofFold[fold, c] > all[fallback[fold]] - ofFold[fold, fallback[fold]])
                    fallback[fold] = c;
            }
            baseline += ofFold[fold, fallback[fold]];
        }

        long[] counts = new long[classCount];
        long[,] countsOfFold = new long[Folds, classCount];
        var present = new List<int>();
        for (int bin = 0; bin < binCount; bin++)
        {
            present.Clear();
            foreach (int row in order.AsSpan(starts[bin]..starts[bin + 1]))
            {
                int c = classes[row];
                if (c < 0)
                    continue;
                if (counts[c]++ == 0)
                    present.Add(c);
                countsOfFold[FoldOf(row), c]++;
            }
            for (int fold = 0; fold < Folds; fold++)
            {
                int best = -1;
                long most = 0;
                foreach (int c in present)
                {
                    long others = counts[c] - countsOfFold[fold, c];
                    if (others > most || (others == most && others > 0 && c < best))
                        (best, most) = (c, others);
                }
                correct += countsOfFold[fold, best < 0 ? fallback[fold] : best];
            }
            foreach (int c in present)
            {
                counts[c] = 0;
                for (int fold = 0; fold < Folds; fold++)
                    countsOfFold[fold, c] = 0;
            }
        }
        return labelled == baseline ? null : Math.Clamp((correct - baseline) / (double)(labelled - baseline), 0, 1);
    }

    /// <summary>The coefficient of determination R², 0 to 1; null where the target does not vary.</summary>
    public static double? Determination(SampledColumn column, ReadOnlySpan<double> target)
    {
        (int[] bins, int binCount) = BinsOf(column);
        double mean = MeanOf(target);
        double[,] sums = new double[Folds + 1, binCount];
        long[,] counts = new long[Folds + 1, binCount];
        var means = new double[Folds + 1];
        var rows = new long[Folds + 1];
        for (int row = 0; row < target.Length; row++)
        {
            if (double.IsNaN(target[row]))
                continue;
            int fold = FoldOf(row);
            // From the mean, so that large values lose no digits.
            double value = target[row] - mean;
            sums[fold, bins[row]] += value;
            sums[Folds, bins[row]] += value;
            counts[fold, bins[row]]++;
            counts[Folds, bins[row]]++;
            means[fold] += value;
            means[Folds] += value;
            rows[fold]++;
            rows[Folds]++;
        }
        double error = 0, total = 0;
        for (int row = 0; row < target.Length; row++)
        {
            if (double.IsNaN(target[row]))
                continue;
            int fold = FoldOf(row);
            double value = target[row] - mean;
            double without = Others(means, rows, fold);
            long others = counts[Folds, bins[row]] - counts[fold, bins[row]];
            double predicted = others > 0 ? (sums[Folds, bins[row]] - sums[fold, bins[row]]) / others : without;
            error += (value - predicted) * (value - predicted);
            total += (value - without) * (value - without);
        }
        if (!(total > 0) || !double.IsFinite(total))
            return null;
        double binned = 1 - error / total;
        double line = column.IsNumber ? LineDetermination(column.Numbers, target) : 0;
        return Math.Clamp(Math.Max(binned, double.IsFinite(line) ? line : 0), 0, 1);

        static double Others(double[] sums, long[] counts, int fold) =>
            counts[Folds] == counts[fold] ? 0 : (sums[Folds] - sums[fold]) / (counts[Folds] - counts[fold]);
    }

    private static double LineDetermination(ReadOnlySpan<double> x, ReadOnlySpan<double> target)
    {
        double meanX = MeanOf(x), meanY = MeanOf(target);
        var sums = new Sums[Folds + 1];
        for (int row = 0; row < x.Length; row++)
        {
            if (double.IsNaN(x[row]) || double.IsNaN(target[row]))
                continue;
            double dx = x[row] - meanX, dy = target[row] - meanY;
            var one = new Sums(1, dx, dy, dx * dx, dx * dy);
            sums[FoldOf(row)] += one;
            sums[Folds] += one;
        }
        var lines = new (double Slope, double Intercept, double Mean)[Folds];
        for (int fold = 0; fold < Folds; fold++)
        {
            Sums others = sums[Folds] - sums[fold];
            double variance = others.Xx - others.X * others.X / others.Count;
            double slope = variance > 0 ? (others.Xy - others.X * others.Y / others.Count) / variance : 0;
            lines[fold] = (slope, (others.Y - slope * others.X) / others.Count, others.Y / others.Count);
        }
        double error = 0, total = 0;
        for (int row = 0; row < x.Length; row++)
        {
            if (double.IsNaN(target[row]))
                continue;
            (double slope, double intercept, double mean) = lines[FoldOf(row)];
            double value = target[row] - meanY;
            double predicted = double.IsNaN(x[row]) ? mean : intercept + slope * (x[row] - meanX);
            error += (value - predicted) * (value - predicted);
            total += (value - mean) * (value - mean);
        }
        return 1 - error / total;
    }

    /// <summary>A bin for every row; the last is that of missing values.</summary>
    private static (int[] Bins, int Count) BinsOf(SampledColumn column)
    {
        int[] bins = new int[column.Rows];
        if (!column.IsNumber)
        {
            int missing = column.Values.Count;
            for (int row = 0; row < bins.Length; row++)
                bins[row] = column.Codes[row] < 0 ? missing : column.Codes[row];
            return (bins, missing + 1);
        }
        double[] sorted = new double[column.Rows];
        int present = 0;
        foreach (double number in column.Numbers)
        {
            if (!double.IsNaN(number))
                sorted[present++] = number;
        }
        Array.Sort(sorted, 0, present);
        int wanted = Math.Clamp(present / RowsPerBin, 2, MostBins);
        var edges = new List<double>(wanted);
        for (int i = 1; i < wanted && present > 0; i++)
        {
            double edge = sorted[(int)((long)present * i / wanted)];
            if (edge > (edges.Count == 0 ? sorted[0] : edges[^1]))
                edges.Add(edge);
        }
        for (int row = 0; row < bins.Length; row++)
        {
            if (double.IsNaN(column.Numbers[row]))
            {
                bins[row] = edges.Count + 1;
                continue;
            }
            int at = edges.BinarySearch(column.Numbers[row]);
            bins[row] = at < 0 ? ~at : at + 1;
        }
        return (bins, edges.Count + 2);
    }

    private static int[] OrderByBin(int[] bins, int binCount, out int[] starts)
    {
        starts = new int[binCount + 1];
        foreach (int bin in bins)
            starts[bin + 1]++;
        for (int bin = 0; bin < binCount; bin++)
            starts[bin + 1] += starts[bin];
        int[] next = [.. starts];
        int[] order = new int[bins.Length];
        for (int row = 0; row < bins.Length; row++)
            order[next[bins[row]]++] = row;
        return order;
    }

    private static double MeanOf(ReadOnlySpan<double> numbers)
    {
        double sum = 0;
        long count = 0;
        foreach (double number in numbers)
        {
            if (double.IsNaN(number))
                continue;
            sum += number;
            count++;
        }
        return count == 0 ? 0 : sum / count;
    }

    // Mixed, so that an order of the rows that repeats does not make folds unlike one another.
    private static int FoldOf(int row) => (int)(((uint)row * 2654435761u >> 16) % Folds);

    private readonly record struct Sums(long Count, double X, double Y, double Xx, double Xy)
    {
        public static Sums operator +(Sums a, Sums b) => new(a.Count + b.Count, a.X + b.X, a.Y + b.Y, a.Xx + b.Xx, a.Xy + b.Xy);

        public static Sums operator -(Sums a, Sums b) => new(a.Count - b.Count, a.X - b.X, a.Y - b.Y, a.Xx - b.Xx, a.Xy - b.Xy);
    }
}
