using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Trainers;

namespace AIaaS.Learning.Trees;

/// <summary>What boosting takes down, step by step: a loss of scores, of which a row has one or one for each class.</summary>
internal abstract class BoostingLoss
{
    /// <summary>Scores a row, and trees a step.</summary>
    public abstract int Width { get; }

    /// <summary>The scores before any tree.</summary>
    public abstract float[] Initial { get; }

    /// <param name="target">What rows should give.</param>
    /// <param name="weights">How much each counts; null where all count the same.</param>
    /// <param name="name">Of a regression: <c>squared</c>, <c>absolute</c> or <c>quantile</c>.</param>
    /// <param name="quantile">Of the last: which, above 0 and below 1.</param>
    public static BoostingLoss Of(TrainerTarget target, float[]? weights, string name, double quantile) => target switch
    {
        ClassTarget { Count: 2 } classes => new Logistic(classes, weights),
        ClassTarget classes => new Softmax(classes, weights),
        NumberTarget numbers => name switch
        {
            "squared" => new Squared(numbers, weights),
            "absolute" => new Quantile(numbers, weights, 0.5),
            "quantile" => new Quantile(numbers, weights, quantile),
            _ => throw new TrainingException("There is no such loss", $"There is no loss '{name}'. Choose squared, absolute or quantile."),
        },
        _ => throw new ArgumentException($"Trees cannot learn a {target.GetType().Name}.", nameof(target)),
    };

    /// <summary>Writes first and second derivatives by one of the scores.</summary>
    /// <param name="scores">For each score the scores of all rows.</param>
    /// <param name="output">Which score.</param>
    /// <param name="derivatives">Two numbers a row.</param>
    public abstract void Differentiate(float[][] scores, int output, double[] derivatives);

    /// <summary>The mean loss of rows, of the training or of others.</summary>
    /// <param name="target">What they should give.</param>
    /// <param name="scores">For each score the scores of all rows.</param>
    public abstract double Mean(TrainerTarget target, float[][] scores);

    /// <summary>A better value of a leaf than the derivatives give; null where theirs is best.</summary>
    public virtual float? LeafValue(float[][] scores, ReadOnlySpan<int> rows) => null;

    /// <summary>From raw scores [rows, width] to the model's result.</summary>
    public abstract Value Decide(Value scores);

    private sealed class Logistic(ClassTarget target, float[]? weights) : BoostingLoss
    {
        public override int Width => 1;

        public override float[] Initial { get; } = [(float)LogOdds(target.Rows, weights)];

        public override void Differentiate(float[][] scores, int output, double[] derivatives)
        {
            var (own, truth) = (scores[0], target.Rows);
            for (var row = 0; row < own.Length; row++)
            {
                double p = 1 / (1 + MathF.Exp(-own[row])), weight = weights?[row] ?? 1;
                derivatives[2 * row] = weight * (p - truth[row]);
                derivatives[(2 * row) + 1] = weight * Math.Max(p * (1 - p), 1e-16);
            }
        }

        public override double Mean(TrainerTarget target, float[][] scores)
        {
            var (truth, sum) = (((ClassTarget)target).Rows, 0.0);
            for (var row = 0; row < truth.Length; row++)
            {
                var margin = truth[row] == 1 ? scores[0][row] : -scores[0][row];
                sum += margin > 0 ? Math.Log(1 + Math.Exp(-margin)) : Math.Log(1 + Math.Exp(margin)) - margin;
            }

            return sum / truth.Length;
        }

        public override Value Decide(Value scores)
        {
            var second = scores.Sigmoid();
            return new[] { (-scores).Sigmoid(), second }.Concat(axis: 1);
        }

        private static double LogOdds(int[] truth, float[]? weights)
        {
            var (ones, all) = (0.0, 0.0);
            for (var row = 0; row < truth.Length; row++)
            {
                var weight = weights?[row] ?? 1;
                ones += truth[row] * weight;
                all += weight;
            }

            var share = Math.Clamp(ones / all, 1e-6, 1 - 1e-6);
            return Math.Log(share / (1 - share));
        }
    }

    private sealed class Softmax : BoostingLoss
    {
        private readonly ClassTarget _target;
        private readonly float[]? _weights;

        public Softmax(ClassTarget target, float[]? weights)
        {
            (_target, _weights) = (target, weights);
            var shares = new double[target.Count];
            for (var row = 0; row < target.Rows.Length; row++)
                shares[target.Rows[row]] += weights?[row] ?? 1;
            Initial = Array.ConvertAll(shares, share => (float)Math.Log(Math.Max(share / shares.Sum(), 1e-6)));
        }

        public override int Width => _target.Count;

        public override float[] Initial { get; }

        public override void Differentiate(float[][] scores, int output, double[] derivatives)
        {
            for (var row = 0; row < _target.Rows.Length; row++)
            {
                double highest = double.NegativeInfinity, sum = 0, weight = _weights?[row] ?? 1;
                foreach (var score in scores)
                    highest = Math.Max(highest, score[row]);
                foreach (var score in scores)
                    sum += Math.Exp(score[row] - highest);
                var p = Math.Exp(scores[output][row] - highest) / sum;
                derivatives[2 * row] = weight * (p - (_target.Rows[row] == output ? 1 : 0));
                derivatives[(2 * row) + 1] = weight * Math.Max(p * (1 - p), 1e-16);
            }
        }

