using System.Runtime.InteropServices;

namespace AIaaS.Serving.Inference;

/// <summary>Pinned memory for the tensors of one request after another.</summary>
internal sealed class TensorArena
{
    /// <summary>Above this the memory is not kept for the next request.</summary>
    private const int MaxKeptBytes = 4 << 20;

    private const int SmallestBlock = 64 << 10;
    private const int Alignment = 64;

    private readonly List<byte[]> _blocks = [];
    private int _used;
    private long _total;

    /// <summary>Gives memory of its own to a tensor, uninitialized, until <see cref="Clear"/>.</summary>
    public Span<byte> Allocate(int bytes, out nint address)
    {
        if (_blocks.Count == 0 || !Fits(_blocks[^1], bytes))
        {
            // Pinned arrays begin where the runtime likes, so an alignment's worth is added.
            _blocks.Add(GC.AllocateUninitializedArray<byte>(checked(Math.Max(SmallestBlock, bytes) + Alignment), pinned: true));
            _total += _blocks[^1].Length;
            _used = Padding(_blocks[^1], 0);
        }

        var block = _blocks[^1];
        var start = _used;
        address = Marshal.UnsafeAddrOfPinnedArrayElement(block, start);
        _used = Math.Min(block.Length, start + bytes + Padding(block, start + bytes));
        return block.AsSpan(start, bytes);
    }

    public void Clear()
    {
        if (_total > MaxKeptBytes)
        {
            _blocks.Clear();
            _total = 0;
        }
        else if (_blocks.Count > 1)
        {
            // The next request of this kind then finds one block that holds it all.
            _blocks.Clear();
            _blocks.Add(GC.AllocateUninitializedArray<byte>((int)_total, pinned: true));
        }

        _used = _blocks.Count == 0 ? 0 : Padding(_blocks[0], 0);
    }

    private bool Fits(byte[] block, int bytes) => bytes <= block.Length - _used;

    private static int Padding(byte[] block, int offset) =>
        (int)((Alignment - ((Marshal.UnsafeAddrOfPinnedArrayElement(block, 0) + offset) % Alignment)) % Alignment);
}
