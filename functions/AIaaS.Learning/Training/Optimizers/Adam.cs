using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Training.Optimizers;

/// <summary>
/// Adam (Kingma and Ba 2015), and with <see cref="WeightDecay"/> AdamW (Loshchilov and Hutter 2019), as PyTorch's <c>Adam</c> and
/// <c>AdamW</c> compute it.
/// </summary>
/// <remarks>
/// The states are the moments divided by <c>1 - beta</c>: the two factors join the bias corrections, which are scalars, and two
/// passes over the weights are saved.
/// </remarks>
internal sealed class Adam : IOptimizer
{
    /// <summary>Share of the mean gradient that is kept.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Share of the mean of squares that is kept.</summary>
    public double Beta2 { get; init; } = 0.999;

    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Share by which a weight shrinks in each step, times the rate; apart from the gradient, unlike an L2 penalty.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Which parameters shrink.</summary>
    public Func<StepState, bool> Decays { get; init; } = _ => true;

    public void Build(TrainingStep step, IReadOnlyList<StepState> parameters, IReadOnlyList<Value> gradients)
    {
        var count = step.State("adam_steps", [0f], []);
        count.Next = count.Current + 1;

        // 1 - 0.999 has three digits left in single precision.
        var steps = count.Next.Cast(TensorElementType.Double);
        var (first, second) = (Bias(steps, Beta1), Bias(steps, Beta2));
        var (rootOfSecond, scaledEpsilon) = (second.Sqrt(), second.Sqrt() * Epsilon);
        var rate = (step.LearningRate.Cast(TensorElementType.Double) * rootOfSecond / first).Cast(TensorElementType.Float);
        var epsilon = scaledEpsilon.Cast(TensorElementType.Float);
        var shrinks = WeightDecay == 0 ? null : -(step.LearningRate * WeightDecay) + 1;

        foreach (var (parameter, gradient) in parameters.Zip(gradients))
        {
            var mean = step.Companion(parameter, "mean");
            var squares = step.Companion(parameter, "squares");
            mean.Next = mean.Current * Beta1 + gradient;
            squares.Next = squares.Current * Beta2 + gradient * gradient;
            var kept = shrinks is not null && Decays(parameter) ? parameter.Current * shrinks : parameter.Current;
            parameter.Next = kept - mean.Next / (squares.Next.Sqrt() + epsilon) * rate;
        }
    }

    /// <summary>What a mean that began with 0 lacks, over the <c>1 - beta</c> that its state lacks.</summary>
    private static Value Bias(Value steps, double beta) => (-steps.Scalar(beta).Pow(steps) + 1) / (1 - beta);
}
