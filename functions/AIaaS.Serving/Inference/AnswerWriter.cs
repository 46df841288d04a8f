using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Unicode;
using AIaaS.Serving.Predictions;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Inference;

/// <summary>Binary data of one output.</summary>
/// <param name="Elements">The tensor, where its elements are of a fixed size.</param>
/// <param name="First">Else where its texts begin among the workspace's binary texts.</param>
/// <param name="Length">Bytes.</param>
internal readonly record struct BinaryPart(OrtValue? Elements, int First, long Length);

/// <summary>Writes the JSON object of an answer, and finds out which binary data follows it.</summary>
internal static class AnswerWriter
{
    private static readonly JsonEncodedText Data = JsonEncodedText.Encode("data");

    /// <summary>Without a point, as .NET writes it, many parsers take it for the integer 0 and lose the sign.</summary>
    private static ReadOnlySpan<byte> NegativeZero => "-0.0"u8;

    /// <param name="workspace">Of the request; its JSON and binary parts are written.</param>
    /// <param name="plan">The model.</param>
    /// <param name="outputs">The tensors in the order of the request, or of the model where it names none.</param>
    /// <param name="modelName">As the caller named it.</param>
    /// <param name="modelVersion">The version that ran.</param>
    /// <param name="cancellationToken">Ends it where it takes long.</param>
    /// <returns>How many bytes of binary data follow.</returns>
    /// <exception cref="InferenceRequestException">An output cannot be given in the form that is asked for.</exception>
    public static long Write(
        InferenceWorkspace workspace, InferencePlan plan, IReadOnlyList<OrtValue> outputs, string modelName, string modelVersion, CancellationToken cancellationToken)
    {
        var writer = workspace.Writer;
        var binaryBytes = 0L;
        writer.WriteStartObject();
        writer.WriteString("model_name"u8, modelName);
        writer.WriteString("model_version"u8, modelVersion);
        if (workspace.Id is { } id)
            writer.WriteString("id"u8, id);
        writer.WriteStartArray("outputs"u8);
        for (var i = 0; i < outputs.Count; i++)
        {
            var request = workspace.Requested.Count > 0 ? workspace.Requested[i] : new(i, null, 0);
            writer.WriteStartObject();
            binaryBytes += WriteOutput(workspace, plan.Outputs[request.Output], outputs[i], request, cancellationToken);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.Flush();
        return binaryBytes;
    }

    private static long WriteOutput(InferenceWorkspace workspace, TensorPlan tensor, OrtValue value, in OutputRequest request, CancellationToken cancellationToken)
    {
        var writer = workspace.Writer;
        var shape = value.GetTensorTypeAndShape().Shape;
        var isBinary = request.IsBinary ?? workspace.BinaryOutputs;
        var (datatype, texts) = (tensor.Datatype, default(Texts));
        if (request.Classes > 0)
        {
            var first = workspace.ClassRanges.Count;
            shape = Classification.Rank(tensor, value, shape, request.Classes, workspace, cancellationToken);
            (datatype, texts) = (Datatype.Bytes, new(true, first, workspace.ClassRanges.Count - first));
        }
        else if (datatype == Datatype.Bytes)
        {
            texts = new(false, 0, CountOf(shape));
            workspace.OutputTexts.Clear();
            workspace.OutputTexts.Add(value, texts.Count);
        }

        writer.WriteString("name"u8, tensor.JsonName);
        writer.WriteString("datatype"u8, datatype.Utf8Name);
        writer.WriteStartArray("shape"u8);
        foreach (var length in shape)
            writer.WriteNumberValue(length);
        writer.WriteEndArray();
        if (isBinary)
        {
            var part = datatype == Datatype.Bytes ? Collect(texts, workspace) : new(value, 0, value.GetTensorSizeInBytes());
            workspace.BinaryParts.Add(part);
            writer.WriteStartObject("parameters"u8);
            writer.WriteNumber("binary_data_size"u8, part.Length);
            writer.WriteEndObject();
            return part.Length;
        }

        writer.WriteStartArray(Data);
        if (datatype == Datatype.Bytes)
            WriteTexts(writer, tensor, texts, workspace);
        else
            WriteElements(writer, datatype.ElementType, value.GetTensorMutableRawData());
        writer.WriteEndArray();
        return 0;
    }

    /// <summary>Writes the binary data that follows the JSON.</summary>
    public static void WriteBinary(InferenceWorkspace workspace, IBufferWriter<byte> target)
    {
        foreach (var part in workspace.BinaryParts)
            target.Write(part.Elements is { } value ? value.GetTensorMutableRawData() : workspace.BinaryTexts.Written.Slice(part.First, (int)part.Length));
    }

    private static int CountOf(ReadOnlySpan<long> shape)
    {
        var count = 1L;
        foreach (var length in shape)
            count = checked(count * length);
        return checked((int)count);
    }

    /// <summary>Copies texts, each after its length.</summary>
    private static BinaryPart Collect(in Texts texts, InferenceWorkspace workspace)
    {
        var target = workspace.BinaryTexts;
        var first = target.Length;
        for (var i = 0; i < texts.Count; i++)
        {
            var text = texts.Get(i, workspace);
            var memory = target.GetSpan(checked(sizeof(uint) + text.Length));
            BinaryPrimitives.WriteUInt32LittleEndian(memory, (uint)text.Length);
            text.CopyTo(memory[sizeof(uint)..]);
            target.Advance(sizeof(uint) + text.Length);
        }

        return new(null, first, target.Length - first);
    }

    private static void WriteTexts(Utf8JsonWriter writer, TensorPlan tensor, in Texts texts, InferenceWorkspace workspace)
    {
        for (var i = 0; i < texts.Count; i++)
        {
            var text = texts.Get(i, workspace);
            if (!Utf8.IsValid(text))
                throw new InferenceRequestException($"Element {i} of the output '{tensor.Name}' is not UTF-8, so that JSON cannot hold it. Ask for it with the parameter 'binary_data'.");
            writer.WriteStringValue(text);
        }
    }

    private static void WriteElements(Utf8JsonWriter writer, TensorElementType type, ReadOnlySpan<byte> bytes)
    {
        switch (type)
        {
            case TensorElementType.Bool:
                foreach (var value in bytes)
                    writer.WriteBooleanValue(value != 0);
                break;
            case TensorElementType.Float:
                foreach (var value in MemoryMarshal.Cast<byte, float>(bytes))
                    WriteNumber(writer, value);
                break;
            case TensorElementType.Double:
                foreach (var value in MemoryMarshal.Cast<byte, double>(bytes))
                {
                    if (!TryWriteSpecial(writer, value))
                        writer.WriteNumberValue(value);
                }

                break;
            case TensorElementType.Float16:
                foreach (var value in MemoryMarshal.Cast<byte, Half>(bytes))
                    WriteNumber(writer, (float)value);
                break;
            case TensorElementType.BFloat16:
                foreach (var value in MemoryMarshal.Cast<byte, ushort>(bytes))
                    WriteNumber(writer, BrainFloat.ToSingle(value));
                break;
            case TensorElementType.UInt8:
                WriteIntegers<byte>(writer, bytes);
                break;
            case TensorElementType.UInt16:
                WriteIntegers<ushort>(writer, bytes);
                break;
            case TensorElementType.UInt32:
                WriteIntegers<uint>(writer, bytes);
                break;
            case TensorElementType.UInt64:
                foreach (var value in MemoryMarshal.Cast<byte, ulong>(bytes))
                    writer.WriteNumberValue(value);
                break;
            case TensorElementType.Int8:
                WriteIntegers<sbyte>(writer, bytes);
                break;
            case TensorElementType.Int16:
                WriteIntegers<short>(writer, bytes);
                break;
            case TensorElementType.Int32:
                WriteIntegers<int>(writer, bytes);
                break;
            case TensorElementType.Int64:
                WriteIntegers<long>(writer, bytes);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, null);
        }
    }

