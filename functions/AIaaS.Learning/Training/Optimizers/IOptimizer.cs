using AIaaS.Learning.Onnx;

namespace AIaaS.Learning.Training.Optimizers;

/// <summary>How gradients change weights, as operators of the step's graph. Another optimizer is another implementation.</summary>
internal interface IOptimizer
{
    /// <summary>
    /// Sets <see cref="StepState.Next"/> of each parameter, and of the states it adds for itself. The rate is the step's
    /// <see cref="TrainingStep.LearningRate"/>, which whoever runs the step gives anew each time.
    /// </summary>
    void Build(TrainingStep step, IReadOnlyList<StepState> parameters, IReadOnlyList<Value> gradients);
}
