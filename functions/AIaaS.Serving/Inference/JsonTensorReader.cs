using System.Numerics;
using System.Runtime.InteropServices;
using System.Text.Json;
using AIaaS.Serving.Predictions;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Inference;

/// <summary>Reads <c>data</c> of a tensor, flat or nested as its shape says, straight into the tensor's memory.</summary>
internal static class JsonTensorReader
{
    /// <param name="reader">At the first token of <c>data</c>; left at its last.</param>
    /// <param name="tensor">The input.</param>
    /// <param name="shape">Its shape in this request.</param>
    /// <param name="target">Memory of exactly as many elements.</param>
    /// <exception cref="InferenceRequestException">The data is not what shape and datatype say.</exception>
    public static void Read(ref Utf8JsonReader reader, TensorPlan tensor, ReadOnlySpan<long> shape, Span<byte> target)
    {
        switch (tensor.Datatype.ElementType)
        {
            case TensorElementType.Bool:
                Read<byte, BooleanElement>(ref reader, tensor, shape, target);
                break;
            case TensorElementType.UInt8:
                Read<byte, IntegerElement<byte>>(ref reader, tensor, shape, target);
                break;
            case TensorElementType.UInt16:
                Read<ushort, IntegerElement<ushort>>(ref reader, tensor, shape, target);
                break;
            case TensorElementType.UInt32:
                Read<uint, IntegerElement<uint>>(ref reader, tensor, shape, target);
                break;
            case TensorElementType.UInt64:
                Read<ulong, IntegerElement<ulong>>(ref reader, tensor, shape, target);
                break;
            case TensorElementType.Int8:
                Read<sbyte, IntegerElement<sbyte>>(ref reader, tensor, shape, target);
                break;
            case TensorElementType.Int16:
                Read<short, IntegerElement<short>>(ref reader, tensor, shape, target);
                break;
            case TensorElementType.Int32:
                Read<int, IntegerElement<int>>(ref reader, tensor, shape, target);
                break;
            case TensorElementType.Int64:
                Read<long, IntegerElement<long>>(ref reader, tensor, shape, target);
                break;
            case TensorElementType.Float16:
                Read<Half, FloatElement<Half>>(ref reader, tensor, shape, target);
                break;
            case TensorElementType.Float:
                Read<float, FloatElement<float>>(ref reader, tensor, shape, target);
                break;
            case TensorElementType.Double:
                Read<double, FloatElement<double>>(ref reader, tensor, shape, target);
                break;
            case TensorElementType.BFloat16:
                Read<ushort, BrainFloatElement>(ref reader, tensor, shape, target);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(tensor), tensor.Datatype.Name, null);
        }
    }

    /// <inheritdoc cref="Read(ref Utf8JsonReader, TensorPlan, ReadOnlySpan{long}, Span{byte})"/>
    public static void ReadTexts(
        ref Utf8JsonReader reader, TensorPlan tensor, ReadOnlySpan<long> shape, OrtValue target, int count, InferenceWorkspace workspace)
    {
        var sink = new TextSink(target, tensor, workspace);
        Walk(ref reader, tensor, shape, count, ref sink);
    }

    private static void Read<T, TElement>(ref Utf8JsonReader reader, TensorPlan tensor, ReadOnlySpan<long> shape, Span<byte> target)
        where T : unmanaged
        where TElement : IElement<T>
    {
        var sink = new ElementSink<T, TElement>(MemoryMarshal.Cast<byte, T>(target), tensor);
        Walk(ref reader, tensor, shape, sink.Length, ref sink);
    }

    private static void Walk<TSink>(ref Utf8JsonReader reader, TensorPlan tensor, ReadOnlySpan<long> shape, int count, ref TSink sink)
        where TSink : ISink, allows ref struct
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw new InferenceRequestException($"'data' of the input '{tensor.Name}' is not an array.");
        reader.Read();
        if (reader.TokenType == JsonTokenType.StartArray && shape.Length > 1)
        {
            var index = 0;
            WalkNested(ref reader, tensor, shape, shape, ref index, ref sink);
            return;
        }

        var read = 0;
        for (; reader.TokenType != JsonTokenType.EndArray; reader.Read())
        {
            if (read == count)
                throw WrongCount(tensor, shape, $"more than the {count} elements that its shape has");
            sink.Read(ref reader, read++);
        }

        if (read < count)
            throw WrongCount(tensor, shape, $"{read} elements instead of the {count} that its shape has");
    }

    /// <param name="rest">The dimensions from this array on; its first element is the reader's token.</param>
    private static void WalkNested<TSink>(
        ref Utf8JsonReader reader, TensorPlan tensor, ReadOnlySpan<long> shape, ReadOnlySpan<long> rest, ref int index, ref TSink sink)
        where TSink : ISink, allows ref struct
    {
        var length = 0L;
        for (; reader.TokenType != JsonTokenType.EndArray; reader.Read())
        {
            if (++length > rest[0])
                break;
            if (rest.Length == 1)
            {
                sink.Read(ref reader, index++);
                continue;
            }

            if (reader.TokenType != JsonTokenType.StartArray)
                throw WrongCount(tensor, shape, "values and arrays side by side");
            reader.Read();
            WalkNested(ref reader, tensor, shape, rest[1..], ref index, ref sink);
        }

        if (length != rest[0])
            throw WrongCount(tensor, shape, $"an array of {(length > rest[0] ? "more" : "less")} than {rest[0]} in dimension {shape.Length - rest.Length}");
    }

    private static InferenceRequestException WrongCount(TensorPlan tensor, ReadOnlySpan<long> shape, string found) => new(
        $"'data' of the input '{tensor.Name}' has {found}. Give it flat or nested as its shape [{string.Join(",", shape.ToArray())}].");

    private static InferenceRequestException WrongType(ref Utf8JsonReader reader, TensorPlan tensor, int index) => new(
        $"Element {index} of the input '{tensor.Name}' is {Describe(ref reader)}, which is no value of {tensor.Datatype.Name}.");

    private static string Describe(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.String => $"the string \"{Excerpt.Of(JsonTokens.TextOf(ref reader))}\"",
        JsonTokenType.Number => Excerpt.Of(JsonTokens.TextOf(ref reader)),
        JsonTokenType.True => "true",
        JsonTokenType.False => "false",
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        _ => "null",
    };

    private interface ISink
    {
        void Read(ref Utf8JsonReader reader, int index);
    }

    private interface IElement<T>
    {
        static abstract bool TryRead(ref Utf8JsonReader reader, out T value);
    }

    private readonly ref struct ElementSink<T, TElement>(Span<T> target, TensorPlan tensor) : ISink
        where TElement : IElement<T>
    {
        private readonly Span<T> _target = target;

        public int Length => _target.Length;

        public void Read(ref Utf8JsonReader reader, int index)
        {
            if (!TElement.TryRead(ref reader, out _target[index]))
                throw WrongType(ref reader, tensor, index);
        }
    }

    private readonly struct TextSink(OrtValue target, TensorPlan tensor, InferenceWorkspace workspace) : ISink
    {
        public void Read(ref Utf8JsonReader reader, int index)
        {
            if (reader.TokenType == JsonTokenType.Null)
                return;
            if (reader.TokenType != JsonTokenType.String)
                throw WrongType(ref reader, tensor, index);
            var text = workspace.Scratch(JsonTokens.LengthOf(ref reader));
            try
            {
                target.StringTensorSetElementAt(text[..reader.CopyString(text)], index);
            }
            catch (InvalidOperationException)
            {
                throw new InferenceRequestException($"Element {index} of the input '{tensor.Name}' is not valid UTF-8. Send byte strings as binary data.");
            }
        }
    }

    private readonly struct BooleanElement : IElement<byte>
    {
        public static bool TryRead(ref Utf8JsonReader reader, out byte value)
        {
            value = 0;
            switch (reader.TokenType)
            {
                case JsonTokenType.True:
                    value = 1;
                    return true;
                case JsonTokenType.False:
                    return true;
                case JsonTokenType.Number:
                    return reader.TryGetByte(out value) && value <= 1;
                default:
                    return false;
            }
        }
    }

    private readonly struct IntegerElement<T> : IElement<T>
        where T : IBinaryInteger<T>
    {
        /// <summary>Up to here each whole number is a 64-bit float.</summary>
        private const double LargestExact = 1L << 53;

        public static bool TryRead(ref Utf8JsonReader reader, out T value)
        {
            value = T.Zero;
            if (reader.TokenType != JsonTokenType.Number)
                return false;
            if (reader.TryGetInt64(out var whole))
            {
                value = T.CreateSaturating(whole);
                return long.CreateSaturating(value) == whole;
            }

            if (reader.TryGetUInt64(out var large))
            {
                value = T.CreateSaturating(large);
                return ulong.CreateSaturating(value) == large;
            }

            // 3.0 and 1e3 are whole numbers too.
            if (!reader.TryGetDouble(out var number) || Math.Abs(number) > LargestExact || double.Truncate(number) != number)
                return false;
            value = T.CreateSaturating(number);
            return double.CreateSaturating(value) == number;
        }
    }

    private readonly struct FloatElement<T> : IElement<T>
        where T : IFloatingPointIeee754<T>
    {
        public static bool TryRead(ref Utf8JsonReader reader, out T value)
        {
            if (reader.TokenType == JsonTokenType.Number)
            {
                value = T.CreateTruncating(JsonTokens.NumberOf(ref reader));
                return T.IsFinite(value);
            }

            var found = TryReadSpecial(ref reader, out var special);
            value = T.CreateTruncating(special);
            return found;
        }
    }

    private readonly struct BrainFloatElement : IElement<ushort>
    {
        public static bool TryRead(ref Utf8JsonReader reader, out ushort value)
        {
            if (reader.TokenType == JsonTokenType.Number)
            {
                value = BrainFloat.Of((float)JsonTokens.NumberOf(ref reader));
                return float.IsFinite(BrainFloat.ToSingle(value));
            }

            var found = TryReadSpecial(ref reader, out var special);
            value = BrainFloat.Of((float)special);
            return found;
        }
    }

    /// <summary>What JSON has no number for: null for missing as in predictions, and the names that JSON libraries use.</summary>
    private static bool TryReadSpecial(ref Utf8JsonReader reader, out double value)
    {
        value = double.NaN;
        if (reader.TokenType == JsonTokenType.Null)
            return true;
        if (reader.TokenType != JsonTokenType.String || reader.ValueIsEscaped)
            return false;
        if (reader.ValueTextEquals("NaN"u8))
            return true;
        value = reader.ValueTextEquals("-Infinity"u8) ? double.NegativeInfinity : double.PositiveInfinity;
        return value < 0 || reader.ValueTextEquals("Infinity"u8);
    }
}

/// <summary>The upper half of a 32-bit float.</summary>
internal static class BrainFloat
{
    public static ushort Of(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        // To the nearest, ties to even; a NaN must not round to infinity.
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    public static float ToSingle(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);
}
