using System.Runtime.InteropServices;
using AIaaS.Learning.Onnx.Protos;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Onnx;

/// <summary>Between arrays and ONNX tensors.</summary>
internal static class Tensors
{
    /// <param name="data">An array of float, double, int, long, bool, byte or string, in row-major order.</param>
    public static TensorProto Create(string name, Array data, ReadOnlySpan<long> dimensions)
    {
        var proto = new TensorProto { Name = name, DataType = (int)TypeOf(data) };
        long elements = 1;
        foreach (var dimension in dimensions)
        {
            proto.Dims.Add(dimension);
            elements *= dimension;
        }

        if (elements != data.Length)
            throw new ArgumentException($"Tensor '{name}' has {data.Length} elements and dimensions for {elements}.", nameof(dimensions));

        // Raw data is little-endian by definition, and so is every platform that the runtime is built for.
        if (data is string[] texts)
            proto.StringData.AddRange(texts.Select(ByteString.CopyFromUtf8));
        else
            proto.RawData = ByteString.CopyFrom(MemoryMarshal.CreateReadOnlySpan(
                ref MemoryMarshal.GetArrayDataReference(data), Buffer.ByteLength(data)));
        return proto;
    }

    public static T[] Read<T>(TensorProto tensor)
        where T : unmanaged =>
        MemoryMarshal.Cast<byte, T>(tensor.RawData.Span).ToArray();

    public static TensorElementType TypeOf(Array data) => data switch
    {
        float[] => TensorElementType.Float,
        double[] => TensorElementType.Double,
        int[] => TensorElementType.Int32,
        long[] => TensorElementType.Int64,
        bool[] => TensorElementType.Bool,
        byte[] => TensorElementType.UInt8,
        string[] => TensorElementType.String,
        _ => throw new ArgumentException($"No tensor type for {data.GetType().Name}.", nameof(data)),
    };
}
