using AIaaS.Learning.Runtime;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Training;

/// <param name="Loss">Before the step.</param>
/// <param name="GradientNorm">Largest element of any gradient, before the step.</param>
internal readonly record struct StepResult(float Loss, float GradientNorm);

/// <summary>Runs a training step again and again. States alternate between two sets of preallocated tensors; nothing is copied.</summary>
internal sealed class TrainingSession : IDisposable
{
    private readonly IReadOnlyList<StepState> _states;
    private readonly InferenceSession _session;
    private readonly RunOptions _runOptions = new();
    private readonly List<OrtValue> _owned = [];
    private readonly OrtValue[][] _sides;
    private readonly OrtIoBinding[] _bindings;
    private readonly OrtValue _loss;
    private readonly OrtValue _gradientNorm;
    private int _side;

    /// <param name="step">A finished step.</param>
    /// <param name="data">A tensor for each of its data inputs: elements in row-major order and dimensions.</param>
    /// <param name="threads">Threads within an operator.</param>
    public TrainingSession(TrainingStep step, IReadOnlyDictionary<string, (float[] Elements, long[] Dimensions)> data, int threads)
    {
        _states = step.States;
        _session = Sessions.Create(step.Graph.ToModel(), threads);
        _loss = Allocate([]);
        _gradientNorm = Allocate([]);
        _sides = [AllocateStates(), AllocateStates()];
        _bindings = [_session.CreateIoBinding(), _session.CreateIoBinding()];
        var dataValues = data.ToDictionary(d => d.Key, d => Own(OrtValue.CreateTensorValueFromMemory(d.Value.Elements, d.Value.Dimensions)));
        for (var side = 0; side < 2; side++)
        {
            foreach (var (name, value) in dataValues)
                _bindings[side].BindInput(name, value);
            for (var i = 0; i < _states.Count; i++)
            {
                _bindings[side].BindInput(_states[i].Name, _sides[side][i]);
                _bindings[side].BindOutput(TrainingStep.NextName(_states[i]), _sides[1 - side][i]);
            }

            _bindings[side].BindOutput(TrainingStep.LossOutput, _loss);
            _bindings[side].BindOutput(TrainingStep.GradientNormOutput, _gradientNorm);
        }

        foreach (var state in _states)
            Write(state.Name, state.Initial);
    }

    public StepResult Step()
    {
        _session.RunWithBinding(_runOptions, _bindings[_side]);
        _side = 1 - _side;
        return new(_loss.GetTensorDataAsSpan<float>()[0], _gradientNorm.GetTensorDataAsSpan<float>()[0]);
    }

    public float[] Read(string state) => Find(state).GetTensorDataAsSpan<float>().ToArray();

    public void Write(string state, ReadOnlySpan<float> elements) => elements.CopyTo(Find(state).GetTensorMutableDataAsSpan<float>());

    public Dictionary<string, float[]> ReadAll() => _states.ToDictionary(s => s.Name, s => Read(s.Name));

    public void Dispose()
    {
        foreach (var binding in _bindings)
            binding.Dispose();
        _session.Dispose();
        _runOptions.Dispose();
        _owned.ForEach(v => v.Dispose());
    }

    private OrtValue Find(string state) =>
        _sides[_side][_states.Index().First(s => s.Item.Name == state).Index];

    private OrtValue[] AllocateStates() => [.. _states.Select(s => Allocate([.. s.Current.Shape.Select(d => d.Size!.Value)]))];

    private OrtValue Allocate(long[] dimensions) =>
        Own(OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, TensorElementType.Float, dimensions));

    private OrtValue Own(OrtValue value)
    {
        _owned.Add(value);
        return value;
    }
}
