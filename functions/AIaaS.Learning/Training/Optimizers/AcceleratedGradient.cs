using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Training.Optimizers;

/// <summary>
/// Nesterov's accelerated gradient for a smooth convex loss over the whole data (FISTA, Beck and Teboulle 2009), which
/// drops its momentum whenever that points uphill (gradient scheme of O'Donoghue and Candès 2015): linear convergence
/// without knowing how strongly convex the loss is.
/// </summary>
/// <param name="stepSize">At most 1/L, where L bounds the loss's curvature.</param>
internal sealed class AcceleratedGradient(double stepSize) : IOptimizer
{
    public void Build(TrainingStep step, IReadOnlyList<StepState> parameters, IReadOnlyList<Value> gradients)
    {
        // A parameter's own state is the point at which the gradient is taken; the iterate before it is a state beside it.
        var moves = parameters.Zip(gradients, (parameter, gradient) =>
        {
            var before = step.State(parameter.Name + "_before", parameter.Initial, parameter.Dimensions);
            var moved = parameter.Current - gradient * stepSize;
            before.Next = moved;
            return (Parameter: parameter, Gradient: gradient, Moved: moved, Momentum: moved - before.Current);
        }).ToArray();

        var age = step.State("age", [1f], 1);
        var uphill = moves
            .Select(m => (m.Gradient * m.Momentum).ReduceSum())
            .Aggregate((a, b) => a + b)
            .Greater(step.Graph.Scalar(0, age.Current.Type));
        var older = ((age.Current * age.Current * 4 + 1).Sqrt() + 1) * 0.5;
        var share = uphill.Where(age.Current.Scalar(0), (age.Current - 1) / older);
        age.Next = uphill.Where(age.Current.Scalar(1), older);
        foreach (var move in moves)
            move.Parameter.Next = move.Moved + share * move.Momentum;
    }
}
