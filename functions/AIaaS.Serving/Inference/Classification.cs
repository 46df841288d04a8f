using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Inference;

/// <summary>The classification extension: the highest values of an output, each as <c>value:index[:label]</c>.</summary>
internal static class Classification
{
    /// <summary>Adds the texts of the highest values to the workspace, row by row, highest first and the lower index before an equal one.</summary>
    /// <returns>The shape of the texts: [rows, classes], or [classes] where the output has one dimension.</returns>
    /// <exception cref="InferenceRequestException">The output has no numbers to compare.</exception>
    public static long[] Rank(TensorPlan tensor, OrtValue value, long[] shape, int classes, InferenceWorkspace workspace)
    {
        if (tensor.Datatype == Datatype.Bytes || tensor.Datatype == Datatype.Bool || shape.Length == 0)
            throw new InferenceRequestException($"The output '{tensor.Name}' is {tensor.Datatype.Name}[{string.Join(",", shape)}]; 'classification' is for numbers per class.");
        var rows = shape.Length == 1 ? 1 : shape[0];
        var bytes = value.GetTensorMutableRawData();
        var width = rows == 0 ? 0 : bytes.Length / tensor.Datatype.Size / (int)rows;
        classes = Math.Min(classes, width);
        for (var row = 0; row < rows; row++)
            RankRow(tensor, bytes.Slice(row * width * tensor.Datatype.Size, width * tensor.Datatype.Size), classes, workspace);
        return shape.Length == 1 ? [classes] : [rows, classes];
    }

    private static void RankRow(TensorPlan tensor, ReadOnlySpan<byte> row, int classes, InferenceWorkspace workspace)
    {
        switch (tensor.Datatype.ElementType)
        {
            case TensorElementType.Float:
                Rank(MemoryMarshal.Cast<byte, float>(row), tensor, classes, workspace);
                break;
            case TensorElementType.Double:
                Rank(MemoryMarshal.Cast<byte, double>(row), tensor, classes, workspace);
                break;
            case TensorElementType.Float16:
                Rank(MemoryMarshal.Cast<byte, Half>(row), tensor, classes, workspace);
                break;
            case TensorElementType.BFloat16:
                var halves = MemoryMarshal.Cast<byte, ushort>(row);
                var singles = new float[halves.Length];
                for (var i = 0; i < singles.Length; i++)
                    singles[i] = BrainFloat.ToSingle(halves[i]);
                Rank<float>(singles, tensor, classes, workspace);
                break;
            case TensorElementType.UInt8:
                Rank(row, tensor, classes, workspace);
                break;
            case TensorElementType.UInt16:
                Rank(MemoryMarshal.Cast<byte, ushort>(row), tensor, classes, workspace);
                break;
            case TensorElementType.UInt32:
                Rank(MemoryMarshal.Cast<byte, uint>(row), tensor, classes, workspace);
                break;
            case TensorElementType.UInt64:
                Rank(MemoryMarshal.Cast<byte, ulong>(row), tensor, classes, workspace);
                break;
            case TensorElementType.Int8:
                Rank(MemoryMarshal.Cast<byte, sbyte>(row), tensor, classes, workspace);
                break;
            case TensorElementType.Int16:
                Rank(MemoryMarshal.Cast<byte, short>(row), tensor, classes, workspace);
                break;
            case TensorElementType.Int32:
                Rank(MemoryMarshal.Cast<byte, int>(row), tensor, classes, workspace);
                break;
            case TensorElementType.Int64:
                Rank(MemoryMarshal.Cast<byte, long>(row), tensor, classes, workspace);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(tensor), tensor.Datatype.Name, null);
        }
    }

    private static void Rank<T>(ReadOnlySpan<T> values, TensorPlan tensor, int classes, InferenceWorkspace workspace)
        where T : INumber<T>
    {
        // The few that are asked for are kept in order while the values pass by once.
        var best = new int[classes];
        var kept = 0;
        for (var i = 0; i < values.Length; i++)
        {
            var place = kept;
            while (place > 0 && IsHigher(values[i], values[best[place - 1]]))
                place--;
            if (place == classes)
                continue;
            kept = Math.Min(kept + 1, classes);
            best.AsSpan(place, kept - place - 1).CopyTo(best.AsSpan(place + 1));
            best[place] = i;
        }

        foreach (var index in best)
        {
            var text = string.Create(CultureInfo.InvariantCulture, $"{values[index]}:{index}");
            byte[] label = index < tensor.Labels.Length ? [.. ":"u8, .. tensor.Labels[index]] : [];
            workspace.ClassRanges.Add(workspace.ClassTexts.Add([.. Encoding.UTF8.GetBytes(text), .. label]));
        }
    }

    /// <summary>What is not a number is below all numbers.</summary>
    private static bool IsHigher<T>(T value, T other)
        where T : INumber<T> => value > other || (T.IsNaN(other) && !T.IsNaN(value));
}
