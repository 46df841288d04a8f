using System.Runtime.InteropServices;
using AIaaS.Serving.Inference;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Predictions;

/// <summary>Whether a row's outputs depend on the rows beside it, judged by two different rows that are run alone and among others.</summary>
internal static class RowComparison
{
    // Kernels add up in another order for other numbers of rows.
    private const double Tolerance = 1e-3;
    private const double HalfTolerance = 1e-2;

    /// <summary>
    /// Whether each of the rows that are run together is the second one, for true, or the first: in this order a row shows what it takes
    /// from one before or behind it, be it a sum, an extreme or its place among them.
    /// </summary>
    public static IReadOnlyList<bool> Together { get; } = [true, false, true];

    /// <summary>Compares an output of the two rows alone with that of <see cref="Together"/>; what is not a number is equal to nothing.</summary>
    /// <param name="first">Of the first row alone.</param>
    /// <param name="second">Of the second row alone.</param>
    /// <param name="together">Of the rows together.</param>
    public static bool AreEqual(OrtValue first, OrtValue second, OrtValue together)
    {
        var shape = together.GetTensorTypeAndShape();
        if (shape.Shape is not [var rows, .. var tail] || rows != Together.Count || !HasOne(first) || !HasOne(second))
            return false;
        var width = (int)tail.Aggregate(1L, (product, length) => checked(product * length));
        for (var row = 0; row < rows; row++)
        {
            if (!AreEqual(Together[row] ? second : first, together, row, width, shape.ElementDataType))
                return false;
        }

        return true;

        bool HasOne(OrtValue alone) => alone.GetTensorTypeAndShape().Shape is [1, .. var other] && other.AsSpan().SequenceEqual(tail);
    }

    private static bool AreEqual(OrtValue alone, OrtValue together, int row, int width, TensorElementType type)
    {
        return type switch
        {
            TensorElementType.String => Texts(),
            TensorElementType.Float => Numbers<float>(static (a, b) => AreClose(a, b, Tolerance)),
            TensorElementType.Double => Numbers<double>(static (a, b) => AreClose(a, b, Tolerance)),
            TensorElementType.Float16 => Numbers<Half>(static (a, b) => AreClose((double)a, (double)b, HalfTolerance)),
            TensorElementType.BFloat16 => Numbers<ushort>(static (a, b) => AreClose(BrainFloat.ToSingle(a), BrainFloat.ToSingle(b), HalfTolerance)),
            _ => Bytes(),
        };

        bool Numbers<T>(Func<T, T, bool> equal)
            where T : unmanaged
        {
            var a = MemoryMarshal.Cast<byte, T>(alone.GetTensorMutableRawData());
            var b = MemoryMarshal.Cast<byte, T>(together.GetTensorMutableRawData()).Slice(row * width, width);
            for (var i = 0; i < width; i++)
            {
                if (!equal(a[i], b[i]))
                    return false;
            }

            return true;
        }

        bool Bytes()
        {
            var bytes = alone.GetTensorMutableRawData();
            return bytes.SequenceEqual(together.GetTensorMutableRawData().Slice(row * bytes.Length, bytes.Length));
        }

        bool Texts()
        {
            for (var i = 0; i < width; i++)
            {
                if (!alone.GetStringElementAsSpan(i).SequenceEqual(together.GetStringElementAsSpan((row * width) + i)))
                    return false;
            }

            return true;
        }
    }

    private static bool AreClose(double left, double right, double tolerance) =>
        Math.Abs(left - right) <= tolerance * Math.Max(1, Math.Max(Math.Abs(left), Math.Abs(right)));
}
