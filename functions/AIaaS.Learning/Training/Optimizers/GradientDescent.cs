using AIaaS.Learning.Onnx;

namespace AIaaS.Learning.Training.Optimizers;

/// <summary>Stochastic gradient descent, plain or with momentum, as PyTorch's <c>SGD</c> computes it.</summary>
internal sealed class GradientDescent : IOptimizer
{
    /// <summary>Share of the last move that is kept; 0 for none.</summary>
    public double Momentum { get; init; }

    /// <summary>Looks ahead along the momentum (Nesterov 1983, in the form of Sutskever et al. 2013).</summary>
    public bool Nesterov { get; init; }

    public void Build(TrainingStep step, IReadOnlyList<StepState> parameters, IReadOnlyList<Value> gradients)
    {
        foreach (var (parameter, gradient) in parameters.Zip(gradients))
            parameter.Next = parameter.Current - Direction(step, parameter, gradient) * step.LearningRate;
    }

    private Value Direction(TrainingStep step, StepState parameter, Value gradient)
    {
        if (Momentum == 0)
            return gradient;

        var velocity = step.Companion(parameter, "velocity");
        velocity.Next = velocity.Current * Momentum + gradient;
        return Nesterov ? velocity.Next * Momentum + gradient : velocity.Next;
    }
}
