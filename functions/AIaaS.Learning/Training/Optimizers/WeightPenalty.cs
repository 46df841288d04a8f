using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Training.Optimizers;

/// <summary>
/// Adds the gradient of <c>L1 · |w| + L2 / 2 · w²</c> before another optimizer uses it; the L2 part is what PyTorch's optimizers
/// other than <c>AdamW</c> call <c>weight_decay</c>.
/// </summary>
/// <param name="optimizer">Gets the gradients with the penalties.</param>
internal sealed class WeightPenalty(IOptimizer optimizer) : IOptimizer
{
    public double L1 { get; init; }

    public double L2 { get; init; }

    /// <summary>Which parameters are penalized.</summary>
    public Func<StepState, bool> Penalizes { get; init; } = _ => true;

    public void Build(TrainingStep step, IReadOnlyList<StepState> parameters, IReadOnlyList<Value> gradients) =>
        optimizer.Build(step, parameters, [.. parameters.Zip(gradients, (p, g) => Penalizes(p) ? Add(p.Current, g) : g)]);

    private Value Add(Value weight, Value gradient)
    {
        if (L2 != 0)
            gradient += weight * L2;
        if (L1 != 0)
            gradient += weight.Sign() * L1;
        return gradient;
    }
}
