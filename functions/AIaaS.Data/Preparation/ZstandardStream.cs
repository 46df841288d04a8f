using System.Buffers.Binary;
using System.Numerics;

namespace AIaaS.Data.Preparation;

/// <summary>Decompresses Zstandard frames without dictionary (RFC 8878), checking their sums. There is no such reader in .NET 10.</summary>
internal sealed class ZstandardStream(Stream input) : Stream
{
    public const uint Magic = 0xFD2FB528;

    /// <summary>What the zstd program decompresses without being told to use more memory.</summary>
    private const long LargestWindow = 128 * 1024 * 1024;
    private const int LargestBlock = 128 * 1024;
    private const int LongestHuffmanCode = 11;

    private static readonly int[] LiteralBases =
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];
    private static readonly byte[] LiteralBits = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    private static readonly int[] MatchBases =
    [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34,
        35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771, 65539,
    ];
    private static readonly byte[] MatchBits =
    [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
    ];
    private static readonly FseTable DefaultLiterals = new(
        [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1], 6);
    private static readonly FseTable DefaultOffsets = new(
        [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1], 5);
    private static readonly FseTable DefaultMatches = new(
        [1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1], 6);

    // Eight spare bytes let bits be loaded a word at a time.
    private readonly byte[] _block = new byte[LargestBlock + 8];
    private readonly byte[] _literals = new byte[LargestBlock];
    private byte[] _output = new byte[1024 * 1024];
    private int _read;
    private int _written;
    private bool _isInFrame;
    private bool _isLastBlock;
    private long _window;
    private long? _contentSize;
    private long _total;
    private bool _hasSum;
    private XxHash64 _sum;
    private FseTable? _literalLengths;
    private FseTable? _offsets;
    private FseTable? _matchLengths;
    private HuffmanTable? _huffman;
    private int _offset1;
    private int _offset2;
    private int _offset3;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <exception cref="InvalidDataException">The data is damaged, or needs a dictionary or more than 128 MiB of history.</exception>
    public override int Read(Span<byte> buffer)
    {
        while (_read == _written)
        {
            if (!_isInFrame && !BeginFrame())
                return 0;
            try
            {
                ReadBlock();
            }
            catch (Exception exception) when (exception is IndexOutOfRangeException or ArgumentException)
            {
                throw Damaged();
            }
        }
        int count = Math.Min(buffer.Length, _written - _read);
        _output.AsSpan(_read, count).CopyTo(buffer);
        _read += count;
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            input.Dispose();
        base.Dispose(disposing);
    }

    private static InvalidDataException Damaged() => new("The Zstandard data is damaged.");

    private bool BeginFrame()
    {
        Span<byte> bytes = stackalloc byte[8];
        while (true)
        {
            int first = input.ReadAtLeast(bytes[..4], 4, throwOnEndOfStream: false);
            if (first == 0)
                return false;
            if (first < 4)
                throw Damaged();
            uint magic = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
            if (magic == Magic)
                break;
            if ((magic & 0xFFFFFFF0) != 0x184D2A50)
                throw Damaged();
            Fill(bytes[..4]);
            for (uint left = BinaryPrimitives.ReadUInt32LittleEndian(bytes); left > 0;)
            {
                int part = (int)Math.Min(left, LargestBlock);
                Fill(_block.AsSpan(0, part));
                left -= (uint)part;
            }
        }
        int descriptor = ReadByteOrThrow();
        bool isSingle = (descriptor & 0x20) != 0;
        if ((descriptor & 0x08) != 0)
            throw Damaged();
        if (!isSingle)
        {
            int window = ReadByteOrThrow();
            long size = 1L << (10 + (window >> 3));
            _window = size + size / 8 * (window & 7);
        }
        int dictionaryLength = (descriptor & 3) switch { 3 => 4, var n => n };
        Fill(bytes[..dictionaryLength]);
        if (bytes[..dictionaryLength].ContainsAnyExcept((byte)0))
            throw new InvalidDataException("The Zstandard data needs a dictionary.");
        int sizeLength = (descriptor >> 6) switch { 0 => isSingle ? 1 : 0, 1 => 2, 2 => 4, _ => 8 };
        bytes.Clear();
        Fill(bytes[..sizeLength]);
        _contentSize = sizeLength == 0 ? null : (long)Math.Min(BinaryPrimitives.ReadUInt64LittleEndian(bytes), long.MaxValue) + (sizeLength == 2 ? 256 : 0);
        if (isSingle)
            _window = _contentSize!.Value;
        // What has been read out already only ever serves as history of its own frame.
        _read = _written = 0;
        if (_window > LargestWindow)
            throw new InvalidDataException("The Zstandard data needs more than 128 MiB of history.");
        _hasSum = (descriptor & 4) != 0;
        _sum = new XxHash64();
        _total = 0;
        (_offset1, _offset2, _offset3) = (1, 4, 8);
        (_literalLengths, _offsets, _matchLengths, _huffman) = (null, null, null, null);
        _isLastBlock = false;
        return _isInFrame = true;
    }

    private void ReadBlock()
    {
        Span<byte> header = stackalloc byte[4];
        header.Clear();
        Fill(header[..3]);
        uint value = BinaryPrimitives.ReadUInt32LittleEndian(header);
        _isLastBlock = (value & 1) != 0;
        int size = (int)(value >> 3);
        if (size > LargestBlock)
            throw Damaged();
        MakeRoom();
        int start = _written;
        switch (value >> 1 & 3)
        {
            case 0:
                Fill(_output.AsSpan(_written, size));
                _written += size;
                break;
            case 1:
                _output.AsSpan(_written, size).Fill((byte)ReadByteOrThrow());
                _written += size;
                break;
            case 2:
                Fill(_block.AsSpan(0, size));
                Decompress(size);
                break;
            default:
                throw Damaged();
        }
        _total += _written - start;
        if (_hasSum)
            _sum.Append(_output.AsSpan(start, _written - start));
        if (!_isLastBlock)
            return;
        if (_contentSize is { } expected && expected != _total)
            throw Damaged();
        if (_hasSum)
        {
            Fill(header);
            if (BinaryPrimitives.ReadUInt32LittleEndian(header) != (uint)_sum.Hash())
                throw Damaged();
        }
        _isInFrame = false;
    }

    /// <summary>Room for one block behind the history that matches may reach back to.</summary>
    private void MakeRoom()
    {
        if (_output.Length - _written >= LargestBlock)
            return;
        int keep = (int)Math.Min(_window, _written);
        if (_written - keep < LargestBlock || _written - keep < keep / 2)
            Array.Resize(ref _output, checked(2 * _output.Length));
        else
        {
            _output.AsSpan(_written - keep, keep).CopyTo(_output);
            _read = _written = keep;
        }
    }

    private void Decompress(int size)
    {
        int at = 0;
        ReadOnlySpan<byte> literals = ReadLiterals(ref at, size);
        int count = _block[at++];
        if (count == 255)
        {
            count = _block[at] + (_block[at + 1] << 8) + 0x7F00;
            at += 2;
        }
        else if (count >= 128)
        {
            count = ((count - 128) << 8) + _block[at++];
        }
        int limit = _written + LargestBlock;
        if (count > 0)
        {
            int modes = _block[at++];
            if ((modes & 3) != 0)
                throw Damaged();
            _literalLengths = ReadTable(modes >> 6, ref at, size, _literalLengths, DefaultLiterals, 9, 35);
            _offsets = ReadTable(modes >> 4 & 3, ref at, size, _offsets, DefaultOffsets, 8, 31);
            _matchLengths = ReadTable(modes >> 2 & 3, ref at, size, _matchLengths, DefaultMatches, 9, 52);
            literals = Execute(count, literals, new BackwardBits(_block, at, size), limit);
        }
        else if (at != size)
        {
            throw Damaged();
        }
        if (literals.Length > limit - _written)
            throw Damaged();
        literals.CopyTo(_output.AsSpan(_written));
        _written += literals.Length;
    }

    private ReadOnlySpan<byte> Execute(int count, ReadOnlySpan<byte> literals, BackwardBits bits, int limit)
    {
        int literalState = bits.Read(_literalLengths!.Log), offsetState = bits.Read(_offsets!.Log), matchState = bits.Read(_matchLengths!.Log);
        for (int i = 0; i < count; i++)
        {
            int offsetCode = _offsets.Symbols[offsetState], matchCode = _matchLengths.Symbols[matchState], literalCode = _literalLengths.Symbols[literalState];
            long offsetValue = (1L << offsetCode) + (uint)bits.Read(offsetCode);
            int matchLength = MatchBases[matchCode] + bits.Read(MatchBits[matchCode]);
            int literalLength = LiteralBases[literalCode] + bits.Read(LiteralBits[literalCode]);
            int offset = OffsetOf(offsetValue, literalLength);
            if (i < count - 1)
            {
                literalState = _literalLengths.Next(literalState, ref bits);
                matchState = _matchLengths.Next(matchState, ref bits);
                offsetState = _offsets.Next(offsetState, ref bits);
            }
            if (bits.IsOverrun || literalLength > literals.Length || (long)literalLength + matchLength > limit - _written
                || offset <= 0 || offset > _window || offset > _written + literalLength)
                throw Damaged();
            literals[..literalLength].CopyTo(_output.AsSpan(_written));
            literals = literals[literalLength..];
            _written += literalLength;
            Span<byte> target = _output.AsSpan(_written, matchLength);
            if (offset >= matchLength)
            {
                _output.AsSpan(_written - offset, matchLength).CopyTo(target);
            }
            else
            {
                // The match overlaps what it makes.
                for (int j = 0; j < matchLength; j++)
                    target[j] = _output[_written - offset + j];
            }
            _written += matchLength;
        }
        return bits.IsAtEnd ? literals : throw Damaged();
    }

    private int OffsetOf(long value, int literalLength)
    {
        if (value > 3)
        {
            (_offset1, _offset2, _offset3) = (value - 3 > LargestWindow ? -1 : (int)(value - 3), _offset1, _offset2);
            return _offset1;
        }
        switch (value + (literalLength == 0 ? 1 : 0))
        {
            case 1:
                break;
            case 2:
                (_offset1, _offset2) = (_offset2, _offset1);
                break;
            case 3:
                (_offset1, _offset2, _offset3) = (_offset3, _offset1, _offset2);
                break;
            default:
                (_offset1, _offset2, _offset3) = (_offset1 - 1, _offset1, _offset2);
                break;
        }
        return _offset1;
    }

    private ReadOnlySpan<byte> ReadLiterals(ref int at, int size)
    {
        int first = _block[at], type = first & 3, format = first >> 2 & 3;
        if (type < 2)
        {
            (int length, int header) = format switch
            {
                1 => ((first >> 4) + (_block[at + 1] << 4), 2),
                3 => ((first >> 4) + (_block[at + 1] << 4) + (_block[at + 2] << 12), 3),
                _ => (first >> 3, 1),
            };
            at += header;
            if (length > LargestBlock || at + (type == 0 ? length : 1) > size)
                throw Damaged();
            if (type == 1)
            {
                _literals.AsSpan(0, length).Fill(_block[at++]);
                return _literals.AsSpan(0, length);
            }
            at += length;
            return _block.AsSpan(at - length, length);
        }

        (int bits, int headerLength) = format switch { 2 => (14, 4), 3 => (18, 5), _ => (10, 3) };
        ulong word = BinaryPrimitives.ReadUInt64LittleEndian(_block.AsSpan(at));
        int regenerated = (int)(word >> 4) & ((1 << bits) - 1), compressed = (int)(word >> (4 + bits)) & ((1 << bits) - 1);
        at += headerLength;
        int end = at + compressed;
        if (regenerated > LargestBlock || end > size)
            throw Damaged();
        if (type == 2)
            _huffman = ReadHuffman(ref at, end);
        if (_huffman is null)
            throw Damaged();
        if (format == 0)
        {
            _huffman.Decode(new BackwardBits(_block, at, end), _literals.AsSpan(0, regenerated));
        }
        else
        {
            Span<int> ends = stackalloc int[4];
            int start = at + 6;
            for (int i = 0, from = start; i < 3; i++)
                from = ends[i] = from + BinaryPrimitives.ReadUInt16LittleEndian(_block.AsSpan(at + 2 * i));
            ends[3] = end;
            int quarter = (regenerated + 3) / 4;
            for (int i = 0; i < 4; i++)
            {
                int from = Math.Min(i * quarter, regenerated), to = i == 3 ? regenerated : Math.Min(from + quarter, regenerated);
                _huffman.Decode(new BackwardBits(_block, start, ends[i]), _literals.AsSpan(from, to - from));
                start = ends[i];
            }
        }
        at = end;
        return _literals.AsSpan(0, regenerated);
    }

    private HuffmanTable ReadHuffman(ref int at, int end)
    {
        Span<byte> weights = stackalloc byte[256];
        weights.Clear();
        int count, header = _block[at++];
        if (header >= 128)
        {
            count = header - 127;
            for (int i = 0; i < count; i++)
                weights[i] = (byte)(i % 2 == 0 ? _block[at + i / 2] >> 4 : _block[at + i / 2] & 15);
            at += (count + 1) / 2;
        }
        else
        {
            int from = at;
            at += header;
            FseTable table = FseTable.Read(_block, ref from, at, 6, 255);
            var bits = new BackwardBits(_block, from, at);
            int state1 = bits.Read(table.Log), state2 = bits.Read(table.Log);
            // Two states take turns until the bits are used up, and the last one still tells a weight.
            for (count = 0; ;)
            {
                weights[count++] = table.Symbols[state1];
                state1 = table.Next(state1, ref bits);
                if (bits.IsOverrun)
                {
                    weights[count++] = table.Symbols[state2];
                    break;
                }
                weights[count++] = table.Symbols[state2];
                state2 = table.Next(state2, ref bits);
                if (bits.IsOverrun)
                {
                    weights[count++] = table.Symbols[state1];
                    break;
                }
            }
        }
        return at <= end ? new HuffmanTable(weights, count) : throw Damaged();
    }

    private FseTable ReadTable(int mode, ref int at, int size, FseTable? previous, FseTable standard, int largestLog, int largestSymbol)
    {
        switch (mode)
        {
            case 0:
                return standard;
            case 1:
                return _block[at] <= largestSymbol ? FseTable.Of(_block[at++]) : throw Damaged();
            case 2:
                return FseTable.Read(_block, ref at, size, largestLog, largestSymbol);
            default:
                return previous ?? throw Damaged();
        }
    }

    private void Fill(Span<byte> buffer)
    {
        if (input.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false) < buffer.Length)
            throw Damaged();
    }

    private int ReadByteOrThrow() => input.ReadByte() is var value and >= 0 ? value : throw Damaged();

    /// <summary>Bits from the end of some bytes to their beginning; above the last of them stands a one.</summary>
    private ref struct BackwardBits
    {
        private readonly byte[] _bytes;
        private readonly int _start;
        private int _left;

        public BackwardBits(byte[] bytes, int start, int end)
        {
            if (start >= end || bytes[end - 1] == 0)
                throw Damaged();
            _bytes = bytes;
            _start = start;
            _left = (end - start) * 8 - (BitOperations.LeadingZeroCount((uint)bytes[end - 1]) - 24) - 1;
        }

        public readonly bool IsAtEnd => _left == 0;

        public readonly bool IsOverrun => _left < 0;

        public int Read(int count)
        {
            int value = Peek(count);
            _left -= count;
            return value;
        }

        public void Skip(int count) => _left -= count;

        /// <summary>The next bits; zeros follow the first byte.</summary>
        public readonly int Peek(int count)
        {
            int at = _left - count, missing = 0;
            if (at < 0)
            {
                missing = Math.Min(-at, count);
                at = 0;
            }
            ulong word = BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(_start + (at >> 3)));
            return (int)((word >> (at & 7) & ((1UL << (count - missing)) - 1)) << missing);
        }
    }

    /// <summary>A decoding table of finite state entropy (RFC 8878, 4.1).</summary>
    private sealed class FseTable
    {
        private readonly byte[] _bits;
        private readonly ushort[] _bases;

        public FseTable(ReadOnlySpan<short> probabilities, int log)
        {
            int size = 1 << log, high = size;
            Log = log;
            Symbols = new byte[size];
            _bits = new byte[size];
            _bases = new ushort[size];
            Span<int> states = stackalloc int[256];
            for (int symbol = 0; symbol < probabilities.Length; symbol++)
            {
                states[symbol] = Math.Abs((int)probabilities[symbol]);
                if (probabilities[symbol] == -1)
                    Symbols[--high] = (byte)symbol;
            }
            int position = 0;
            for (int symbol = 0; symbol < probabilities.Length; symbol++)
            {
                for (int i = 0; i < probabilities[symbol]; i++)
                {
                    Symbols[position] = (byte)symbol;
                    do
                        position = (position + (size >> 1) + (size >> 3) + 3) & (size - 1);
                    while (position >= high);
                }
            }
            if (position != 0)
                throw Damaged();
            for (int i = 0; i < size; i++)
            {
                int state = states[Symbols[i]]++;
                _bits[i] = (byte)(log - BitOperations.Log2((uint)state));
                _bases[i] = (ushort)((state << _bits[i]) - size);
            }
        }

        private FseTable(byte symbol)
        {
            Symbols = [symbol];
            _bits = [0];
            _bases = [0];
        }

        public int Log { get; }

        public byte[] Symbols { get; }

        public static FseTable Of(byte symbol) => new(symbol);

        public static FseTable Read(byte[] bytes, ref int at, int end, int largestLog, int largestSymbol)
        {
            int bit = 0, from = at;
            int log = Take(4) + 5;
            if (log > largestLog)
                throw Damaged();
            Span<short> probabilities = stackalloc short[256];
            int remaining = 1 << log, symbol = 0;
            while (remaining > 0)
            {
                if (symbol > largestSymbol)
                    throw Damaged();
                int bits = BitOperations.Log2((uint)remaining + 1) + 1;
                int value = Take(bits), lowerMask = (1 << (bits - 1)) - 1, threshold = (1 << bits) - 1 - (remaining + 1);
                if ((value & lowerMask) < threshold)
                {
                    bit--;
                    value &= lowerMask;
                }
                else if (value > lowerMask)
                {
                    value -= threshold;
                }
                int probability = value - 1;
                remaining -= Math.Abs(probability);
                probabilities[symbol++] = (short)probability;
                if (probability != 0)
                    continue;
                int repeat;
                do
                {
                    repeat = Take(2);
                    symbol += repeat;
                }
                while (repeat == 3);
            }
            at += (bit + 7) / 8;
            return remaining == 0 && symbol <= largestSymbol + 1 && at <= end ? new(probabilities[..symbol], log) : throw Damaged();

            int Take(int count)
            {
                ulong word = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(from + (bit >> 3)));
                int value = (int)(word >> (bit & 7)) & ((1 << count) - 1);
                bit += count;
                return value;
            }
        }

        public int Next(int state, ref BackwardBits bits) => _bases[state] + bits.Read(_bits[state]);
    }

    private sealed class HuffmanTable
    {
        private readonly int _log;
        private readonly byte[] _symbols;
        private readonly byte[] _lengths;

        /// <param name="weights">Of the symbols from 0; room for one more, which follows from the others.</param>
        /// <param name="count">Weights that were told.</param>
        public HuffmanTable(Span<byte> weights, int count)
        {
            int sum = 0;
            foreach (byte weight in weights[..count])
                sum += weight > LongestHuffmanCode ? throw Damaged() : (1 << weight) >> 1;
            if (sum == 0)
                throw Damaged();
            _log = BitOperations.Log2((uint)sum) + 1;
            int rest = (1 << _log) - sum;
            if (_log > LongestHuffmanCode || !BitOperations.IsPow2(rest))
                throw Damaged();
            weights[count++] = (byte)(BitOperations.Log2((uint)rest) + 1);
            _symbols = new byte[1 << _log];
            _lengths = new byte[1 << _log];
            int at = 0;
            for (int weight = 1; weight <= _log; weight++)
            {
                for (int symbol = 0; symbol < count; symbol++)
                {
                    if (weights[symbol] != weight)
                        continue;
                    int span = 1 << (weight - 1);
                    _symbols.AsSpan(at, span).Fill((byte)symbol);
                    _lengths.AsSpan(at, span).Fill((byte)(_log + 1 - weight));
                    at += span;
                }
            }
        }

        public void Decode(BackwardBits bits, Span<byte> output)
        {
            for (int i = 0; i < output.Length; i++)
            {
                int code = bits.Peek(_log);
                output[i] = _symbols[code];
                bits.Skip(_lengths[code]);
            }
            if (!bits.IsAtEnd)
                throw Damaged();
        }
    }

    /// <summary>XXH64 with seed 0, of which frames carry the lower half.</summary>
    private struct XxHash64
    {
        private const ulong P1 = 0x9E3779B185EBCA87, P2 = 0xC2B2AE3D27D4EB4F, P3 = 0x165667B19E3779F9, P4 = 0x85EBCA77C2B2AE63, P5 = 0x27D4EB2F165667C5;

        private readonly byte[] _rest = new byte[32];
        private ulong _v1 = unchecked(P1 + P2), _v2 = P2, _v3, _v4 = unchecked(0 - P1), _length;
        private int _count;

        public XxHash64()
        {
        }

        public void Append(ReadOnlySpan<byte> data)
        {
            _length += (ulong)data.Length;
            if (_count > 0)
            {
                int part = Math.Min(32 - _count, data.Length);
                data[..part].CopyTo(_rest.AsSpan(_count));
                _count += part;
                data = data[part..];
                if (_count < 32)
                    return;
                Add(_rest);
                _count = 0;
            }
            for (; data.Length >= 32; data = data[32..])
                Add(data);
            data.CopyTo(_rest);
            _count = data.Length;
        }

        public readonly ulong Hash()
        {
            unchecked
            {
                ulong hash = P5;
                if (_length >= 32)
                {
                    hash = BitOperations.RotateLeft(_v1, 1) + BitOperations.RotateLeft(_v2, 7) + BitOperations.RotateLeft(_v3, 12) + BitOperations.RotateLeft(_v4, 18);
                    foreach (ulong v in (ReadOnlySpan<ulong>)[_v1, _v2, _v3, _v4])
                        hash = (hash ^ Round(0, v)) * P1 + P4;
                }
                hash += _length;
                ReadOnlySpan<byte> rest = _rest.AsSpan(0, _count);
                for (; rest.Length >= 8; rest = rest[8..])
                    hash = BitOperations.RotateLeft(hash ^ Round(0, BinaryPrimitives.ReadUInt64LittleEndian(rest)), 27) * P1 + P4;
                if (rest.Length >= 4)
                {
                    hash = BitOperations.RotateLeft(hash ^ BinaryPrimitives.ReadUInt32LittleEndian(rest) * P1, 23) * P2 + P3;
                    rest = rest[4..];
                }
                foreach (byte value in rest)
                    hash = BitOperations.RotateLeft(hash ^ value * P5, 11) * P1;
                hash = (hash ^ hash >> 33) * P2;
                hash = (hash ^ hash >> 29) * P3;
                return hash ^ hash >> 32;
            }
        }

        private static ulong Round(ulong sum, ulong value) => unchecked(BitOperations.RotateLeft(sum + value * P2, 31) * P1);

        private void Add(ReadOnlySpan<byte> stripe)
        {
            _v1 = Round(_v1, BinaryPrimitives.ReadUInt64LittleEndian(stripe));
            _v2 = Round(_v2, BinaryPrimitives.ReadUInt64LittleEndian(stripe[8..]));
            _v3 = Round(_v3, BinaryPrimitives.ReadUInt64LittleEndian(stripe[16..]));
            _v4 = Round(_v4, BinaryPrimitives.ReadUInt64LittleEndian(stripe[24..]));
        }
    }
}
