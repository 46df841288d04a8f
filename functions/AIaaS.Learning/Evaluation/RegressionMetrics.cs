namespace AIaaS.Learning.Evaluation;

/// <summary>How well numbers fit true ones, by the names of <see cref="Metrics"/>; definitions are scikit-learn's.</summary>
internal static class RegressionMetrics
{
    /// <param name="truth">The true number of each row.</param>
    /// <param name="predictions">The predicted one.</param>
    /// <param name="weights">How much each row counts; null where all count the same.</param>
    public static IReadOnlyDictionary<string, double> Compute(double[] truth, float[] predictions, double[]? weights = null)
    {
        double total = 0, sum = 0, squares = 0, absolutes = 0, shares = 0;
        var withoutZero = true;
        for (var row = 0; row < truth.Length; row++)
        {
            var (weight, error) = (weights?[row] ?? 1, predictions[row] - truth[row]);
            total += weight;
            sum += weight * truth[row];
            squares += weight * error * error;
            absolutes += weight * Math.Abs(error);
            shares += weight * Math.Abs(error) / Math.Abs(truth[row]);
            withoutZero &= truth[row] != 0;
        }

        var mean = sum / total;
        var spread = 0.0;
        for (var row = 0; row < truth.Length; row++)
            spread += (weights?[row] ?? 1) * (truth[row] - mean) * (truth[row] - mean);
        var values = new Dictionary<string, double> { [Metrics.Rmse] = Math.Sqrt(squares / total), [Metrics.Mae] = absolutes / total };
        if (spread > 0)
            values[Metrics.R2] = 1 - (squares / spread);
        // A share of nothing says nothing; a single true zero would be the whole of the mean.
        if (withoutZero)
            values[Metrics.Mape] = shares / total;
        values[Metrics.MedianError] = WeightedMedian([.. truth.Zip(predictions, (t, p) => Math.Abs(p - t))], weights);
        foreach (var name in values.Where(value => !double.IsFinite(value.Value)).Select(value => value.Key).ToArray())
            values.Remove(name);
        return values;
    }

    /// <summary>Mean loss of predicted quantiles: what is too low costs the quantile, what is too high the rest (Koenker and Bassett 1978).</summary>
    public static double QuantileLoss(double[] truth, float[] predictions, double quantile) =>
        truth.Zip(predictions, (t, p) => t >= p ? quantile * (t - p) : (1 - quantile) * (p - t)).Average();

    private static double WeightedMedian(double[] values, double[]? weights)
    {
        var each = weights is null ? Enumerable.Repeat(1.0, values.Length).ToArray() : (double[])weights.Clone();
        Array.Sort(values, each);
        double half = each.Sum() / 2, before = 0;
        for (var i = 0; i < values.Length; i++)
        {
            before += each[i];
            if (before > half)
                return values[i];
            if (before == half)
                return (values[i] + values[Math.Min(i + 1, values.Length - 1)]) / 2;
        }

        return values[^1];
    }
}
