using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text.Unicode;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Inference;

/// <summary>The classification extension: the highest values of an output, each as <c>value:index[:label]</c>.</summary>
internal static class Classification
{
    /// <summary>More than a 64-bit float with its index has.</summary>
    private const int MostTextBytes = 64;

    /// <summary>Adds the texts of the highest values to the workspace, row by row, highest first and the lower index before an equal one.</summary>
    /// <returns>The shape of the texts: [rows, classes], or [classes] where the output has one dimension.</returns>
    /// <exception cref="InferenceRequestException">The output has no numbers to compare.</exception>
    public static long[] Rank(TensorPlan tensor, OrtValue value, long[] shape, int classes, InferenceWorkspace workspace, CancellationToken cancellationToken)
    {
        if (tensor.Datatype == Datatype.Bytes || tensor.Datatype == Datatype.Bool || shape.Length == 0)
            throw new InferenceRequestException($"The output '{tensor.Name}' is {tensor.Datatype.Name}[{string.Join(",", shape)}]; 'classification' is for numbers per class.");
        var rows = shape.Length == 1 ? 1 : shape[0];
        var bytes = value.GetTensorMutableRawData();
        var width = rows == 0 ? 0 : bytes.Length / tensor.Datatype.Size / (int)rows;
        classes = Math.Min(classes, width);
        for (var row = 0; row < rows; row++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            RankRow(tensor, bytes.Slice(row * width * tensor.Datatype.Size, width * tensor.Datatype.Size), classes, workspace, cancellationToken);
        }

        return shape.Length == 1 ? [classes] : [rows, classes];
    }

    private static void RankRow(TensorPlan tensor, ReadOnlySpan<byte> row, int classes, InferenceWorkspace workspace, CancellationToken cancellationToken)
    {
        switch (tensor.Datatype.ElementType)
        {
            case TensorElementType.Float:
                Rank(MemoryMarshal.Cast<byte, float>(row), tensor, classes, workspace, cancellationToken);
                break;
            case TensorElementType.Double:
                Rank(MemoryMarshal.Cast<byte, double>(row), tensor, classes, workspace, cancellationToken);
                break;
            case TensorElementType.Float16:
                Rank(MemoryMarshal.Cast<byte, Half>(row), tensor, classes, workspace, cancellationToken);
                break;
            case TensorElementType.BFloat16:
                var halves = MemoryMarshal.Cast<byte, ushort>(row);
                var singles = new float[halves.Length];
                for (var i = 0; i < singles.Length; i++)
                    singles[i] = BrainFloat.ToSingle(halves[i]);
                Rank<float>(singles, tensor, classes, workspace, cancellationToken);
                break;
            case TensorElementType.UInt8:
                Rank(row, tensor, classes, workspace, cancellationToken);
                break;
            case TensorElementType.UInt16:
                Rank(MemoryMarshal.Cast<byte, ushort>(row), tensor, classes, workspace, cancellationToken);
                break;
            case TensorElementType.UInt32:
                Rank(MemoryMarshal.Cast<byte, uint>(row), tensor, classes, workspace, cancellationToken);
                break;
            case TensorElementType.UInt64:
                Rank(MemoryMarshal.Cast<byte, ulong>(row), tensor, classes, workspace, cancellationToken);
                break;
            case TensorElementType.Int8:
                Rank(MemoryMarshal.Cast<byte, sbyte>(row), tensor, classes, workspace, cancellationToken);
                break;
            case TensorElementType.Int16:
                Rank(MemoryMarshal.Cast<byte, short>(row), tensor, classes, workspace, cancellationToken);
                break;
            case TensorElementType.Int32:
                Rank(MemoryMarshal.Cast<byte, int>(row), tensor, classes, workspace, cancellationToken);
                break;
            case TensorElementType.Int64:
                Rank(MemoryMarshal.Cast<byte, long>(row), tensor, classes, workspace, cancellationToken);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(tensor), tensor.Datatype.Name, null);
        }
    }

    private static void Rank<T>(ReadOnlySpan<T> values, TensorPlan tensor, int classes, InferenceWorkspace workspace, CancellationToken cancellationToken)
        where T : INumber<T>
    {
        if (classes == 0)
            return;
        // Twice as many as are asked for, and whenever they are full the lower half is forgotten, so that each value costs the same.
        var candidates = new Candidate<T>[(int)Math.Min(values.Length, 2L * classes)];
        var kept = 0;
        var isRanked = false;
        for (var i = 0; i < values.Length; i++)
        {
            if (kept == candidates.Length)
            {
                cancellationToken.ThrowIfCancellationRequested();
                candidates.AsSpan().Sort(HighestFirst);
                (kept, isRanked) = (classes, true);
            }

            if (!isRanked || IsHigher(values[i], candidates[classes - 1].Value))
                candidates[kept++] = new(values[i], i);
        }

        candidates.AsSpan(0, kept).Sort(HighestFirst);
        Span<byte> text = stackalloc byte[MostTextBytes];
        foreach (var (value, index) in candidates.AsSpan(0, classes))
        {
            Utf8.TryWrite(text, CultureInfo.InvariantCulture, $"{value}:{index}", out var length);
            workspace.ClassRanges.Add(index < tensor.Labels.Length
                ? workspace.ClassTexts.Add([.. text[..length], (byte)':', .. tensor.Labels[index]])
                : workspace.ClassTexts.Add(text[..length]));
        }
    }

    private static int HighestFirst<T>(Candidate<T> one, Candidate<T> other)
        where T : INumber<T> =>
        IsHigher(one.Value, other.Value) ? -1 : IsHigher(other.Value, one.Value) ? 1 : one.Index.CompareTo(other.Index);

    /// <summary>What is not a number is below all numbers.</summary>
    private static bool IsHigher<T>(T value, T other)
        where T : INumber<T> => value > other || (T.IsNaN(other) && !T.IsNaN(value));

    private readonly record struct Candidate<T>(T Value, int Index);
}
