using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Protos;
using AIaaS.Learning.Runtime;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Tests;

/// <summary>Runs graphs in the runtime.</summary>
internal sealed class GraphRunner(GraphBuilder graph, int threads = 1) : IDisposable
{
    private readonly InferenceSession _session = Sessions.Create(graph.ToModel(), threads);
    private readonly string[] _inputNames = [.. graph.Inputs.Select(i => i.Name)];

    public void Dispose() => _session.Dispose();

    /// <param name="output">The output to read.</param>
    /// <param name="inputs">Elements and shape of each input, in the graph's order.</param>
    public T[] Run<T>(string output, params ReadOnlySpan<(Array Data, long[] Shape)> inputs)
        where T : unmanaged
    {
        var values = new List<OrtValue>();
        try
        {
            foreach (var (data, shape) in inputs)
                values.Add(ToValue(data, shape));
            using var options = new RunOptions();
            using var results = _session.Run(options, _inputNames, values, [output]);
            return results[0].GetTensorDataAsSpan<T>().ToArray();
        }
        finally
        {
            values.ForEach(v => v.Dispose());
        }
    }

    public static T[] Run<T>(GraphBuilder graph, string output, params ReadOnlySpan<(Array Data, long[] Shape)> inputs)
        where T : unmanaged
    {
        using var runner = new GraphRunner(graph);
        return runner.Run<T>(output, inputs);
    }

    public static IReadOnlyList<object> Run(ModelProto model, IReadOnlyDictionary<string, Array> inputs, params string[] outputs)
    {
        using var session = Sessions.Create(model);
        var values = inputs.Select(i => ToValue(i.Value, [i.Value.Length, 1])).ToArray();
        try
        {
            using var options = new RunOptions();
            using var results = session.Run(options, [.. inputs.Keys], values, outputs);
            return [.. results.Select(Read)];
        }
        finally
        {
            foreach (var value in values)
                value.Dispose();
        }
    }

    private static object Read(OrtValue value) => value.GetTensorTypeAndShape().ElementDataType switch
    {
        TensorElementType.String => value.GetStringTensorAsArray(),
        TensorElementType.Float => value.GetTensorDataAsSpan<float>().ToArray(),
        TensorElementType.Double => value.GetTensorDataAsSpan<double>().ToArray(),
        TensorElementType.Int64 => value.GetTensorDataAsSpan<long>().ToArray(),
        TensorElementType.Bool => value.GetTensorDataAsSpan<bool>().ToArray(),
        var type => throw new NotSupportedException(type.ToString()),
    };

    private static OrtValue ToValue(Array data, long[] shape)
    {
        switch (data)
        {
            case float[] numbers:
                return OrtValue.CreateTensorValueFromMemory(numbers, shape);
            case double[] numbers:
                return OrtValue.CreateTensorValueFromMemory(numbers, shape);
            case string[] texts:
                var value = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, shape);
                for (var i = 0; i < texts.Length; i++)
                    value.StringTensorSetElementAt(texts[i], i);
                return value;
            default:
                throw new NotSupportedException(data.GetType().Name);
        }
    }
}
