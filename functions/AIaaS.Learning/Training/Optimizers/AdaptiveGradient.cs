using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Training.Optimizers;

/// <summary>
/// Gives each weight a rate of its own by the squares of its past gradients: their sum (AdaGrad, Duchi et al. 2011), or a mean
/// that forgets (RMSprop, Hinton 2012), as PyTorch's <c>Adagrad</c> and <c>RMSprop</c> compute it.
/// </summary>
internal sealed class AdaptiveGradient : IOptimizer
{
    /// <summary>Share of the mean of squares that is kept; null sums them up.</summary>
    public double? Decay { get; init; }

    /// <summary>Keeps weights with small gradients from moving without bound.</summary>
    public double Epsilon { get; init; } = 1e-8;

    public void Build(TrainingStep step, IReadOnlyList<StepState> parameters, IReadOnlyList<Value> gradients)
    {
        foreach (var (parameter, gradient) in parameters.Zip(gradients))
        {
            var squares = step.Companion(parameter, "squares");
            squares.Next = Decay is { } decay
                ? squares.Current * decay + gradient * gradient * (1 - decay)
                : squares.Current + gradient * gradient;
            parameter.Next = parameter.Current - gradient / (squares.Next.Sqrt() + Epsilon) * step.LearningRate;
        }
    }
}
