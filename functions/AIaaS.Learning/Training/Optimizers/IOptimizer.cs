using AIaaS.Learning.Onnx;

namespace AIaaS.Learning.Training.Optimizers;

/// <summary>How gradients change weights, as operators of the step's graph. Another optimizer is another implementation.</summary>
internal interface IOptimizer
{
    /// <summary>Sets <see cref="StepState.Next"/> of each parameter, and of the states it adds for itself.</summary>
    void Build(TrainingStep step, IReadOnlyList<StepState> parameters, IReadOnlyList<Value> gradients);
}
