namespace AIaaS.Learning.Evaluation;

/// <summary>How well numbers fit true ones: <c>rmse</c>, <c>mae</c>, and <c>r2</c> where the truth varies.</summary>
internal static class RegressionMetrics
{
    public static IReadOnlyDictionary<string, double> Compute(double[] truth, float[] predictions)
    {
        var errors = truth.Zip(predictions, (t, p) => p - t).ToArray();
        var squares = errors.Sum(e => e * e);
        var mean = truth.Average();
        var spread = truth.Sum(t => (t - mean) * (t - mean));
        var values = new Dictionary<string, double>
        {
            ["rmse"] = Math.Sqrt(squares / truth.Length),
            ["mae"] = errors.Average(Math.Abs),
        };
        if (spread > 0)
            values["r2"] = 1 - (squares / spread);
        return values;
    }
}
