using System.Buffers.Binary;
using System.IO.Compression;

namespace AIaaS.Data.Tests.Preparation;

/// <summary>Small image files.</summary>
internal static class Images
{
    /// <summary>A grey PNG file; its check sums are left at zero, which nothing here looks at.</summary>
    public static byte[] Png(int width, int height, byte shade = 128)
    {
        using var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
        byte[] header = [0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        Chunk("IHDR"u8, header);
        using (var pixels = new MemoryStream())
        {
            using (var zip = new ZLibStream(pixels, CompressionMode.Compress, leaveOpen: true))
            {
                for (int row = 0; row < Math.Min(height, 64); row++)
                    zip.Write([0, .. Enumerable.Repeat(shade, Math.Min(width, 64))]);
            }
            Chunk("IDAT"u8, pixels.ToArray());
        }
        Chunk("IEND"u8, []);
        return file.ToArray();

        void Chunk(ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
        {
            Span<byte> length = stackalloc byte[4];
            BinaryPrimitives.WriteInt32BigEndian(length, data.Length);
            file.Write(length);
            file.Write(type);
            file.Write(data);
            file.Write(stackalloc byte[4]);
        }
    }

    /// <summary>A JPEG file's segments around a few bytes of scan.</summary>
    public static byte[] Jpeg(int width, int height) =>
    [
        0xFF, 0xD8, 0xFF, 0xE0, 0, 16, (byte)'J', (byte)'F', (byte)'I', (byte)'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0,
        0xFF, 0xC2, 0, 11, 8, (byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width, 1, 1, 0x11, 0,
        0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 1, 2, 3, 4, 0xFF, 0xD9,
    ];

    public static string Zip(string path, params (string Name, byte[] Content)[] entries)
    {
        using var archive = new ZipArchive(File.Create(path), ZipArchiveMode.Create);
        foreach ((string name, byte[] content) in entries)
        {
            using Stream stream = archive.CreateEntry(name).Open();
            stream.Write(content);
        }
        return path;
    }
}
