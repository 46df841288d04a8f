using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Training.Optimizers;

/// <summary>
/// Nesterov's accelerated gradient for a smooth convex loss over the whole data, and an L1 penalty beside it (FISTA, Beck and Teboulle
/// 2009), which drops its momentum whenever that points uphill (gradient scheme of O'Donoghue and Candès 2015): linear convergence
/// without knowing how strongly convex the loss is.
/// </summary>
/// <param name="stepSize">At most 1/L, where L bounds the loss's curvature.</param>
internal sealed class AcceleratedGradient(double stepSize) : IOptimizer
{
    /// <summary>Strength of the penalty <c>L1 · |w|</c>, which is no part of the loss: what is worth less becomes exactly 0.</summary>
    public double L1 { get; init; }

    /// <summary>Which parameters it is for.</summary>
    public Func<StepState, bool> Penalizes { get; init; } = _ => true;

    /// <summary>The state in which a parameter's best value is. Its own is the point at which the next gradient is taken, ahead of it.</summary>
    public static string IterateOf(string parameter) => parameter + "_before";

    public void Build(TrainingStep step, IReadOnlyList<StepState> parameters, IReadOnlyList<Value> gradients)
    {
        var moves = parameters.Zip(gradients, (parameter, gradient) =>
        {
            var before = step.State(IterateOf(parameter.Name), parameter.Initial, parameter.Dimensions);
            var (moved, slope) = Move(parameter, gradient);
            before.Next = moved;
            return (Parameter: parameter, Slope: slope, Moved: moved, Momentum: moved - before.Current);
        }).ToArray();

        var age = step.State("age", [1f], 1);
        var uphill = moves
            .Select(m => (m.Slope * m.Momentum).ReduceSum())
            .Aggregate((a, b) => a + b)
            .Greater(step.Graph.Scalar(0, age.Current.Type));
        var older = ((age.Current * age.Current * 4 + 1).Sqrt() + 1) * 0.5;
        var share = uphill.Where(age.Current.Scalar(0), (age.Current - 1) / older);
        age.Next = uphill.Where(age.Current.Scalar(1), older);
        foreach (var move in moves)
            move.Parameter.Next = move.Moved + share * move.Momentum;
        step.Slopes = [.. moves.Select(m => m.Slope)];
    }

    /// <summary>A step downhill, and how steep it was there: 0 at the optimum.</summary>
    private (Value Moved, Value Slope) Move(StepState parameter, Value gradient)
    {
        var moved = parameter.Current - gradient * stepSize;
        if (L1 == 0 || !Penalizes(parameter))
            return (moved, gradient);

        // The way the penalty goes back, over the step size: not taken from the difference of the points, in which little of it is left.
        var pull = (parameter.Current * (1 / stepSize) - gradient).Clip(-L1, L1);
        return (moved - moved.Clip(-L1 * stepSize, L1 * stepSize), gradient + pull);
    }
}
