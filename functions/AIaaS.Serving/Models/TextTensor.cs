using System.Reflection;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Models;

/// <summary>Copies of text tensors' elements, one after another in one array.</summary>
/// <remarks>
/// ONNX Runtime's C interface gives all elements of a tensor in one call (<c>GetStringTensorContent</c>), which its C# interface has but keeps to itself;
/// element by element it takes two calls for each, which for short texts cost more than all else that is done with them. Where that function is not found,
/// elements are copied one by one.
/// </remarks>
internal sealed unsafe class TextTensor
{
    private const int MaxKeptBytes = 1 << 20;

    private static readonly Func<OrtValue, nint>? HandleOf;
    private static readonly delegate* unmanaged<nint, nuint*, nint> GetLength;
    private static readonly delegate* unmanaged<nint, byte*, nuint, nuint*, nuint, nint> GetContent;
    private byte[] _bytes = [];
    private nuint[] _starts = [];
    private int _length;

    static TextTensor()
    {
        var assembly = typeof(OrtValue).Assembly;
        HandleOf = typeof(OrtValue).GetProperty("Handle", BindingFlags.Instance | BindingFlags.NonPublic)?.GetMethod?.CreateDelegate<Func<OrtValue, nint>>();
        GetLength = (delegate* unmanaged<nint, nuint*, nint>)FunctionOf("OrtGetStringTensorDataLength");
        GetContent = (delegate* unmanaged<nint, byte*, nuint, nuint*, nuint, nint>)FunctionOf("OrtGetStringTensorContent");
        IsWhole = HandleOf is not null && GetLength is not null && GetContent is not null;

        nint FunctionOf(string name) =>
            assembly.GetType("Microsoft.ML.OnnxRuntime.NativeMethods")?.GetField(name, BindingFlags.Static | BindingFlags.Public)?.GetValue(null) is Delegate function
                ? Marshal.GetFunctionPointerForDelegate(function)
                : 0;
    }

    /// <summary>Whether a tensor's texts come in one call.</summary>
    public static bool IsWhole { get; }

    public int Count { get; private set; }

    /// <summary>Of all texts together, in bytes.</summary>
    public int Length => _length;

    /// <summary>Memory held, in bytes.</summary>
    public long HeldBytes => _bytes.Length + ((long)_starts.Length * sizeof(nuint));

    /// <summary>One of the texts as UTF-8, until the next is added.</summary>
    public ReadOnlySpan<byte> this[int index]
    {
        get
        {
            var start = (int)_starts[index];
            return _bytes.AsSpan(start, (index + 1 < Count ? (int)_starts[index + 1] : _length) - start);
        }
    }

    public void Clear()
    {
        (Count, _length) = (0, 0);
        if (HeldBytes > MaxKeptBytes)
            (_bytes, _starts) = ([], []);
    }

    /// <summary>Copies the elements of a tensor behind those that are here.</summary>
    /// <param name="value">A tensor of texts.</param>
    /// <param name="count">How many it has.</param>
    public void Add(OrtValue value, int count)
    {
        if (count == 0)
            return;
        if (_starts.Length < Count + count)
            Array.Resize(ref _starts, Math.Max(Count + count, 2 * _starts.Length));
        if (!IsWhole || !TryAddWhole(value, count))
        {
            for (var i = 0; i < count; i++)
            {
                var text = value.GetStringElementAsSpan(i);
                Reserve(text.Length);
                text.CopyTo(_bytes.AsSpan(_length));
                _starts[Count + i] = (nuint)_length;
                _length += text.Length;
            }
        }

        Count += count;
    }

    private bool TryAddWhole(OrtValue value, int count)
    {
        var handle = HandleOf!(value);
        nuint length;
        if (GetLength(handle, &length) != 0)
            return false;
        Reserve(checked((int)length));
        fixed (byte* bytes = _bytes)
        fixed (nuint* starts = _starts)
        {
            // Of no bytes at all there is no first one to point at, and the function wants an address.
            byte none;
            if (GetContent(handle, bytes is null ? &none : bytes + _length, length, starts + Count, (nuint)count) != 0)
                return false;
        }

        GC.KeepAlive(value);
        if (_length > 0)
        {
            foreach (ref var start in _starts.AsSpan(Count, count))
                start += (nuint)_length;
        }

        _length += (int)length;
        return true;
    }

    private void Reserve(int length)
    {
        if (length > _bytes.Length - _length)
            Array.Resize(ref _bytes, Math.Max(checked(_length + length), (int)Math.Min(Array.MaxLength, Math.Max(256, 2L * _bytes.Length))));
    }
}
