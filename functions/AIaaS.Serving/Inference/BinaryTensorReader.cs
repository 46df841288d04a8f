using System.Buffers;
using System.Buffers.Binary;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Inference;

/// <summary>Reads tensors of the binary tensor data extension: little-endian, row by row, texts each after its length.</summary>
internal static class BinaryTensorReader
{
    private const int LengthBytes = sizeof(uint);

    /// <param name="data">The tensor's own bytes.</param>
    /// <param name="tensor">The input.</param>
    /// <param name="target">Memory of exactly as many bytes.</param>
    public static void Read(in ReadOnlySequence<byte> data, TensorPlan tensor, Span<byte> target)
    {
        data.CopyTo(target);
        // Anything else in a bool is undefined to the code that works on it.
        if (tensor.Datatype == Datatype.Bool && target.IndexOfAnyExceptInRange((byte)0, (byte)1) is >= 0 and var wrong)
            throw new InferenceRequestException($"Element {wrong} of the input '{tensor.Name}' is {target[wrong]}; a BOOL is a byte of 0 or 1.");
    }

    /// <inheritdoc cref="Read"/>
    public static void ReadTexts(in ReadOnlySequence<byte> data, TensorPlan tensor, OrtValue target, int count, InferenceWorkspace workspace)
    {
        var bytes = data.FirstSpan;
        if (!data.IsSingleSegment)
        {
            var whole = workspace.Scratch(checked((int)data.Length));
            data.CopyTo(whole);
            bytes = whole;
        }

        for (var i = 0; i < count; i++)
        {
            if (bytes.Length < LengthBytes)
                throw new InferenceRequestException($"The binary data of the input '{tensor.Name}' ends before element {i} of {count}. Each begins with its length as a 32-bit unsigned integer.");
            var length = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
            bytes = bytes[LengthBytes..];
            if (length > bytes.Length)
                throw new InferenceRequestException($"Element {i} of the input '{tensor.Name}' has a length of {length} bytes, and {bytes.Length} are left of its binary data.");
            target.StringTensorSetElementAt(bytes[..(int)length], i);
            bytes = bytes[(int)length..];
        }

        if (bytes.Length > 0)
            throw new InferenceRequestException($"The binary data of the input '{tensor.Name}' has {bytes.Length} bytes more than its {count} elements.");
    }
}
