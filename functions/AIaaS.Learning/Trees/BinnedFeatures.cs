using AIaaS.Learning.Features;

namespace AIaaS.Learning.Trees;

/// <summary>How one feature falls into bins, which are what a tree splits by.</summary>
/// <param name="Thresholds">
/// Of a quantity: a value up to the i-th threshold and above the one before is in bin i, any other in the last bin but one; the last bin is for missing values.
/// </param>
/// <param name="Categories">Of a category: how many codes there are, each its own bin; null for a quantity.</param>
internal sealed record FeatureBins(float[] Thresholds, int? Categories)
{
    /// <summary>Bins in all; of a quantity the last is for missing values.</summary>
    public int Count => Categories ?? Thresholds.Length + 2;

    public int Missing => Thresholds.Length + 1;

    public byte BinOf(float value)
    {
        if (Categories is { } codes)
            return (byte)Math.Clamp((int)value, 0, codes - 1);
        if (float.IsNaN(value))
            return (byte)Missing;
        int low = 0, high = Thresholds.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (value <= Thresholds[middle])
                high = middle;
            else
                low = middle + 1;
        }

        return (byte)low;
    }
}

/// <summary>Rows as bytes, column after column.</summary>
internal sealed class BinnedFeatures
{
    /// <summary>Of a quantity, so that with the bin for missing values all fit into a byte.</summary>
    private const int MostBins = 255;

    /// <summary>Rows that thresholds are chosen by at most.</summary>
    private const int SampledRows = 200_000;

    private BinnedFeatures(IReadOnlyList<FeatureBins> features, byte[][] columns, int rows) => (Features, Columns, Rows) = (features, columns, rows);

    public IReadOnlyList<FeatureBins> Features { get; }

    /// <summary>For each feature the bin of each row.</summary>
    public byte[][] Columns { get; }

    public int Rows { get; }

    /// <summary>Chooses bins of about equally many rows each; where there are few different values, one for each.</summary>
    /// <param name="matrix">Row after row, a number for each slot; NaN where missing.</param>
    /// <param name="rows">How many.</param>
    /// <param name="slots">What the numbers are.</param>
    /// <param name="threads">Threads to use.</param>
    public static BinnedFeatures Fit(float[] matrix, int rows, IReadOnlyList<FeatureSlot> slots, int threads)
    {
        var features = new FeatureBins[slots.Count];
        Parallel.For(0, slots.Count, new ParallelOptions { MaxDegreeOfParallelism = threads }, feature =>
            features[feature] = slots[feature].Categories is { } codes
                ? new FeatureBins([], codes)
                : new FeatureBins(Thresholds(matrix, rows, slots.Count, feature), null));
        return Apply(features, matrix, rows, threads);
    }

    /// <summary>Puts other rows into the same bins.</summary>
    public static BinnedFeatures Apply(IReadOnlyList<FeatureBins> features, float[] matrix, int rows, int threads)
    {
        var columns = new byte[features.Count][];
        Parallel.For(0, features.Count, new ParallelOptions { MaxDegreeOfParallelism = threads }, feature =>
        {
            var (bins, column) = (features[feature], new byte[rows]);
            for (long row = 0, at = feature; row < rows; row++, at += features.Count)
                column[row] = bins.BinOf(matrix[at]);
            columns[feature] = column;
        });
        return new(features, columns, rows);
    }

    private static float[] Thresholds(float[] matrix, int rows, int width, int feature)
    {
        var step = Math.Max(1, (rows + SampledRows - 1) / SampledRows);
        var sample = new List<float>(rows / step);
        for (long row = 0; row < rows; row += step)
        {
            var value = matrix[(row * width) + feature];
            if (!float.IsNaN(value))
                sample.Add(value);
        }

        sample.Sort();
        var distinct = new List<(float Value, int Count)>();
        foreach (var value in sample)
        {
            if (distinct.Count > 0 && distinct[^1].Value == value)
                distinct[^1] = (value, distinct[^1].Count + 1);
            else
                distinct.Add((value, 1));
        }

        const int most = MostBins - 1;
        var thresholds = new List<float>();
        if (distinct.Count <= most)
        {
            for (var i = 1; i < distinct.Count; i++)
                thresholds.Add(Between(distinct[i - 1].Value, distinct[i].Value));
            return [.. thresholds];
        }

        // A value that fills bins on its own leaves fewer rows to the others: what is left is divided anew after each bin.
        double left = sample.Count;
        for (int i = 0, within = 0; i < distinct.Count - 1 && thresholds.Count < most - 1; i++)
        {
            within += distinct[i].Count;
            if (within >= left / (most - thresholds.Count))
            {
                thresholds.Add(Between(distinct[i].Value, distinct[i + 1].Value));
                left -= within;
                within = 0;
            }
        }

        return [.. thresholds];
    }

    /// <summary>A number from the lower value up to, but without, the upper one, so that comparing floats finds every value's own bin.</summary>
    private static float Between(float lower, float upper)
    {
        var middle = (float)(((double)lower + upper) / 2);
        return middle >= upper || middle < lower ? lower : middle;
    }
}
