using System.Buffers.Binary;

namespace AIaaS.Serving.Predictions;

/// <summary>Checks all that a JPEG file says of itself up to its end (ITU-T T.81, Annexes B, C and G).</summary>
/// <remarks>
/// The native decoder ends the whole process at the first rule that a file breaks outside of its pixels. So each rule is
/// checked here, some more strictly than they are written; damaged pixels it only warns of.
/// </remarks>
internal ref struct JpegFile
{
    private const string CutOff = "the JPEG file is damaged or cut off";
    private const int MostScans = 100;
    private const int MostBlocksOfUnit = 10;

    private readonly Component[] _components = new Component[3];
    private int _componentCount;
    private bool _isProgressive;
    private int _quantizationTables;
    private int _dcTables;
    private int _acTables;

    public JpegFile()
    {
    }

    /// <returns>What is wrong with it, for its sender; empty for nothing.</returns>
    public string Read(ReadOnlySpan<byte> rest, ref ImageHeader header)
    {
        var scans = 0;
        while (true)
        {
            var marker = rest.IndexOf((byte)0xFF);
            // Between segments only pixels of a scan may lie.
            if (marker < 0 || (marker > 0 && scans == 0))
                return CutOff;
            rest = rest[marker..].TrimStart((byte)0xFF);
            if (rest.IsEmpty)
                return CutOff;
            var code = rest[0];
            rest = rest[1..];
            switch (code)
            {
                case 0x00 or (>= 0xD0 and <= 0xD7) when scans > 0:
                    continue;
                case 0xD9:
                    return scans > 0 ? "" : CutOff;
                case 0xC0 or 0xC1 or 0xC2 or 0xC4 or 0xDA or 0xDB or 0xDD or (>= 0xE0 and <= 0xEF) or 0xFE:
                    break;
                case 0xC3 or (>= 0xC5 and <= 0xCF):
                    return "the JPEG file is of a rare kind (lossless, hierarchical or arithmetic); save it as baseline or progressive";
                default:
                    return CutOff;
            }

            if (rest.Length < 2 || BinaryPrimitives.ReadUInt16BigEndian(rest) is var length && (length < 2 || length > rest.Length))
                return CutOff;
            var content = rest[2..length];
            rest = rest[length..];
            var problem = code switch
            {
                0xC4 => ReadHuffmanTables(content) ? "" : CutOff,
                0xDB => ReadQuantizationTables(content) ? "" : CutOff,
                0xDD => content.Length == 2 ? "" : CutOff,
                0xDA => ++scans > MostScans ? $"the JPEG file has more than {MostScans} scans" : ReadScan(content) ? "" : CutOff,
                0xC0 or 0xC1 or 0xC2 => ReadFrame(content, code == 0xC2, ref header),
                _ => "",
            };
            if (problem.Length > 0)
                return problem;
        }
    }

    private string ReadFrame(ReadOnlySpan<byte> content, bool isProgressive, ref ImageHeader header)
    {
        if (_componentCount > 0 || content.Length < 6)
            return CutOff;
        var count = content[5];
        if (content[0] != 8 || count is not (1 or 3))
            return "the JPEG file is neither grey nor of three colours of 8 bits; save it as RGB";
        if (content.Length != 6 + (3 * count))
            return CutOff;
        header = new(BinaryPrimitives.ReadUInt16BigEndian(content[3..]), BinaryPrimitives.ReadUInt16BigEndian(content[1..]));
        if (header.Width > 65_500 || header.Height > 65_500)
            return "a side of it is longer than 65500 pixels";
        var (widest, highest) = (0, 0);
        for (var i = 0; i < count; i++)
        {
            var part = content.Slice(6 + (3 * i), 3);
            var component = new Component(part[0], part[1] >> 4, part[1] & 15, part[2]);
            if (component.Horizontal is < 1 or > 4 || component.Vertical is < 1 or > 4 || component.Quantization > 3 || Find(component.Id) >= 0)
                return CutOff;
            (widest, highest) = (Math.Max(widest, component.Horizontal), Math.Max(highest, component.Vertical));
            _components[_componentCount++] = component;
        }

        foreach (var component in _components.AsSpan(0, count))
        {
            if (widest % component.Horizontal != 0 || highest % component.Vertical != 0)
                return "the colours of the JPEG file are sampled in a rare way; save it with the usual 4:2:0 or 4:4:4";
        }

        _isProgressive = isProgressive;
        return "";
    }

    private readonly bool ReadScan(ReadOnlySpan<byte> content)
    {
        if (_componentCount == 0 || content.IsEmpty || content[0] is var count && (count < 1 || count > _componentCount || content.Length != 4 + (2 * count)))
            return false;
        var (from, to, high, low) = (content[^3], content[^2], content[^1] >> 4, content[^1] & 15);
        if (_isProgressive)
        {
            if (from == 0 ? to != 0 : from > to || to > 63 || count != 1)
                return false;
            if ((high != 0 && low != high - 1) || low > 13)
                return false;
        }
        else if (from != 0 || to != 63 || high != 0 || low != 0)
        {
            return false;
        }

        var (seen, blocks) = (0, 0);
        for (var i = 0; i < count; i++)
        {
            var index = Find(content[1 + (2 * i)]);
            if (index < 0 || (seen & (1 << index)) != 0)
                return false;
            seen |= 1 << index;
            var component = _components[index];
            blocks += component.Horizontal * component.Vertical;
            var (dc, ac) = (content[2 + (2 * i)] >> 4, content[2 + (2 * i)] & 15);
            var (needsDc, needsAc) = _isProgressive ? (from == 0 && high == 0, from > 0) : (true, true);
            if (dc > 3 || ac > 3 || !Has(_quantizationTables, component.Quantization) || (needsDc && !Has(_dcTables, dc)) || (needsAc && !Has(_acTables, ac)))
                return false;
        }

        return count == 1 || blocks <= MostBlocksOfUnit;
    }

    private bool ReadHuffmanTables(ReadOnlySpan<byte> content)
    {
        while (!content.IsEmpty)
        {
            if (content.Length < 17 || (content[0] & 0xEF) > 3)
                return false;
            var isDc = content[0] < 0x10;
            var (code, total) = (0, 0);
            for (var bits = 1; bits <= 16; bits++)
            {
                total += content[bits];
                code += content[bits];
                // A code of ones alone is kept free.
                if (content[bits] > 0 && code >= 1 << bits)
                    return false;
                code <<= 1;
            }

            if (total > 256 || content.Length < 17 + total)
                return false;
            if (isDc && content.Slice(17, total).ContainsAnyExceptInRange((byte)0, (byte)15))
                return false;
            if (isDc)
                _dcTables |= 1 << content[0];
            else
                _acTables |= 1 << (content[0] & 15);
            content = content[(17 + total)..];
        }

        return true;
    }

    private bool ReadQuantizationTables(ReadOnlySpan<byte> content)
    {
        while (!content.IsEmpty)
        {
            var (precision, table) = (content[0] >> 4, content[0] & 15);
            var length = 1 + (64 * (precision + 1));
            if (precision > 1 || table > 3 || content.Length < length)
                return false;
            _quantizationTables |= 1 << table;
            content = content[length..];
        }

        return true;
    }

    private readonly int Find(byte id)
    {
        for (var i = 0; i < _componentCount; i++)
        {
            if (_components[i].Id == id)
                return i;
        }

        return -1;
    }

    private static bool Has(int tables, int table) => (tables & (1 << table)) != 0;

    private readonly record struct Component(byte Id, int Horizontal, int Vertical, int Quantization);
}
