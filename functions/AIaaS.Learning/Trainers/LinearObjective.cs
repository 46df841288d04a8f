using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Trainers;

/// <summary>What a linear model's scores are to be like.</summary>
internal sealed record LinearObjective
{
    /// <summary>Scores a row.</summary>
    public required int Width { get; init; }

    /// <summary>Row after row of <see cref="TargetWidth"/> numbers.</summary>
    public required float[] Targets { get; init; }

    public required int TargetWidth { get; init; }

    /// <summary>Bounds the second derivative of a row's loss by its scores.</summary>
    public required double Curvature { get; init; }

    /// <summary>From scores and targets to a convex loss of shape [rows].</summary>
    public required Func<Value, Value, Value> Losses { get; init; }

    /// <summary>A number that the loss depends on beside its targets; part of what tells a checkpoint's training.</summary>
    public double Setting { get; init; }

    /// <summary>Logistic loss of two classes with one score, of more with a score for each (multinomial).</summary>
    public static LinearObjective Likelihood(ClassTarget target) => new()
    {
        Width = target.Count == 2 ? 1 : target.Count,
        Targets = Spread(target, Enumerable.Range(0, target.Count), off: 0),
        TargetWidth = target.Count,
        // A quarter is the steepest slope of a sigmoid; 1/2 is Böhning's bound for any number of classes (1992).
        Curvature = target.Count == 2 ? 0.25 : 0.5,
        Losses = (scores, targets) =>
        {
            var each = target.Count == 2 ? scores * scores.Graph.Constant("second", new float[] { 0, 1 }, 1, 2) : scores;
            return -(targets * each.LogSoftmax()).ReduceSum([1]);
        },
    };

    /// <summary>Half the square of what a score lacks of its standardized target.</summary>
    public static LinearObjective Squares(NumberTarget target, TargetScale scale) => new()
    {
        Width = 1,
        Targets = scale.Standardize(target.Rows),
        TargetWidth = 1,
        Curvature = 1,
        Losses = (scores, targets) =>
        {
            var error = (scores - targets).Reshape([scores.Shape[0]]);
            return error * error * 0.5;
        },
    };

    /// <summary>The square of what a score lacks of a margin of 1 to the other side, each class against the rest (squared hinge).</summary>
    public static LinearObjective Margins(ClassTarget target)
    {
        var classes = target.Count == 2 ? [1] : Enumerable.Range(0, target.Count).ToArray();
        return new()
        {
            Width = classes.Length,
            Targets = Spread(target, classes, off: -1),
            TargetWidth = classes.Length,
            Curvature = 2,
            Losses = (scores, targets) =>
            {
                var lacking = (-(scores * targets) + 1).Relu();
                return (lacking * lacking).ReduceSum([1]);
            },
        };
    }

    /// <summary>The square of what an error is above a width that is for free, in standard deviations of the target (epsilon-insensitive).</summary>
    public static LinearObjective Tube(NumberTarget target, TargetScale scale, double epsilon) => new()
    {
        Width = 1,
        Targets = scale.Standardize(target.Rows),
        TargetWidth = 1,
        Curvature = 2,
        Losses = (scores, targets) =>
        {
            var error = (scores - targets).Reshape([scores.Shape[0]]);
            var (above, below) = ((error - epsilon).Relu(), (-error - epsilon).Relu());
            return above * above + below * below;
        },
        Setting = epsilon,
    };

    private static float[] Spread(ClassTarget target, IEnumerable<int> classes, float off)
    {
        int[] columns = [.. classes];
        var spread = new float[(long)target.Rows.Length * columns.Length];
        for (var row = 0; row < target.Rows.Length; row++)
        {
            for (var column = 0; column < columns.Length; column++)
                spread[(row * columns.Length) + column] = target.Rows[row] == columns[column] ? 1 : off;
        }

        return spread;
    }
}

/// <summary>Where a numeric target lies: a linear model learns what is above the mean, in standard deviations.</summary>
internal readonly record struct TargetScale(double Mean, double Deviation)
{
    /// <param name="target">The rows.</param>
    /// <param name="weights">How much each counts; null where all count the same.</param>
    public static TargetScale Of(NumberTarget target, float[]? weights)
    {
        double total = 0, sum = 0, squares = 0;
        for (var row = 0; row < target.Rows.Length; row++)
        {
            total += weights?[row] ?? 1;
            sum += (weights?[row] ?? 1) * target.Rows[row];
        }

        var mean = sum / total;
        for (var row = 0; row < target.Rows.Length; row++)
            squares += (weights?[row] ?? 1) * (target.Rows[row] - mean) * (target.Rows[row] - mean);
        var deviation = Math.Sqrt(squares / total);
        return new(mean, deviation > 0 ? deviation : 1);
    }

    public float[] Standardize(double[] values)
    {
        var (mean, deviation) = this;
        return Array.ConvertAll(values, value => (float)((value - mean) / deviation));
    }

    /// <summary>From scores [rows, 1] to values [rows] in the target's own units.</summary>
    public Value Restore(Value scores) => (scores * Deviation + Mean).Reshape([scores.Shape[0]]);
}
