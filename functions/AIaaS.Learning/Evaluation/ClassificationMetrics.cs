namespace AIaaS.Learning.Evaluation;

/// <summary>How well probabilities fit true classes; definitions are scikit-learn's.</summary>
/// <param name="Values">By the names of <see cref="Metrics"/>; without those that the rows do not define, such as <c>auc</c> where one class occurs.</param>
/// <param name="Confusion">Rows are true classes, columns decided ones.</param>
internal sealed record ClassificationMetrics(IReadOnlyDictionary<string, double> Values, IReadOnlyList<IReadOnlyList<long>> Confusion)
{
    private const int CalibrationBins = 10;

    /// <param name="truth">Class number of each row.</param>
    /// <param name="probabilities">Row after row, a number for each class.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="weights">How much each row counts; null where all count the same.</param>
    public static ClassificationMetrics Compute(int[] truth, float[] probabilities, int classes, double[]? weights = null)
    {
        var (confusion, weighted) = (Matrix<long>(classes), Matrix<double>(classes));
        double logLoss = 0, brier = 0, total = 0;
        for (var row = 0; row < truth.Length; row++)
        {
            var p = probabilities.AsSpan(row * classes, classes);
            var weight = weights?[row] ?? 1;
            var decided = Decide(p);
            confusion[truth[row]][decided]++;
            weighted[truth[row]][decided] += weight;
            logLoss -= weight * Math.Log(Math.Max(p[truth[row]], 1e-15));
            brier += weight * SquaredError(p, truth[row]);
            total += weight;
        }

        var values = new Dictionary<string, double>
        {
            [Metrics.Accuracy] = Enumerable.Range(0, classes).Sum(c => weighted[c][c]) / total,
            [Metrics.F1Macro] = 0,
            [Metrics.LogLoss] = logLoss / total,
        };
        AddRanking(values, truth, probabilities, classes, weights);
        AddPerClass(values, weighted, total);
        values[Metrics.Brier] = brier / total;
        values[Metrics.CalibrationError] = Calibration(truth, probabilities, classes, weights)
            .Sum(bin => bin.Weight * Math.Abs(bin.Predicted - bin.Observed)) / total;
        foreach (var name in values.Where(value => !double.IsFinite(value.Value)).Select(value => value.Key).ToArray())
            values.Remove(name);
        return new(values, confusion);
    }

    /// <summary>The class a row is decided for: the most probable one, the first of equals; not a number counts as least.</summary>
    public static int Decide(ReadOnlySpan<float> probabilities)
    {
        var best = 0;
        for (var c = 1; c < probabilities.Length; c++)
        {
            if (probabilities[c] > probabilities[best] || (float.IsNaN(probabilities[best]) && !float.IsNaN(probabilities[c])))
                best = c;
        }

        return best;
    }

    /// <summary>
    /// How often what was held likely came about: of two classes the probability of the second against its share, of more the
    /// probability of the decided class against the share of right decisions, in ten bins of equal width.
    /// </summary>
    public static IReadOnlyList<CalibrationBin> Calibration(int[] truth, float[] probabilities, int classes, double[]? weights = null)
    {
        var bins = new (double Weight, double Predicted, double Observed, long Rows)[CalibrationBins];
        for (var row = 0; row < truth.Length; row++)
        {
            var p = probabilities.AsSpan(row * classes, classes);
            var asked = classes == 2 ? 1 : Decide(p);
            if (!float.IsFinite(p[asked]))
                continue;
            var weight = weights?[row] ?? 1;
            ref var bin = ref bins[Math.Clamp((int)(p[asked] * CalibrationBins), 0, CalibrationBins - 1)];
            bin = (bin.Weight + weight, bin.Predicted + (weight * p[asked]), bin.Observed + (truth[row] == asked ? weight : 0), bin.Rows + 1);
        }

        return [.. bins.Where(bin => bin.Weight > 0).Select(bin => new CalibrationBin(bin.Predicted / bin.Weight, bin.Observed / bin.Weight, bin.Weight, bin.Rows))];
    }

    /// <summary>The Mann-Whitney statistic: how often a positive outranks a negative, ties counting half.</summary>
    internal static double? Auc(bool[] positive, float[] scores) => RankingCurve.Of(positive, scores).Area;

    private static double SquaredError(ReadOnlySpan<float> p, int truth)
    {
        if (p.Length == 2)
            return Square(p[1] - truth);
        var sum = 0.0;
        for (var c = 0; c < p.Length; c++)
            sum += Square(p[c] - (c == truth ? 1 : 0));
        return sum;

        static double Square(double x) => x * x;
    }

    /// <summary>Of more than two classes the mean over each class against the rest.</summary>
    private static void AddRanking(Dictionary<string, double> values, int[] truth, float[] probabilities, int classes, double[]? weights)
    {
        var curves = new List<RankingCurve>();
        for (var c = classes == 2 ? 1 : 0; c < classes; c++)
        {
            var curve = RankingCurve.Of(Array.ConvertAll(truth, t => t == c), Column(probabilities, classes, c), weights);
            if (curve.Area is not null)
                curves.Add(curve);
        }

        if (curves.Count > 0)
        {
            values[Metrics.Auc] = curves.Average(curve => curve.Area!.Value);
            values[Metrics.PrAuc] = curves.Average(curve => curve.AveragePrecision!.Value);
        }
    }

    private static void AddPerClass(Dictionary<string, double> values, double[][] confusion, double total)
    {
        // Over classes that occur or were decided, as scikit-learn takes them.
        var classes = Enumerable.Range(0, confusion.Length)
            .Select(c => (Hits: confusion[c][c], Occurs: confusion[c].Sum(), Decided: confusion.Sum(row => row[c])))
            .Where(c => c.Occurs + c.Decided > 0).ToArray();
        var accuracy = values[Metrics.Accuracy];
        Add(Metrics.F1Macro, Metrics.F1Weighted, Metrics.F1Micro, c => 2 * c.Hits / (c.Occurs + c.Decided));
        Add(Metrics.PrecisionMacro, Metrics.PrecisionWeighted, Metrics.PrecisionMicro, c => c.Decided > 0 ? c.Hits / c.Decided : 0);
        Add(Metrics.RecallMacro, Metrics.RecallWeighted, Metrics.RecallMicro, c => c.Occurs > 0 ? c.Hits / c.Occurs : 0);
        values[Metrics.BalancedAccuracy] = classes.Where(c => c.Occurs > 0).Average(c => c.Hits / c.Occurs);

        // Every row has one class and is decided for one: all that is micro-averaged is the accuracy.
        void Add(string macro, string weighted, string micro, Func<(double Hits, double Occurs, double Decided), double> measure)
        {
            values[macro] = classes.Average(measure);
            values[weighted] = classes.Sum(c => measure(c) * c.Occurs) / total;
            values[micro] = accuracy;
        }
    }

    internal static float[] Column(float[] matrix, int width, int column)
    {
        var values = new float[matrix.Length / width];
        for (var row = 0; row < values.Length; row++)
            values[row] = matrix[(row * width) + column];
        return values;
    }

    private static T[][] Matrix<T>(int size) => [.. Enumerable.Range(0, size).Select(_ => new T[size])];
}

/// <param name="Predicted">Mean probability of the rows in the bin.</param>
/// <param name="Observed">Share of them for which it came about.</param>
/// <param name="Weight">What the rows weigh together.</param>
/// <param name="Rows">How many they are.</param>
internal sealed record CalibrationBin(double Predicted, double Observed, double Weight, long Rows);
