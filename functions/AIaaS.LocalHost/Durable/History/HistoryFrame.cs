using System.Buffers.Binary;
using System.Numerics;
using System.Text.Json;

namespace AIaaS.LocalHost.Durable.History;

/// <summary>
/// A record as it lies in a file: its length, a checksum of its content and one of these two numbers, the content as
/// JSON, and the length again, by which the last record is found without reading the others. Numbers are little-endian
/// 32-bit; checksums are CRC-32C.
/// </summary>
internal static class HistoryFrame
{
    private const int HeaderLength = 12;
    private const int TrailerLength = 4;

    public static byte[] Encode(HistoryRecord record)
    {
        var content = JsonSerializer.SerializeToUtf8Bytes(record, HistoryJson.Compact.HistoryRecord);
        var frame = new byte[HeaderLength + content.Length + TrailerLength];
        BinaryPrimitives.WriteInt32LittleEndian(frame, content.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(4), Checksum(content));
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(8), Checksum(frame.AsSpan(0, 8)));
        content.CopyTo(frame, HeaderLength);
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(HeaderLength + content.Length), content.Length);
        return frame;
    }

    /// <summary>Reads all records of a file.</summary>
    /// <remarks>
    /// A write that was cut short leaves the beginning of a record, or after a power failure zeros or a wrong last
    /// record: that tail is left out. Anything else that does not add up is corruption.
    /// </remarks>
    public static HistoryContent Decode(ReadOnlySpan<byte> file)
    {
        var records = new List<HistoryRecord>();
        var position = 0;
        while (position < file.Length)
        {
            var rest = file[position..];
            if (rest.Length < HeaderLength)
                break;
            if (!TryReadHeader(rest, out var length, out var checksum))
            {
                if (rest.ContainsAnyExcept((byte)0))
                    return new HistoryContent(records, position, $"the record at byte {position} has a damaged header");
                break;
            }

            var frameLength = (long)HeaderLength + length + TrailerLength;
            if (rest.Length < frameLength)
                break;
            var content = rest.Slice(HeaderLength, length);
            if (Checksum(content) != checksum
                || BinaryPrimitives.ReadInt32LittleEndian(rest[(HeaderLength + length)..]) != length)
            {
                if (rest.Length > frameLength)
                    return new HistoryContent(records, position, $"the record at byte {position} does not match its checksum");
                break;
            }

            if (TryParse(content) is not { } record)
                return new HistoryContent(records, position, $"the record at byte {position} cannot be read");
            records.Add(record);
            position += (int)frameLength;
        }

        return new HistoryContent(records, position, null);
    }

    /// <summary>Reads the first and the last record of a file, and nothing between.</summary>
    /// <returns><c>null</c> where one of them is not whole.</returns>
    public static (HistoryRecord First, HistoryRecord Last)? DecodeEnds(Func<long, byte[], int> readAt, long length)
    {
        if (length < HeaderLength + TrailerLength)
            return null;
        var first = ReadFrame(readAt, 0, length);
        var trailer = new byte[TrailerLength];
        if (first is null || readAt(length - TrailerLength, trailer) != TrailerLength)
            return null;
        var lastStart = length - TrailerLength - HeaderLength - BinaryPrimitives.ReadUInt32LittleEndian(trailer);
        if (lastStart < 0)
            return null;
        var last = ReadFrame(readAt, lastStart, length);
        return last is null ? null : (first, last);
    }

    private static HistoryRecord? ReadFrame(Func<long, byte[], int> readAt, long position, long fileLength)
    {
        var header = new byte[HeaderLength];
        if (readAt(position, header) != HeaderLength
            || !TryReadHeader(header, out var length, out var checksum)
            || position + HeaderLength + length + TrailerLength > fileLength)
        {
            return null;
        }

        var content = new byte[length];
        return readAt(position + HeaderLength, content) == length && Checksum(content) == checksum ? TryParse(content) : null;
    }

    private static bool TryReadHeader(ReadOnlySpan<byte> header, out int length, out uint checksum)
    {
        length = BinaryPrimitives.ReadInt32LittleEndian(header);
        checksum = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
        return BinaryPrimitives.ReadUInt32LittleEndian(header[8..]) == Checksum(header[..8]) && length >= 0;
    }

    private static HistoryRecord? TryParse(ReadOnlySpan<byte> content)
    {
        try
        {
            return JsonSerializer.Deserialize(content, HistoryJson.Compact.HistoryRecord);
        }
        catch (Exception exception) when (exception is JsonException or NotSupportedException)
        {
            return null;
        }
    }

    private static uint Checksum(ReadOnlySpan<byte> data)
    {
        var checksum = uint.MaxValue;
        while (data.Length >= sizeof(ulong))
        {
            checksum = BitOperations.Crc32C(checksum, BinaryPrimitives.ReadUInt64LittleEndian(data));
            data = data[sizeof(ulong)..];
        }

        foreach (var value in data)
        {
            checksum = BitOperations.Crc32C(checksum, value);
        }

        return ~checksum;
    }
}

/// <param name="Records">The whole records before any damage.</param>
/// <param name="Length">Where they end.</param>
/// <param name="Corruption">What is damaged; <c>null</c> when at most a torn tail was left out.</param>
internal sealed record HistoryContent(IReadOnlyList<HistoryRecord> Records, int Length, string? Corruption);
