namespace AIaaS.Learning.Evaluation;

/// <summary>How well probabilities fit true classes.</summary>
/// <param name="Values">By name: <c>accuracy</c>, <c>f1-macro</c>, <c>log-loss</c>, and <c>auc</c> where two classes or more occur.</param>
/// <param name="Confusion">Rows are true classes, columns decided ones.</param>
internal sealed record ClassificationMetrics(IReadOnlyDictionary<string, double> Values, IReadOnlyList<IReadOnlyList<long>> Confusion)
{
    /// <param name="truth">Class number of each row.</param>
    /// <param name="probabilities">Row after row, a number for each class.</param>
    /// <param name="classes">Number of classes.</param>
    public static ClassificationMetrics Compute(int[] truth, float[] probabilities, int classes)
    {
        var confusion = new long[classes][];
        for (var c = 0; c < classes; c++)
            confusion[c] = new long[classes];

        double logLoss = 0;
        long correct = 0;
        for (var row = 0; row < truth.Length; row++)
        {
            var p = probabilities.AsSpan(row * classes, classes);
            var decided = p.IndexOf(Max(p));
            confusion[truth[row]][decided]++;
            correct += decided == truth[row] ? 1 : 0;
            logLoss -= Math.Log(Math.Max(p[truth[row]], 1e-15));
        }

        var values = new Dictionary<string, double>
        {
            ["accuracy"] = (double)correct / truth.Length,
            ["f1-macro"] = MacroF1(confusion),
            ["log-loss"] = logLoss / truth.Length,
        };
        if (MacroAuc(truth, probabilities, classes) is { } auc)
            values["auc"] = auc;
        return new(values, confusion);
    }

    /// <summary>Mean of the classes' F1 scores, over classes that occur or were decided.</summary>
    private static double MacroF1(long[][] confusion)
    {
        var scores = new List<double>();
        for (var c = 0; c < confusion.Length; c++)
        {
            var occurs = confusion[c].Sum();
            var decided = confusion.Sum(row => row[c]);
            if (occurs + decided > 0)
                scores.Add(2.0 * confusion[c][c] / (occurs + decided));
        }

        return scores.Average();
    }

    /// <summary>Area under the ROC curve; for more than two classes the mean over each class against the rest.</summary>
    private static double? MacroAuc(int[] truth, float[] probabilities, int classes)
    {
        var areas = new List<double>();
        for (var c = classes == 2 ? 1 : 0; c < classes; c++)
        {
            if (Auc(Array.ConvertAll(truth, t => t == c), [.. Enumerable.Range(0, truth.Length).Select(row => probabilities[(row * classes) + c])]) is { } area)
                areas.Add(area);
        }

        return areas.Count > 0 ? areas.Average() : null;
    }

    /// <summary>The Mann-Whitney statistic: how often a positive outranks a negative, ties counting half.</summary>
    internal static double? Auc(bool[] positive, float[] scores)
    {
        var positives = positive.LongCount(p => p);
        var negatives = positive.Length - positives;
        if (positives == 0 || negatives == 0)
            return null;

        var order = Enumerable.Range(0, scores.Length).OrderBy(i => scores[i]).ToArray();
        double rankSum = 0;
        for (var start = 0; start < order.Length;)
        {
            var end = start;
            while (end < order.Length && scores[order[end]] == scores[order[start]])
                end++;
            var meanRank = (start + 1 + end) / 2.0;
            for (; start < end; start++)
                rankSum += positive[order[start]] ? meanRank : 0;
        }

        return (rankSum - (positives * (positives + 1) / 2.0)) / ((double)positives * negatives);
    }

    private static float Max(ReadOnlySpan<float> values)
    {
        var max = values[0];
        foreach (var value in values)
            max = Math.Max(max, value);
        return max;
    }
}
