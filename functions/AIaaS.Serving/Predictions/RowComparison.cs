using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Predictions;

/// <summary>Whether a row's outputs depend on the rows beside it.</summary>
internal static class RowComparison
{
    // Kernels add up in another order for other numbers of rows.
    private const double Tolerance = 1e-3;

    /// <summary>Compares the first row of two results of one output; what is not a number is equal to nothing.</summary>
    public static bool FirstRowsAreEqual(OrtValue left, OrtValue right, OutputPlan output) => output.ElementType switch
    {
        TensorElementType.Float => Numbers<float>(left, right, output.Width, static (a, b) => AreClose(a, b)),
        TensorElementType.Double => Numbers<double>(left, right, output.Width, AreClose),
        TensorElementType.Int32 => Numbers<int>(left, right, output.Width, static (a, b) => a == b),
        TensorElementType.Int64 => Numbers<long>(left, right, output.Width, static (a, b) => a == b),
        TensorElementType.UInt8 => Numbers<byte>(left, right, output.Width, static (a, b) => a == b),
        TensorElementType.Bool => Numbers<bool>(left, right, output.Width, static (a, b) => a == b),
        TensorElementType.String => Texts(left, right, output.Width),
        _ => false,
    };

    private static bool AreClose(double left, double right) =>
        Math.Abs(left - right) <= Tolerance * Math.Max(1, Math.Max(Math.Abs(left), Math.Abs(right)));

    private static bool Numbers<T>(OrtValue left, OrtValue right, int width, Func<T, T, bool> equal)
        where T : unmanaged
    {
        var a = left.GetTensorDataAsSpan<T>();
        var b = right.GetTensorDataAsSpan<T>();
        for (var i = 0; i < width; i++)
        {
            if (!equal(a[i], b[i]))
                return false;
        }

        return true;
    }

    private static bool Texts(OrtValue left, OrtValue right, int width)
    {
        for (var i = 0; i < width; i++)
        {
            if (!left.GetStringElementAsSpan(i).SequenceEqual(right.GetStringElementAsSpan(i)))
                return false;
        }

        return true;
    }
}
