using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Runtime;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Training;

/// <param name="Loss">Before the step.</param>
/// <param name="GradientNorm">Largest element of any gradient, before the step; NaN where the step does not measure it.</param>
internal readonly record struct StepResult(float Loss, float GradientNorm)
{
    /// <summary>For progress.</summary>
    public IReadOnlyDictionary<string, JsonElement> Describe() => new Dictionary<string, JsonElement>
    {
        ["loss"] = JsonSerializer.SerializeToElement((double)Loss, JsonDefaults.Options),
        ["gradient"] = JsonSerializer.SerializeToElement((double)GradientNorm, JsonDefaults.Options),
    };
}

/// <summary>
/// Runs a training step again and again. States alternate between two sets of preallocated tensors that stay on the device;
/// nothing is copied but the data that changes.
/// </summary>
internal sealed class TrainingSession : ITrainingState, IDisposable
{
    private readonly IReadOnlyList<StepState> _states;
    private readonly Dictionary<string, int> _stateIndices;
    private readonly InferenceSession _session;
    private readonly RunOptions _runOptions = new();
    private readonly List<OrtValue> _owned = [];
    private readonly Dictionary<string, DataInput> _data;
    private readonly OrtValue[][] _sides;
    private readonly OrtIoBinding[] _bindings;
    private readonly OrtValue _loss;
    private readonly OrtValue? _gradientNorm;
    private readonly StateTransfer? _transfer;
    private int _side;

    /// <param name="step">A finished step.</param>
    /// <param name="data">A tensor for each of its data inputs: elements in row-major order, which may be rewritten between steps, and dimensions.</param>
    /// <param name="threads">Threads within an operator.</param>
    /// <param name="device">What it runs on.</param>
    public TrainingSession(
        TrainingStep step,
        IReadOnlyDictionary<string, (float[] Elements, long[] Dimensions)> data,
        int threads,
        ComputeDevice device = ComputeDevice.Cpu)
    {
        _states = step.States;
        _stateIndices = _states.Index().ToDictionary(s => s.Item.Name, s => s.Index, StringComparer.Ordinal);
        Device = device;
        _session = Sessions.Create(step.Graph.ToModel(), threads, device);
        _transfer = device == ComputeDevice.Cpu ? null : new StateTransfer(_session, _states, device);
        _loss = Allocate([]);
        _gradientNorm = step.MeasuresGradient ? Allocate([]) : null;
        _sides = [AllocateStates(), AllocateStates()];
        _bindings = [_session.CreateIoBinding(), _session.CreateIoBinding()];
        _data = data.ToDictionary(d => d.Key, d => new DataInput(
            d.Key, d.Value.Elements, Own(OrtValue.CreateTensorValueFromMemory(d.Value.Elements, d.Value.Dimensions)), device != ComputeDevice.Cpu));
        for (var side = 0; side < 2; side++)
        {
            for (var i = 0; i < _states.Count; i++)
            {
                _bindings[side].BindInput(_states[i].Name, _sides[side][i]);
                _bindings[side].BindOutput(TrainingStep.NextName(_states[i]), _sides[1 - side][i]);
            }

            _bindings[side].BindOutput(TrainingStep.LossOutput, _loss);
            if (_gradientNorm is not null)
                _bindings[side].BindOutput(TrainingStep.GradientNormOutput, _gradientNorm);
        }

        Reset();
    }

    public ComputeDevice Device { get; }

    /// <summary>The elements of a data input, to be overwritten before the next step.</summary>
    public Span<float> Rewrite(string dataName) => _data[dataName].Rewrite();

    public StepResult Step()
    {
        foreach (var data in _data.Values)
            data.Bind(_bindings[_side], _side);
        _session.RunWithBinding(_runOptions, _bindings[_side]);
        _side = 1 - _side;
        return new(_loss.GetTensorDataAsSpan<float>()[0], _gradientNorm is null ? float.NaN : _gradientNorm.GetTensorDataAsSpan<float>()[0]);
    }

    public float[] Read(string state) =>
        _transfer is null ? _sides[_side][_stateIndices[state]].GetTensorDataAsSpan<float>().ToArray() : ReadAll()[state];

    public Dictionary<string, float[]> ReadAll()
    {
        var elements = _states.Select(s => new float[s.Initial.Length]).ToArray();
        if (_transfer is not null)
            _transfer.Read(_sides[_side], elements);
        else
            foreach (var (i, value) in _sides[_side].Index())
                value.GetTensorDataAsSpan<float>().CopyTo(elements[i]);
        return _states.Zip(elements).ToDictionary(s => s.First.Name, s => s.Second);
    }

