using AIaaS.Learning.Onnx;
using AIaaS.Learning.Runtime;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Learning.Training;

/// <summary>Runs a forward graph over rows with the present states of a training, on its device and without copying them.</summary>
internal sealed class StateEvaluation : IDisposable
{
    /// <summary>Rows at a time: enough to keep the device busy, few enough that their activations fit anywhere.</summary>
    private const int ChunkRows = 4096;

    private readonly TrainingSession _training;
    private readonly string[] _states;
    private readonly string _input;
    private readonly string _output;
    private readonly int _width;
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();

    /// <param name="training">Has the states.</param>
    /// <param name="graph">One output of shape [rows, width], one input of rows, and states of the training as its other inputs.</param>
    /// <param name="input">The input of rows.</param>
    /// <param name="threads">Threads within an operator.</param>
    public StateEvaluation(TrainingSession training, GraphBuilder graph, string input, int threads)
    {
        _training = training;
        _input = input;
        _states = [.. graph.Inputs.Select(i => i.Name).Where(name => name != input)];
        _output = graph.Outputs[0].Name;
        _width = (int)graph.Outputs[0].Shape.SizeOf(1);
        _session = Sessions.Create(graph.ToModel(), threads, training.Device);
    }

    /// <param name="features">Row after row.</param>
    /// <param name="rows">How many.</param>
    /// <returns>The output, row after row.</returns>
    public float[] Run(float[] features, int rows)
    {
        var results = new float[(long)rows * _width];
        var width = features.Length / rows;
        using var binding = _session.CreateIoBinding();
        _training.BindStates(binding, _states);
        for (var from = 0; from < rows; from += ChunkRows)
        {
            var count = Math.Min(ChunkRows, rows - from);
            using var input = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, features.AsMemory(from * width, count * width), [count, width]);
            using var output = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, results.AsMemory(from * _width, count * _width), [count, _width]);
            binding.BindInput(_input, input);
            binding.BindOutput(_output, output);
            _session.RunWithBinding(_options, binding);
        }

        return results;
    }

    public void Dispose()
    {
        _session.Dispose();
        _options.Dispose();
    }
}
