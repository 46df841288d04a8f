using System.Buffers.Binary;

namespace AIaaS.Data.Preparation;

/// <summary>What the headers of an image file tell, without decoding it.</summary>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
internal readonly record struct ImageHeader(int Width, int Height)
{
    /// <summary>Sides and pixels beyond which an image is not decoded: a few bytes can claim to be gigabytes.</summary>
    private const int LongestSide = 16_384;
    private const long MostPixels = 64L * 1024 * 1024;

    private static ReadOnlySpan<byte> PngSignature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    private static ReadOnlySpan<byte> JpegEnd => [0xFF, 0xD9];

    public static bool IsImage(ReadOnlySpan<byte> content) => content.StartsWith(PngSignature) || content is [0xFF, 0xD8, 0xFF, ..];

    /// <summary>Reads a JPEG or PNG image's size; the reason for quarantine where it cannot be used, else null.</summary>
    public static string? Read(ReadOnlySpan<byte> content, out ImageHeader header)
    {
        header = default;
        if (!IsImage(content))
            return "not-an-image";
        bool isWhole = content.StartsWith(PngSignature) ? ReadPng(content, out header) : ReadJpeg(content, out header);
        return !isWhole || header.Width <= 0 || header.Height <= 0 ? "damaged-image"
            : header.Width > LongestSide || header.Height > LongestSide || (long)header.Width * header.Height > MostPixels ? "image-too-large"
            : null;
    }

    /// <summary>Chunks of length, type, data and check sum, from IHDR to IEND (ISO/IEC 15948).</summary>
    private static bool ReadPng(ReadOnlySpan<byte> content, out ImageHeader header)
    {
        header = default;
        ReadOnlySpan<byte> rest = content[PngSignature.Length..];
        for (bool first = true; rest.Length >= 12; first = false)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(rest);
            ReadOnlySpan<byte> type = rest.Slice(4, 4);
            if (length > int.MaxValue || length > rest.Length - 12 || (first && (length != 13 || !type.SequenceEqual("IHDR"u8))))
                return false;
            if (first)
                header = new(BinaryPrimitives.ReadInt32BigEndian(rest[8..]), BinaryPrimitives.ReadInt32BigEndian(rest[12..]));
            if (type.SequenceEqual("IEND"u8))
                return true;
            rest = rest[(int)(length + 12)..];
        }
        return false;
    }

    /// <summary>Segments of marker and length up to the scan, a frame header among them, and an end marker behind it (ITU T.81).</summary>
    private static bool ReadJpeg(ReadOnlySpan<byte> content, out ImageHeader header)
    {
        header = default;
        ReadOnlySpan<byte> rest = content[2..];
        while (rest.Length >= 4 && rest[0] == 0xFF)
        {
            byte marker = rest[1];
            if (marker == 0xFF)
            {
                rest = rest[1..];
                continue;
            }
            int length = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
            if (length < 2 || length > rest.Length - 2)
                return false;
            if (marker == 0xDA)
                return header.Width > 0 && rest.LastIndexOf(JpegEnd) > 0;
            // SOF0 to SOF15, among which DHT, JPG and DAC have their numbers.
            if (marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC))
            {
                if (length < 8)
                    return false;
                header = new(BinaryPrimitives.ReadUInt16BigEndian(rest[7..]), BinaryPrimitives.ReadUInt16BigEndian(rest[5..]));
            }
            rest = rest[(length + 2)..];
        }
        return false;
    }
}