    /// <param name="states">Elements of every state.</param>
    public void Write(IReadOnlyDictionary<string, float[]> states)
    {
        var elements = _states.Select(s => states[s.Name]).ToArray();
        if (_transfer is not null)
            _transfer.Write(elements, _sides[_side]);
        else
            foreach (var (i, value) in _sides[_side].Index())
                elements[i].CopyTo(value.GetTensorMutableDataAsSpan<float>());
    }

    /// <summary>Puts every state back to where it began.</summary>
    public void Reset() => Write(_states.ToDictionary(s => s.Name, s => s.Initial));

    /// <summary>Gives another session's binding the present states, by their names, without copying them.</summary>
    public void BindStates(OrtIoBinding binding, IEnumerable<string> names)
    {
        foreach (var name in names)
            binding.BindInput(name, _sides[_side][_stateIndices[name]]);
    }

    public void Dispose()
    {
        foreach (var binding in _bindings)
            binding.Dispose();
        _owned.ForEach(v => v.Dispose());
        _transfer?.Dispose();
        _session.Dispose();
        _runOptions.Dispose();
    }

    private OrtValue[] AllocateStates() =>
        [.. _states.Select(s => _transfer is null ? Allocate(s.Dimensions) : Own(_transfer.Allocate(s.Dimensions)))];

    private OrtValue Allocate(long[] dimensions) =>
        Own(OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, TensorElementType.Float, dimensions));

    private OrtValue Own(OrtValue value)
    {
        _owned.Add(value);
        return value;
    }

    /// <summary>A data input in pinned memory. A device gets a copy as it is bound: anew for each side after the elements have changed.</summary>
    private sealed class DataInput(string name, float[] elements, OrtValue value, bool copies)
    {
        private readonly long[] _bound = [-1, -1];
        private long _version;

        public Span<float> Rewrite()
        {
            if (copies)
                _version++;
            return elements;
        }

        public void Bind(OrtIoBinding binding, int side)
        {
            if (_bound[side] == _version)
                return;
            binding.BindInput(name, value);
            _bound[side] = _version;
        }
    }

    /// <summary>Moves states between memory and a device: as a graph of identities, for which the runtime copies inputs and outputs.</summary>
    private sealed class StateTransfer : IDisposable
    {
        private readonly IReadOnlyList<StepState> _states;
        private readonly InferenceSession _copy;
        private readonly OrtMemoryInfo _memory = new(OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.DeviceAllocator, 0, OrtMemType.Default);
        private readonly OrtAllocator _allocator;
        private readonly RunOptions _options = new();

        public StateTransfer(InferenceSession session, IReadOnlyList<StepState> states, ComputeDevice device)
        {
            _states = states;
            _allocator = new OrtAllocator(session, _memory);
            var graph = new GraphBuilder("transfer");
            foreach (var state in states)
                graph.Output(TrainingStep.NextName(state), graph.Input(state.Name, TensorElementType.Float, state.Current.Shape));
            _copy = Sessions.Create(graph.ToModel(), device: device);
        }

        public OrtValue Allocate(long[] dimensions) => OrtValue.CreateAllocatedTensorValue(_allocator, TensorElementType.Float, dimensions);

        public void Read(OrtValue[] values, float[][] elements) => InMemory(elements, memory => Copy(values, memory));

        public void Write(float[][] elements, OrtValue[] values) => InMemory(elements, memory => Copy(memory, values));

        public void Dispose()
        {
            _copy.Dispose();
            _options.Dispose();
            _allocator.Dispose();
            _memory.Dispose();
        }

        private void Copy(OrtValue[] from, OrtValue[] to)
        {
            using var binding = _copy.CreateIoBinding();
            foreach (var (i, state) in _states.Index())
            {
                binding.BindInput(state.Name, from[i]);
                binding.BindOutput(TrainingStep.NextName(state), to[i]);
            }

            _copy.RunWithBinding(_options, binding);
        }

        private void InMemory(float[][] elements, Action<OrtValue[]> use)
        {
            OrtValue[] memory = [.. elements.Zip(_states, (e, s) => OrtValue.CreateTensorValueFromMemory(e, s.Dimensions))];
            try
            {
                use(memory);
            }
            finally
            {
                foreach (var value in memory)
                    value.Dispose();
            }
        }
    }
}
