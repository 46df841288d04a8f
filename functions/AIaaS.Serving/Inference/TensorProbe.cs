using AIaaS.Serving.Predictions;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Inference;

/// <summary>Runs a graph on tensors that are made up.</summary>
internal static class TensorProbe
{
    /// <summary>Long enough for what shrinks images five times by half.</summary>
    private const int VaryingLength = 32;

    private const long MostBytes = 64L << 20;

    /// <summary>What a text counts, as texts are set one by one.</summary>
    private const int TextBytes = 1 << 10;

    /// <summary>After so many elements their values begin anew.</summary>
    private const int Period = 2 * 3 * 17;

    /// <summary>A model that is slower than this is served without knowing.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Runs rows alone and together, where the graph has rows.</summary>
    /// <param name="session">Of the graph.</param>
    /// <param name="plan">Its inputs and outputs.</param>
    /// <param name="measured">Given the rows of each run and the timestamp ticks it took.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>For each output whether its rows are made of the same rows of the inputs alone; null where that is not known.</returns>
    public static bool[]? Run(InferenceSession session, InferencePlan plan, Action<int, long> measured, TimeProvider time, CancellationToken cancellationToken)
    {
        if (plan.Inputs.Sum(i => SizeOf(i, plan.HasRows)) > MostBytes)
            return null;
        using var over = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, cancellationToken);
        try
        {
            // The first run makes what later ones reuse, so that it tells nothing of their time.
            using var first = Run([false], out _);
            var large = FindLarge();
            using var second = Run([true], out var ticks, large);
            measured(1, ticks);
            if (!plan.HasRows)
                return null;
            using var together = Run(RowComparison.Together, out _, large);
            return [.. Enumerable.Range(0, together.Count).Select(i => RowComparison.AreEqual(first[i], second[i], together[i]))];
        }
        catch (OnnxRuntimeException) when (!cancellationToken.IsCancellationRequested)
        {
            // A graph may well fail on what is made up.
            return null;
        }

        // Integers that have to be small are indexes of something, and those that need not be may be scaled by the largest of all rows.
        bool[] FindLarge()
        {
            bool[] all = [.. plan.Inputs.Select(i => i.Datatype.IsInteger)];
            if (!all.Contains(true) || Runs(all))
                return all;
            bool[] single = [.. all.Select((isInteger, i) => isInteger && Runs([.. all.Select((_, other) => other == i)]))];
            return Runs(single) ? single : new bool[all.Length];
        }

        bool Runs(bool[] large)
        {
            try
            {
                Run([true], out _, large).Dispose();
                return true;
            }
            catch (OnnxRuntimeException) when (!either.IsCancellationRequested)
            {
                return false;
            }
        }

