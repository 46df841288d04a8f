using AIaaS.Learning.Differentiation;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Training.Optimizers;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Training;

/// <summary>What a step carries to the next: a weight, or something of the optimizer.</summary>
/// <param name="Name">Unique in the step.</param>
/// <param name="Initial">Elements before the first step.</param>
/// <param name="Current">The graph input.</param>
internal sealed record StepState(string Name, float[] Initial, Value Current)
{
    /// <summary>What <see cref="Current"/> becomes after the step.</summary>
    public Value? Next { get; set; }

    public long[] Dimensions => [.. Current.Shape.Select(d => d.Size!.Value)];
}

/// <summary>Builds one training step as one graph: forward, loss, backward and optimizer; states in, states out.</summary>
/// <remarks>No random operators: their state could not be checkpointed. What is random comes in as data.</remarks>
internal sealed class TrainingStep(string name)
{
    public const string LossOutput = "loss";
    public const string GradientNormOutput = "gradient_norm";
    public const string LearningRateInput = "learning_rate";

    private readonly List<StepState> _states = [];
    private readonly List<StepState> _parameters = [];
    private Value? _learningRate;

    public GraphBuilder Graph { get; } = new(name);

    public IReadOnlyList<StepState> States => _states;

    /// <summary>Whether each step tells the largest element of its gradients, which takes a pass over all of them.</summary>
    public bool MeasuresGradient { get; init; } = true;

    /// <summary>What is left to go downhill, of which each step tells the largest element; the gradients where an optimizer says nothing else.</summary>
    public IReadOnlyList<Value>? Slopes { get; set; }

    /// <summary>How far to go; a scalar that every step is given, so that no schedule is part of the graph.</summary>
    public Value LearningRate => _learningRate ??= Data(LearningRateInput, Shape.Scalar);

    /// <summary>A tensor that is given to every step.</summary>
    public Value Data(string dataName, Shape shape) => Graph.Input(dataName, TensorElementType.Float, shape);

    /// <summary>A weight to learn.</summary>
    public Value Parameter(string parameterName, float[] initial, params ReadOnlySpan<long> dimensions)
    {
        var state = State(parameterName, initial, dimensions);
        _parameters.Add(state);
        return state.Current;
    }

    /// <summary>A state of the optimizer; it must set <see cref="StepState.Next"/>.</summary>
    public StepState State(string stateName, float[] initial, params ReadOnlySpan<long> dimensions)
    {
        var shape = Shape.Of(dimensions.ToArray().Select(d => (Dimension)d));
        if (shape.Elements != initial.Length)
            throw new ArgumentException($"State '{stateName}' of shape {shape} cannot start with {initial.Length} elements.", nameof(initial));
        var state = new StepState(stateName, initial, Graph.Input(stateName, TensorElementType.Float, shape));
        _states.Add(state);
        return state;
    }

    /// <summary>A state of the optimizer beside a parameter: of its shape, and 0 at first.</summary>
    public StepState Companion(StepState parameter, string role) =>
        State($"{parameter.Name}_{role}", new float[parameter.Initial.Length], parameter.Dimensions);

    /// <summary>Adds backward pass and optimizer, and ends the graph.</summary>
    public void Minimize(Value loss, IOptimizer optimizer)
    {
        var gradients = Gradients.Of(loss, [.. _parameters.Select(p => p.Current)]);
        optimizer.Build(this, [.. _parameters], gradients);
        foreach (var state in _states)
            Graph.Output(NextName(state), state.Next ?? throw new InvalidOperationException($"No optimizer gave the next '{state.Name}'."));
        Graph.Output(LossOutput, loss);
        if (MeasuresGradient)
            Graph.Output(GradientNormOutput, (Slopes ?? gradients).Select(g => g.Abs().ReduceMax()).Aggregate((a, b) => a.Max(b)));
    }

    public static string NextName(StepState state) => "next_" + state.Name;
}
