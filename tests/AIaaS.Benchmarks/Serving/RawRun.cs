using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Benchmarks.Serving;

/// <summary>A run of one row by ONNX Runtime and nothing else: its inputs are bound once. Not for two threads at a time.</summary>
internal sealed class RawRun : IDisposable
{
    private readonly InferenceSession _session;
    private readonly OrtIoBinding _binding;
    private readonly RunOptions _options = new();
    private readonly List<OrtValue> _inputs = [];

    public RawRun(InferenceSession session)
    {
        _session = session;
        _binding = session.CreateIoBinding();
        foreach (var name in session.InputNames)
        {
            // Held, since the binding goes on reading its memory.
            _inputs.Add(OrtValue.CreateTensorValueFromMemory(new float[1], [1, 1]));
            _binding.BindInput(name, _inputs[^1]);
        }

        foreach (var name in session.OutputNames)
            _binding.BindOutputToDevice(name, OrtMemoryInfo.DefaultInstance);
    }

    public static InferenceSession CreateSession(string model) =>
        new(ServingModels.Read(model).File, new SessionOptions { IntraOpNumThreads = 1, EnableMemoryPattern = false });

    public void Run() => _session.RunWithBinding(_options, _binding);

    public void Dispose()
    {
        _binding.Dispose();
        _inputs.ForEach(input => input.Dispose());
        _options.Dispose();
    }
}
