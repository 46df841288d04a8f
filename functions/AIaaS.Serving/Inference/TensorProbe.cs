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

    private const int TextBytes = 64;

    /// <summary>Runs rows alone and together, where the graph has rows.</summary>
    /// <param name="session">Of the graph.</param>
    /// <param name="plan">Its inputs and outputs.</param>
    /// <param name="measured">Given the rows of each run and the timestamp ticks it took.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>For each output whether its rows are made of the same rows of the inputs alone; null where that is not known.</returns>
    public static bool[]? Run(InferenceSession session, InferencePlan plan, Action<int, long> measured, TimeProvider time, CancellationToken cancellationToken)
    {
        if (plan.Inputs.Sum(SizeOf) * RowComparison.Together.Count > MostBytes)
            return null;
        try
        {
            // The first run makes what later ones reuse, so that it tells nothing of their time.
            using var first = Run([false]);
            var started = time.GetTimestamp();
            using var second = Run([true]);
            measured(1, time.GetTimestamp() - started);
            if (!plan.HasRows)
                return null;
            using var together = Run(RowComparison.Together);
            return [.. Enumerable.Range(0, together.Count).Select(i => RowComparison.AreEqual(first[i], second[i], together[i]))];
        }
        catch (OnnxRuntimeException) when (!cancellationToken.IsCancellationRequested)
        {
            // A graph may well fail on what is made up.
            return null;
        }

        IDisposableReadOnlyCollection<OrtValue> Run(IReadOnlyList<bool> areSecond)
        {
            // Failing is no error here, so that nothing is written of it.
            using var options = new RunOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
            using var registration = cancellationToken.UnsafeRegister(static o => ((RunOptions)o!).Terminate = true, options);
            var inputs = new List<OrtValue>(plan.Inputs.Length);
            try
            {
                foreach (var input in plan.Inputs)
                    inputs.Add(CreateValue(input, plan.HasRows ? areSecond : [.. areSecond.Take(1)], plan.HasRows));
                return session.Run(options, plan.InputNames, inputs, plan.OutputNames);
            }
            finally
            {
                foreach (var input in inputs)
                    input.Dispose();
            }
        }
    }

    private static long SizeOf(TensorPlan input) =>
        input.Shape.Skip(1).Aggregate((double)Math.Max(1, input.Datatype == Datatype.Bytes ? TextBytes : input.Datatype.Size), static (size, length) => size * LengthOf(length)) is var size && size < MostBytes
            ? (long)size
            : MostBytes;

    private static long LengthOf(long length) => length < 0 ? VaryingLength : length;

    private static OrtValue CreateValue(TensorPlan input, IReadOnlyList<bool> areSecond, bool hasRows)
    {
        long[] shape = hasRows ? [areSecond.Count, .. input.Shape.Skip(1).Select(LengthOf)] : [.. input.Shape.Select(LengthOf)];
        var count = shape.Aggregate(1L, static (product, length) => checked(product * length));
        var type = input.Datatype.ElementType;
        var isText = type == TensorElementType.String;
        var value = isText ? OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, shape) : OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, type, shape);
        var width = (int)(count / areSecond.Count);
        for (var row = 0; row < areSecond.Count; row++)
        {
            for (var i = 0; i < width; i++)
            {
                // Whole numbers may be indexes of anything, and 0 and 1 are those that are there most often.
                var one = areSecond[row] ? i % 3 != 1 : i % 2 == 1;
                var at = (row * width) + i;
                if (isText)
                    value.StringTensorSetElementAt(one ? "1"u8 : "0"u8, at);
                else
                    Set(value.GetTensorMutableRawData(), at, type, one, NumberAt(i, one, areSecond[row]));
            }
        }

        return value;
    }

    /// <summary>Fractions that differ from place to place, and larger numbers in the second row: what is scaled by the largest of all rows shows then.</summary>
    private static double NumberAt(int place, bool one, bool isSecond) => (isSecond ? 8 : 1) * ((one ? 0.75 : 0.25) + (place % 17 / 80.0));

    private static void Set(Span<byte> bytes, int at, TensorElementType type, bool one, double number)
    {
        switch (type)
        {
            case TensorElementType.Float:
                BitConverter.TryWriteBytes(bytes[(at * sizeof(float))..], (float)number);
                break;
            case TensorElementType.Double:
                BitConverter.TryWriteBytes(bytes[(at * sizeof(double))..], number);
                break;
            case TensorElementType.Float16:
                BitConverter.TryWriteBytes(bytes[(at * sizeof(ushort))..], (Half)number);
                break;
            case TensorElementType.BFloat16:
                BitConverter.TryWriteBytes(bytes[(at * sizeof(ushort))..], BrainFloat.Of((float)number));
                break;
            case TensorElementType.Int16 or TensorElementType.UInt16:
                BitConverter.TryWriteBytes(bytes[(at * sizeof(short))..], (short)(one ? 1 : 0));
                break;
            case TensorElementType.Int32 or TensorElementType.UInt32:
                BitConverter.TryWriteBytes(bytes[(at * sizeof(int))..], one ? 1 : 0);
                break;
            case TensorElementType.Int64 or TensorElementType.UInt64:
                BitConverter.TryWriteBytes(bytes[(at * sizeof(long))..], one ? 1L : 0);
                break;
            default:
                bytes[at] = one ? (byte)1 : (byte)0;
                break;
        }
    }
}