    private static void WriteNumber(Utf8JsonWriter writer, float value)
    {
        if (!TryWriteSpecial(writer, value))
            writer.WriteNumberValue(value);
    }

    /// <summary>Writes what JSON has no number for, and the zero that .NET writes without its point.</summary>
    private static bool TryWriteSpecial(Utf8JsonWriter writer, double value)
    {
        if (!double.IsFinite(value))
            writer.WriteNullValue();
        else if (value == 0 && double.IsNegative(value))
            writer.WriteRawValue(NegativeZero, skipInputValidation: true);
        else
            return false;
        return true;
    }

    private static void WriteIntegers<T>(Utf8JsonWriter writer, ReadOnlySpan<byte> bytes)
        where T : unmanaged, IBinaryInteger<T>
    {
        foreach (var value in MemoryMarshal.Cast<byte, T>(bytes))
            writer.WriteNumberValue(long.CreateTruncating(value));
    }

    /// <param name="AreClasses">Whether they stand for classes, or are the output's own.</param>
    /// <param name="First">The first among the workspace's classes.</param>
    /// <param name="Count">How many.</param>
    private readonly record struct Texts(bool AreClasses, int First, int Count)
    {
        public ReadOnlySpan<byte> Get(int index, InferenceWorkspace workspace) =>
            AreClasses ? workspace.ClassTexts.Slice(workspace.ClassRanges[First + index]) : workspace.OutputTexts[index];
    }
}
