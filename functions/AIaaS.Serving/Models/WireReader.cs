using System.Buffers.Binary;

namespace AIaaS.Serving.Models;

/// <summary>Reads the fields of one Protocol Buffers message.</summary>
internal ref struct WireReader(ReadOnlySpan<byte> message)
{
    private readonly int _length = message.Length;
    private ReadOnlySpan<byte> _rest = message;
    private ReadOnlySpan<byte> _content;
    private WireType _type;

    private enum WireType
    {
        Number = 0,
        Fixed64 = 1,
        Bytes = 2,
        Fixed32 = 5,
    }

    public int Field { get; private set; }

    /// <summary>A field that is a number.</summary>
    public ulong Number { get; private set; }

    /// <summary>Where in the message the field's bytes end.</summary>
    public readonly int End => _length - _rest.Length;

    /// <summary>Whether the field is one number, and not bytes.</summary>
    public readonly bool IsNumber => _type == WireType.Number;

    /// <summary>A field that has bytes.</summary>
    public readonly ReadOnlySpan<byte> Message() => _type == WireType.Bytes ? _content : throw Malformed();

    /// <summary>A field of single-precision numbers: one of them, or several that are packed.</summary>
    public readonly void AddSinglesTo(List<float> singles)
    {
        if (_type is not (WireType.Bytes or WireType.Fixed32) || _content.Length % 4 != 0)
            throw Malformed();
        for (var rest = _content; !rest.IsEmpty; rest = rest[4..])
            singles.Add(BinaryPrimitives.ReadSingleLittleEndian(rest));
    }

    /// <summary>A field of whole numbers: one of them, or several that are packed.</summary>
    public readonly void AddNumbersTo(List<long> numbers)
    {
        if (_type == WireType.Number)
        {
            numbers.Add((long)Number);
            return;
        }

        for (var packed = new WireReader(Message()); !packed._rest.IsEmpty;)
            numbers.Add((long)packed.ReadNumber());
    }

    public bool Next()
    {
        if (_rest.IsEmpty)
            return false;
        var tag = ReadNumber();
        if (tag >> 3 is 0 or > int.MaxValue)
            throw Malformed();
        Field = (int)(tag >> 3);
        _type = (WireType)(tag & 7);
        switch (_type)
        {
            case WireType.Number:
                Number = ReadNumber();
                break;
            case WireType.Fixed64:
                _content = Take(8);
                break;
            case WireType.Bytes:
                _content = Take(ReadNumber());
                break;
            case WireType.Fixed32:
                _content = Take(4);
                break;
            default:
                throw Malformed();
        }

        return true;
    }

    private ReadOnlySpan<byte> Take(ulong length)
    {
        if (length > (ulong)_rest.Length)
            throw Malformed();
        var taken = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return taken;
    }

    private ulong ReadNumber()
    {
        var number = 0UL;
        for (var i = 0; i < 10 && i < _rest.Length; i++)
        {
            number |= (_rest[i] & 0x7FUL) << (7 * i);
            if (_rest[i] < 0x80)
            {
                _rest = _rest[(i + 1)..];
                return number;
            }
        }

        throw Malformed();
    }

    private static InvalidDataException Malformed() => new("it is not an ONNX file, or is cut off.");
}
