using System.Buffers.Binary;

namespace AIaaS.Serving.Predictions;

/// <summary>What a JPEG or PNG file says of itself, read before a native decoder sees it.</summary>
/// <remarks>
/// PNG: W3C Portable Network Graphics, chunks from IHDR to IEND. JPEG: see <see cref="JpegFile"/>.
/// </remarks>
internal readonly record struct ImageHeader(int Width, int Height)
{
    /// <summary>Most pixels of an image: 75 MB once they are decoded.</summary>
    public const int MostPixels = 25_000_000;

    private const int MostExtraBytes = 1 << 20;

    private static ReadOnlySpan<byte> PngStart => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Reads a whole file and checks its frame.</summary>
    /// <param name="file">The file.</param>
    /// <param name="header">Its size in pixels.</param>
    /// <param name="problem">What is wrong with it, for its sender.</param>
    public static bool TryRead(ReadOnlySpan<byte> file, out ImageHeader header, out string problem)
    {
        header = default;
        problem = "";
        if (file.StartsWith(PngStart))
            problem = ReadPng(file[PngStart.Length..], ref header);
        else if (file is [0xFF, 0xD8, ..])
            problem = new JpegFile().Read(file[2..], ref header);
        else
            problem = "it is neither a JPEG nor a PNG file";
        if (problem.Length == 0 && (header.Width < 1 || header.Height < 1))
            problem = "it has no pixels";
        if (problem.Length == 0 && (long)header.Width * header.Height > MostPixels)
            problem = $"it has {header.Width} × {header.Height} pixels; at most {MostPixels} are taken, so make it smaller";
        return problem.Length == 0;
    }

    private static string ReadPng(ReadOnlySpan<byte> rest, ref ImageHeader header)
    {
        const string CutOff = "the PNG file is damaged or cut off";
        var (first, hasData, extra) = (true, false, 0L);
        while (rest.Length >= 12)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(rest);
            var type = rest.Slice(4, 4);
            if (length > rest.Length - 12)
                return CutOff;
            var content = rest.Slice(8, (int)length);
            rest = rest[((int)length + 12)..];
            if (first != type.SequenceEqual("IHDR"u8) || (first && length != 13))
                return CutOff;
            if (first)
            {
                var (width, height) = (BinaryPrimitives.ReadUInt32BigEndian(content), BinaryPrimitives.ReadUInt32BigEndian(content[4..]));
                if (width > int.MaxValue || height > int.MaxValue)
                    return CutOff;
                header = new((int)width, (int)height);
                first = false;
            }
            else if (type.SequenceEqual("IEND"u8))
            {
                return hasData ? "" : CutOff;
            }
            else if (type.SequenceEqual("IDAT"u8))
            {
                hasData = true;
            }
            else if ((extra += length) > MostExtraBytes)
            {
                // Such as texts and colour profiles, which are compressed and could be made to fill the memory.
                return $"the PNG file has more than {MostExtraBytes} bytes beside its pixels; save it without its metadata";
            }
        }

        return CutOff;
    }
}