        IDisposableReadOnlyCollection<OrtValue> Run(IReadOnlyList<bool> areSecond, out long ticks, bool[]? large = null)
        {
            // Failing is no error here, so that nothing is written of it.
            using var options = new RunOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
            using var registration = either.Token.UnsafeRegister(static o => ((RunOptions)o!).Terminate = true, options);
            var inputs = new List<OrtValue>(plan.Inputs.Length);
            try
            {
                for (var i = 0; i < plan.Inputs.Length; i++)
                {
                    inputs.Add(Allocate(plan.Inputs[i], plan.HasRows ? areSecond.Count : null));
                    Fill(inputs[i], plan.Inputs[i].Datatype, areSecond, large is not null && large[i]);
                }

                var started = time.GetTimestamp();
                var outputs = session.Run(options, plan.InputNames, inputs, plan.OutputNames);
                ticks = time.GetTimestamp() - started;
                return outputs;
            }
            finally
            {
                foreach (var input in inputs)
                    input.Dispose();
            }
        }
    }

    private static long SizeOf(TensorPlan input, bool hasRows)
    {
        double size = input.Datatype == Datatype.Bytes ? TextBytes : input.Datatype.Size;
        foreach (var length in ShapeOf(input, hasRows ? RowComparison.Together.Count : null))
            size *= length;
        return (long)Math.Min(size, MostBytes + 1);
    }

    /// <param name="input">The input.</param>
    /// <param name="rows">Null where its first dimension is not one of rows.</param>
    private static long[] ShapeOf(TensorPlan input, int? rows) =>
        [.. input.Shape.Select((length, i) => i == 0 && rows is { } count ? count : length < 0 ? VaryingLength : length)];

    private static OrtValue Allocate(TensorPlan input, int? rows)
    {
        var shape = ShapeOf(input, rows);
        return input.Datatype == Datatype.Bytes
            ? OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, shape)
            : OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, input.Datatype.ElementType, shape);
    }

    private static void Fill(OrtValue value, Datatype datatype, IReadOnlyList<bool> areSecond, bool isLarge)
    {
        var width = (int)(value.GetTensorTypeAndShape().ElementCount / areSecond.Count);
        if (datatype == Datatype.Bytes)
        {
            for (var i = 0; i < width * areSecond.Count; i++)
                value.StringTensorSetElementAt(IsOne(i % width, areSecond[i / width]) ? "1"u8 : "0"u8, i);
            return;
        }

        var bytes = value.GetTensorMutableRawData();
        var pattern = new byte[Period * datatype.Size];
        for (var row = 0; row < areSecond.Count; row++)
        {
            for (var place = 0; place < Period; place++)
                Set(pattern, place, datatype.ElementType, areSecond[row], isLarge);
            var rest = bytes.Slice(row * width * datatype.Size, width * datatype.Size);
            for (; rest.Length > pattern.Length; rest = rest[pattern.Length..])
                pattern.CopyTo(rest);
            pattern.AsSpan(0, rest.Length).CopyTo(rest);
        }
    }

    /// <summary>Whole numbers may be indexes of anything, and 0 and 1 are those that are there most often.</summary>
    private static bool IsOne(int place, bool isSecond) => isSecond ? place % 3 != 1 : place % 2 == 1;

    private static void Set(byte[] bytes, int place, TensorElementType type, bool isSecond, bool isLarge)
    {
        var one = IsOne(place, isSecond);
        // Fractions that differ from place to place, and larger numbers in the second row: what is scaled by the largest of all rows shows then.
        var number = (isSecond ? 8 : 1) * ((one ? 0.75 : 0.25) + (place % 17 / 80.0));
        var integer = isLarge && isSecond ? (one ? 7 : 2) : one ? 1 : 0;
        switch (type)
        {
            case TensorElementType.Float:
                BitConverter.TryWriteBytes(bytes.AsSpan(place * sizeof(float)), (float)number);
                break;
            case TensorElementType.Double:
                BitConverter.TryWriteBytes(bytes.AsSpan(place * sizeof(double)), number);
                break;
            case TensorElementType.Float16:
                BitConverter.TryWriteBytes(bytes.AsSpan(place * sizeof(ushort)), (Half)number);
                break;
            case TensorElementType.BFloat16:
                BitConverter.TryWriteBytes(bytes.AsSpan(place * sizeof(ushort)), BrainFloat.Of((float)number));
                break;
            case TensorElementType.Int16 or TensorElementType.UInt16:
                BitConverter.TryWriteBytes(bytes.AsSpan(place * sizeof(short)), (short)integer);
                break;
            case TensorElementType.Int32 or TensorElementType.UInt32:
                BitConverter.TryWriteBytes(bytes.AsSpan(place * sizeof(int)), integer);
                break;
            case TensorElementType.Int64 or TensorElementType.UInt64:
                BitConverter.TryWriteBytes(bytes.AsSpan(place * sizeof(long)), (long)integer);
                break;
            case TensorElementType.Bool:
                bytes[place] = one ? (byte)1 : (byte)0;
                break;
            default:
                bytes[place] = (byte)integer;
                break;
        }
    }
}
