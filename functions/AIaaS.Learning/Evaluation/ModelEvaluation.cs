using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Training;

namespace AIaaS.Learning.Evaluation;

/// <summary>Judges a model on its holdout rows, by all that <c>metrics.json</c> tells.</summary>
internal sealed class ModelEvaluation(TrainingData data, TrainParameters parameters, Objective objective, Func<FeatureTable, float[]> predict)
{
    private const int CurvePoints = 100;
    private const int MostCurves = 10;
    private const int ResidualBins = 30;
    private const int ResidualSample = 400;

    public ModelMetrics Judge()
    {
        var rows = data.Split.Holdout;
        var holdout = data.Table.Select(rows);
        var output = predict(holdout);
        var (metrics, confusion) = data.Target.Judge(rows, output);
        return new ModelMetrics
        {
            TrainingRows = data.Split.Training.Length,
            HoldoutRows = rows.Length,
            Holdout = metrics,
            ConfusionMatrix = confusion,
            Intervals = Bootstrap.Intervals(rows.Length, parameters.Seed, drawn => JudgeSome(output, drawn)),
            Importance = metrics.ContainsKey(objective.Name) ? PermutationImportance.Of(holdout, parameters.Seed, Loss) : [],
            Slices = [.. parameters.Evaluate.Slices.SelectMany(name => Slice(holdout, name, output))],
            Calibration = data.Target.Labels is null ? null : [.. ClassificationMetrics.Calibration(Truth(rows), output, data.Width)
                .Select(bin => new CalibrationPoint(bin.Predicted, bin.Observed, bin.Rows))],
            Curves = data.Target.Labels is { } labels ? Curves(Truth(rows), output, labels) : null,
            Residuals = data.Target.Labels is null ? Residuals(rows, output) : null,
        };

        double Loss(FeatureTable some, int[] positions) =>
            objective.Loss(data.Target.Judge(Array.ConvertAll(positions, at => rows[at]), predict(some)).Metrics.GetValueOrDefault(objective.Name, double.NaN));
    }

    private int[] Truth(int[] rows) => Array.ConvertAll(rows, row => data.Target.Groups[row]);

    /// <param name="output">Of all holdout rows.</param>
    /// <param name="positions">Those that count, among them.</param>
    private IReadOnlyDictionary<string, double> JudgeSome(float[] output, int[] positions)
    {
        var own = new float[positions.Length * data.Width];
        for (var i = 0; i < positions.Length; i++)
            output.AsSpan(positions[i] * data.Width, data.Width).CopyTo(own.AsSpan(i * data.Width));
        return data.Target.Judge(Array.ConvertAll(positions, at => data.Split.Holdout[at]), own).Metrics;
    }

    private IEnumerable<MetricSlice> Slice(FeatureTable holdout, string name, float[] output)
    {
        var column = holdout.Columns.First(c => c.Name == name);
        return Slices.Of(column).Select(slice => new MetricSlice(name, slice.Value, slice.Rows.Length, JudgeSome(output, slice.Rows)));
    }

    private List<ThresholdCurve> Curves(int[] truth, float[] output, ClassLabels labels)
    {
        var curves = new List<ThresholdCurve>();
        var names = labels.ToJson();
        for (var c = labels.Count == 2 ? 1 : 0; c < Math.Min(labels.Count, MostCurves); c++)
        {
            var curve = RankingCurve.Of(Array.ConvertAll(truth, t => t == c), ClassificationMetrics.Column(output, data.Width, c), points: CurvePoints);
            if (curve.Points.Count > 0)
                curves.Add(new ThresholdCurve(names[c], [.. curve.Points.Select(p => new ThresholdPoint(Round(p.FalsePositiveRate), Round(p.TruePositiveRate), Round(p.Precision)))]));
        }

        return curves;
    }

    private ResidualSummary? Residuals(int[] rows, float[] output)
    {
        var truth = data.Target.Numbers(rows);
        var errors = truth.Zip(output, (t, p) => p - t).ToArray();
        var (low, high) = (errors.Min(), errors.Max());
        if (!double.IsFinite(low) || !double.IsFinite(high))
            return null;
        var width = high > low ? (high - low) / ResidualBins : 1;
        var counts = new long[ResidualBins];
        foreach (var error in errors)
            counts[Math.Clamp((int)((error - low) / width), 0, ResidualBins - 1)]++;
        var step = Math.Max(1, rows.Length / ResidualSample);
        return new ResidualSummary(
            [.. Enumerable.Range(0, ResidualBins + 1).Select(i => low + (i * width))],
            counts,
            [.. Enumerable.Range(0, rows.Length).Where(i => i % step == 0).Take(ResidualSample).Select(i => new[] { truth[i], (double)output[i] })]);
    }

    private static double Round(double value) => Math.Round(value, 4);
}
