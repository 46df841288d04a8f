namespace AIaaS.Learning.Evaluation;

/// <summary>What every threshold of a score gives: the ROC curve and the curve of precision and recall, with the areas under them.</summary>
internal sealed class RankingCurve
{
    private RankingCurve()
    {
    }

    /// <summary>Area under the ROC curve, ties counting half; null where one of the two occurs alone.</summary>
    public double? Area { get; private init; }

    /// <summary>Sum over thresholds of precision times the recall gained (scikit-learn's average precision); null as above.</summary>
    public double? AveragePrecision { get; private init; }

    /// <summary>From the highest threshold to the lowest: false positive rate, true positive rate (which is the recall), precision.</summary>
    public IReadOnlyList<(double FalsePositiveRate, double TruePositiveRate, double Precision)> Points { get; private init; } = [];

    /// <param name="positive">What each row is.</param>
    /// <param name="scores">The higher, the likelier positive; what is not a number counts as lowest.</param>
    /// <param name="weights">How much each row counts; null where all count the same.</param>
    /// <param name="points">Points to keep at most, evenly along the curve; 0 for none.</param>
    public static RankingCurve Of(bool[] positive, float[] scores, double[]? weights = null, int points = 0)
    {
        var (positives, negatives) = (0.0, 0.0);
        for (var row = 0; row < positive.Length; row++)
        {
            var weight = weights?[row] ?? 1;
            if (positive[row])
                positives += weight;
            else
                negatives += weight;
        }

        if (positives <= 0 || negatives <= 0)
            return new RankingCurve();

        var keys = Array.ConvertAll(scores, score => float.IsNaN(score) ? float.PositiveInfinity : -score);
        var order = Enumerable.Range(0, scores.Length).ToArray();
        Array.Sort(keys, order);
        var kept = new List<(double, double, double)>();
        double hits = 0, alarms = 0, area = 0, precision = 0, next = 0;
        for (var at = 0; at < order.Length;)
        {
            var (hitsBefore, alarmsBefore) = (hits, alarms);
            for (var key = keys[at]; at < order.Length && keys[at] == key; at++)
            {
                var weight = weights?[order[at]] ?? 1;
                if (positive[order[at]])
                    hits += weight;
                else
                    alarms += weight;
            }

            area += (alarms - alarmsBefore) * (hits + hitsBefore) / 2;
            precision += (hits - hitsBefore) * hits / (hits + alarms);
            var along = ((hits / positives) + (alarms / negatives)) / 2;
            if (points > 0 && (along >= next || at == order.Length))
            {
                kept.Add((alarms / negatives, hits / positives, hits / (hits + alarms)));
                next = along + (1.0 / points);
            }
        }

        return new RankingCurve { Area = area / (positives * negatives), AveragePrecision = precision / positives, Points = kept };
    }
}
