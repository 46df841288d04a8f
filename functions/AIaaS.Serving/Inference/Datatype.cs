using System.Text;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Inference;

/// <summary>A tensor datatype of the Open Inference Protocol.</summary>
internal sealed class Datatype
{
    private Datatype(string name, TensorElementType elementType, int size) =>
        (Name, Utf8Name, ElementType, Size) = (name, Encoding.UTF8.GetBytes(name), elementType, size);

    public static Datatype Bool { get; } = new("BOOL", TensorElementType.Bool, 1);

    /// <summary>Texts and other byte strings, each of its own length.</summary>
    public static Datatype Bytes { get; } = new("BYTES", TensorElementType.String, 0);

    public static IReadOnlyList<Datatype> All { get; } =
    [
        Bool,
        new("UINT8", TensorElementType.UInt8, 1),
        new("UINT16", TensorElementType.UInt16, 2),
        new("UINT32", TensorElementType.UInt32, 4),
        new("UINT64", TensorElementType.UInt64, 8),
        new("INT8", TensorElementType.Int8, 1),
        new("INT16", TensorElementType.Int16, 2),
        new("INT32", TensorElementType.Int32, 4),
        new("INT64", TensorElementType.Int64, 8),
        new("FP16", TensorElementType.Float16, 2),
        new("FP32", TensorElementType.Float, 4),
        new("FP64", TensorElementType.Double, 8),
        new("BF16", TensorElementType.BFloat16, 2),
        Bytes,
    ];

    public string Name { get; }

    public byte[] Utf8Name { get; }

    public TensorElementType ElementType { get; }

    /// <summary>Bytes of an element; 0 for <see cref="Bytes"/>.</summary>
    public int Size { get; }

    /// <summary>Whether its elements are whole numbers.</summary>
    public bool IsInteger => ElementType is TensorElementType.UInt8 or TensorElementType.UInt16 or TensorElementType.UInt32 or TensorElementType.UInt64
        or TensorElementType.Int8 or TensorElementType.Int16 or TensorElementType.Int32 or TensorElementType.Int64;

    /// <returns>Null for what the protocol has no name for.</returns>
    public static Datatype? Of(TensorElementType elementType) => All.FirstOrDefault(d => d.ElementType == elementType);
}
