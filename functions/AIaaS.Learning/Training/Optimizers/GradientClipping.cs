using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Training.Optimizers;

/// <summary>Bounds gradients before another optimizer uses them, as PyTorch's <c>clip_grad_value_</c> and <c>clip_grad_norm_</c> do.</summary>
/// <param name="optimizer">Gets the bounded gradients.</param>
internal sealed class GradientClipping(IOptimizer optimizer) : IOptimizer
{
    private const double Epsilon = 1e-6;

    /// <summary>Bound of each element; null for none.</summary>
    public double? Value { get; init; }

    /// <summary>Bound of the Euclidean norm of all gradients together; null for none.</summary>
    public double? Norm { get; init; }

    public void Build(TrainingStep step, IReadOnlyList<StepState> parameters, IReadOnlyList<Value> gradients)
    {
        if (Value is { } bound)
            gradients = [.. gradients.Select(g => g.Clip(-bound, bound))];
        if (Norm is { } norm)
        {
            var length = gradients.Select(g => (g * g).ReduceSum()).Aggregate((a, b) => a + b).Sqrt();
            var share = (length.Scalar(norm) / (length + Epsilon)).Clip(0, 1);
            gradients = [.. gradients.Select(g => g * share)];
        }

        optimizer.Build(step, parameters, gradients);
    }
}