        public override double Mean(TrainerTarget target, float[][] scores)
        {
            var (truth, sum) = (((ClassTarget)target).Rows, 0.0);
            for (var row = 0; row < truth.Length; row++)
            {
                double highest = double.NegativeInfinity, all = 0;
                foreach (var score in scores)
                    highest = Math.Max(highest, score[row]);
                foreach (var score in scores)
                    all += Math.Exp(score[row] - highest);
                sum += Math.Log(all) + highest - scores[truth[row]][row];
            }

            return sum / truth.Length;
        }

        public override Value Decide(Value scores) => scores.Softmax();
    }

    /// <summary>A regression, on the target less its mean and divided by its spread, so that penalties mean the same in any unit.</summary>
    private abstract class OfNumbers : BoostingLoss
    {
        private readonly double _mean;
        private readonly double _scale;

        protected OfNumbers(NumberTarget target, float[]? weights)
        {
            Weights = weights;
            _mean = WeightedMean(target.Rows, value => value);
            var deviation = Math.Sqrt(WeightedMean(target.Rows, value => (value - _mean) * (value - _mean)));
            _scale = deviation > 0 ? deviation : 1;
            Truth = Standardized(target);
        }

        public override int Width => 1;

        protected float[]? Weights { get; }

        protected float[] Truth { get; }

        public override Value Decide(Value scores) => (scores * _scale + _mean).Reshape([scores.Shape[0]]);

        private double WeightedMean(double[] values, Func<double, double> of)
        {
            var (sum, all) = (0.0, 0.0);
            for (var row = 0; row < values.Length; row++)
            {
                sum += of(values[row]) * (Weights?[row] ?? 1);
                all += Weights?[row] ?? 1;
            }

            return sum / all;
        }

        protected float[] Standardized(TrainerTarget target) => Array.ConvertAll(((NumberTarget)target).Rows, value => (float)((value - _mean) / _scale));
    }

    private sealed class Squared(NumberTarget target, float[]? weights) : OfNumbers(target, weights)
    {
        public override float[] Initial { get; } = [0];

        public override void Differentiate(float[][] scores, int output, double[] derivatives)
        {
            var own = scores[0];
            for (var row = 0; row < own.Length; row++)
            {
                double weight = Weights?[row] ?? 1;
                derivatives[2 * row] = weight * (own[row] - Truth[row]);
                derivatives[(2 * row) + 1] = weight;
            }
        }

        public override double Mean(TrainerTarget target, float[][] scores) =>
            Standardized(target).Zip(scores[0], (truth, score) => (double)(truth - score) * (truth - score)).Average();
    }

    /// <summary>Trees follow the sign of the error; their leaves then take the quantile of the errors in them (Friedman 2001).</summary>
    private sealed class Quantile : OfNumbers
    {
        private readonly double _quantile;

        public Quantile(NumberTarget target, float[]? weights, double quantile)
            : base(target, weights)
        {
            if (quantile is not (> 0 and < 1))
                throw new TrainingException("The quantile is out of range", $"A quantile lies between 0 and 1; {quantile} does not.");
            _quantile = quantile;
            Initial = [QuantileOf(Truth, weights)];
        }

        public override float[] Initial { get; }

        public override void Differentiate(float[][] scores, int output, double[] derivatives)
        {
            var own = scores[0];
            for (var row = 0; row < own.Length; row++)
            {
                double weight = Weights?[row] ?? 1;
                derivatives[2 * row] = weight * (Truth[row] > own[row] ? -_quantile : 1 - _quantile);
                derivatives[(2 * row) + 1] = weight;
            }
        }

        public override double Mean(TrainerTarget target, float[][] scores) =>
            Standardized(target).Zip(scores[0], (truth, score) => truth >= score ? _quantile * (truth - score) : (1 - _quantile) * (score - truth)).Average();

        public override float? LeafValue(float[][] scores, ReadOnlySpan<int> rows)
        {
            var errors = new float[rows.Length];
            var weights = Weights is null ? null : new float[rows.Length];
            for (var i = 0; i < rows.Length; i++)
            {
                errors[i] = Truth[rows[i]] - scores[0][rows[i]];
                if (weights is not null)
                    weights[i] = Weights![rows[i]];
            }

            return QuantileOf(errors, weights);
        }

        private float QuantileOf(float[] values, float[]? weights)
        {
            var sorted = (float[])values.Clone();
            var each = weights is null ? null : (float[])weights.Clone();
            if (each is null)
                Array.Sort(sorted);
            else
                Array.Sort(sorted, each);
            if (each is null)
                return sorted[Math.Min(sorted.Length - 1, (int)(_quantile * sorted.Length))];
            double below = 0, enough = _quantile * each.Sum(weight => (double)weight);
            for (var i = 0; i < sorted.Length; i++)
            {
                below += each[i];
                if (below >= enough)
                    return sorted[i];
            }

            return sorted[^1];
        }
    }
}
