using AIaaS.Serving.Models;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Batching;

/// <summary>Tensors as rows along their first dimension.</summary>
internal static class TensorRows
{
    /// <summary>Whether each tensor has so many rows.</summary>
    public static bool HaveRows(IReadOnlyList<OrtValue> tensors, int rows) =>
        tensors.All(tensor => tensor.IsTensor && tensor.GetTensorTypeAndShape().Shape is [var length, ..] && length == rows);

    /// <summary>Whether the rows of each tensor have the shape of the other's.</summary>
    public static bool HaveSameTails(IReadOnlyList<OrtValue> tensors, IReadOnlyList<OrtValue> others) =>
        tensors.Count == others.Count && tensors.Zip(others, static (tensor, other) =>
            tensor.GetTensorTypeAndShape().Shape.AsSpan(1).SequenceEqual(other.GetTensorTypeAndShape().Shape.AsSpan(1))).All(static same => same);

    /// <summary>Makes a tensor like another but for the number of its rows.</summary>
    public static OrtValue Allocate(OrtValue like, int rows)
    {
        var info = like.GetTensorTypeAndShape();
        long[] shape = [rows, .. info.Shape.AsSpan(1)];
        return info.ElementDataType == TensorElementType.String
            ? OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, shape)
            : OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, info.ElementDataType, shape);
    }

    /// <summary>Copies rows to those of a tensor with rows of the same shape.</summary>
    public static void Copy(OrtValue source, int from, OrtValue target, int to, int rows)
    {
        var info = source.GetTensorTypeAndShape();
        var width = (int)(info.ElementCount / Math.Max(1, info.Shape[0]));
        if (info.ElementDataType == TensorElementType.String)
        {
            for (var i = 0; i < rows * width; i++)
                target.StringTensorSetElementAt(source.GetStringElementAsSpan((from * width) + i), (to * width) + i);
            return;
        }

        var bytes = source.GetTensorMutableRawData();
        var rowBytes = bytes.Length / Math.Max(1, (int)info.Shape[0]);
        bytes.Slice(from * rowBytes, rows * rowBytes).CopyTo(target.GetTensorMutableRawData()[(to * rowBytes)..]);
    }
}

/// <summary>Tensors that are disposed together.</summary>
internal sealed class TensorList(int capacity) : List<OrtValue>(capacity), IDisposableReadOnlyCollection<OrtValue>
{
    public static TensorList Of(IReadOnlyList<OrtValue> tensors, Func<OrtValue, OrtValue> make)
    {
        var list = new TensorList(tensors.Count);
        try
        {
            foreach (var tensor in tensors)
                list.Add(make(tensor));
            return list;
        }
        catch
        {
            list.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var tensor in this)
            tensor.Dispose();
        Clear();
    }
}
