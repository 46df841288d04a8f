using AIaaS.Formats;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Evaluation;

/// <summary>Makes probabilities mean what they say.</summary>
internal interface ICalibrator
{
    /// <param name="probabilities">Float tensor of shape [rows, classes].</param>
    /// <returns>Of the same shape; each row adds up to 1.</returns>
    Value Build(Value probabilities);
}

/// <summary>Fits calibrators on predictions for rows that were not learned from.</summary>
internal static class Calibrators
{
    private const double Least = 1e-7;

    /// <param name="kind">Which one.</param>
    /// <param name="probabilities">Row after row, a number for each class.</param>
    /// <param name="truth">The class of each row.</param>
    /// <param name="classes">How many there are.</param>
    public static ICalibrator Fit(Calibration kind, float[] probabilities, int[] truth, int classes) => kind switch
    {
        Calibration.Temperature => new Temperature(FitTemperature(probabilities, truth, classes)),
        Calibration.Sigmoid => new Sigmoids([.. PerClass(classes, c => FitSigmoid(Array.ConvertAll(ClassificationMetrics.Column(probabilities, classes, c), LogOdds), Array.ConvertAll(truth, t => t == c)))]),
        Calibration.Isotonic => new Steps([.. PerClass(classes, c => IsotonicRegression.Fit(
            Array.ConvertAll(ClassificationMetrics.Column(probabilities, classes, c), p => (double)p), Array.ConvertAll(truth, t => t == c ? 1.0 : 0.0)))]),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "There is nothing to fit."),
    };

    /// <summary>Of two classes the second decides: what it is not is the first.</summary>
    private static IEnumerable<T> PerClass<T>(int classes, Func<int, T> fit) => Enumerable.Range(classes == 2 ? 1 : 0, classes == 2 ? 1 : classes).Select(fit);

    /// <summary>The factor on log-probabilities that makes the truth likeliest, by Newton's method on its logarithm, which is convex (Guo et al. 2017).</summary>
    internal static double FitTemperature(float[] probabilities, int[] truth, int classes)
    {
        var scores = Array.ConvertAll(probabilities, p => Math.Log(Math.Clamp(p, Least, 1)));
        var factor = 1.0;
        for (var step = 0; step < 100; step++)
        {
            var (slope, curvature) = (0.0, 1e-9);
            for (var row = 0; row < truth.Length; row++)
            {
                var own = scores.AsSpan(row * classes, classes);
                double highest = double.NegativeInfinity, sum = 0, mean = 0, square = 0;
                foreach (var score in own)
                    highest = Math.Max(highest, factor * score);
                foreach (var score in own)
                {
                    var p = Math.Exp((factor * score) - highest);
                    sum += p;
                    mean += p * score;
                    square += p * score * score;
                }

                (mean, square) = (mean / sum, square / sum);
                slope += mean - own[truth[row]];
                curvature += square - (mean * mean);
            }

            var change = Math.Clamp(slope / curvature, -factor / 2, 1);
            factor = Math.Clamp(factor - change, 1e-3, 1e3);
            if (Math.Abs(change) < 1e-10)
                break;
        }

        return factor;
    }

    /// <summary>Platt's sigmoid over scores (1999), with the smoothed targets of Lin, Lin and Weng (2007) against overconfidence.</summary>
    /// <param name="scores">Of any scale, such as log-odds.</param>
    /// <param name="truth">What each row is.</param>
    /// <param name="weights">How much each row counts; null where all count the same.</param>
    internal static (double Slope, double Offset) FitSigmoid(double[] scores, bool[] truth, float[]? weights = null)
    {
        double positives = 0, negatives = 0;
        for (var row = 0; row < truth.Length; row++)
        {
            if (truth[row])
                positives += weights?[row] ?? 1;
            else
                negatives += weights?[row] ?? 1;
        }

        var (high, low) = ((positives + 1) / (positives + 2), 1 / (negatives + 2));
        var (slope, offset) = (1.0, 0.0);
        for (var step = 0; step < 100; step++)
        {
            double ga = 0, gb = 0, haa = 1e-9, hab = 0, hbb = 1e-9;
            for (var row = 0; row < scores.Length; row++)
            {
                var p = 1 / (1 + Math.Exp(-((slope * scores[row]) + offset)));
                var own = weights?[row] ?? 1.0;
                var (error, weight) = (own * (p - (truth[row] ? high : low)), own * p * (1 - p));
                ga += error * scores[row];
                gb += error;
                haa += weight * scores[row] * scores[row];
                hab += weight * scores[row];
                hbb += weight;
            }

            var determinant = (haa * hbb) - (hab * hab);
            var (da, db) = (((ga * hbb) - (gb * hab)) / determinant, ((gb * haa) - (ga * hab)) / determinant);
            var length = Math.Max(Math.Abs(da), Math.Abs(db));
            if (length > 2)
                (da, db) = (2 * da / length, 2 * db / length);
            (slope, offset) = (slope - da, offset - db);
            if (length < 1e-10)
                break;
        }

        return (slope, offset);
    }

    private static double LogOdds(float p)
    {
        var clamped = Math.Clamp(p, Least, 1 - Least);
        return Math.Log(clamped / (1 - clamped));
    }

    private static Value Normalized(Value scores) => scores / scores.ReduceSum([1], keepDimensions: true);

    private static Value Both(Value second) => new[] { -second + 1, second }.Concat(axis: 1);

    private sealed class Temperature(double factor) : ICalibrator
    {
        public Value Build(Value probabilities) => (probabilities.Clip(Least, 1).Log() * factor).Softmax();
    }

    private sealed class Sigmoids((double Slope, double Offset)[] fits) : ICalibrator
    {
        public Value Build(Value probabilities)
        {
            var graph = probabilities.Graph;
            var p = (fits.Length == 1 ? probabilities.Gather(graph.Vector("second", 1), axis: 1) : probabilities).Clip(Least, 1 - Least);
            var odds = (p / (-p + 1)).Log();
            var calibrated = (odds * graph.Constant("slopes", Array.ConvertAll(fits, f => (float)f.Slope), fits.Length)
                + graph.Constant("offsets", Array.ConvertAll(fits, f => (float)f.Offset), fits.Length)).Sigmoid();
            return fits.Length == 1 ? Both(calibrated) : Normalized(calibrated);
        }
    }

    /// <summary>Straight lines between the points of each class, as sums of hinges: ordinary operators, whatever the number of points.</summary>
    private sealed class Steps(IsotonicRegression[] fits) : ICalibrator
    {
        public Value Build(Value probabilities)
        {
            if (fits.Length == 1)
                return Both(Line(probabilities.Gather(probabilities.Graph.Vector("second", 1), axis: 1), fits[0]));
            var own = fits.Select((fit, c) => Line(probabilities.Gather(probabilities.Graph.Vector("class", c), axis: 1), fit)).ToArray().Concat(axis: 1);
            return Normalized(own + (float)Least);
        }

        private static Value Line(Value p, IsotonicRegression fit)
        {
            var graph = p.Graph;
            var (x, y) = (fit.X, fit.Y);
            if (x.Length == 1)
                return p * 0 + y[0];
            // Clipped to each piece, a row passes through the pieces before its own wholly and through those behind not at all.
            var pieces = x.Length - 1;
            var starts = graph.Constant("starts", x.Take(pieces).Select(v => (float)v).ToArray(), pieces);
            var lengths = graph.Constant("lengths", Enumerable.Range(0, pieces).Select(i => (float)(x[i + 1] - x[i])).ToArray(), pieces);
            var rises = graph.Constant("rises", Enumerable.Range(0, pieces).Select(i => (float)(y[i + 1] - y[i])).ToArray(), pieces, 1);
            return ((p - starts) / lengths).Clip(0, 1).MatMul(rises) + y[0];
        }
    }
}
