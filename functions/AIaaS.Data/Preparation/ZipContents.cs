using System.Buffers.Binary;
using System.IO.Compression;

namespace AIaaS.Data.Preparation;

/// <summary>Looks into zip archives, and takes what is in them out within bounds; nothing is ever written under a name from an archive.</summary>
internal static class ZipContents
{
    /// <summary>Entries of one archive.</summary>
    public const int MostEntries = 500_000;

    /// <summary>Bytes of the list of entries.</summary>
    private const long LongestDirectory = 128 * 1024 * 1024;

    /// <summary>Deflate does not compress better than this (RFC 1951), so an entry that claims to was made to.</summary>
    private const int HighestRatio = 1100;

    private static readonly string[] ImageExtensions = [".jpg", ".jpeg", ".png"];
    private static readonly string[] TableExtensions = [".csv", ".tsv", ".tab", ".txt", ".json", ".jsonl", ".ndjson", ".parquet"];

    public static bool IsZip(ReadOnlySpan<byte> head) => head.StartsWith("PK\x03\x04"u8) || head.StartsWith("PK\x05\x06"u8);

    /// <exception cref="DatasetException">The archive is damaged or too large.</exception>
    public static ZipArchive Open(string path, string name)
    {
        CheckDirectory(path, name);
        try
        {
            var archive = new ZipArchive(File.OpenRead(path), ZipArchiveMode.Read);
            // Reads the list of entries.
            _ = archive.Entries.Count;
            return archive;
        }
        catch (Exception exception) when (IsDamage(exception))
        {
            throw Damaged(name);
        }
    }

    /// <summary>The entries that a person put there: no folders, and none that file managers leave.</summary>
    public static IEnumerable<ZipArchiveEntry> Files(ZipArchive archive) => archive.Entries.Where(entry =>
        entry.FullName.Length > 0 && entry.FullName[^1] is not ('/' or '\\')
        && !entry.FullName.StartsWith("__MACOSX/", StringComparison.Ordinal)
        && !entry.Name.StartsWith('.') && entry.Name is not ("Thumbs.db" or "desktop.ini"));

    public static bool IsImageName(string name) => ImageExtensions.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase);

    public static bool IsTableName(string name) => TableExtensions.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase);

    /// <summary>Why an entry may not be read; null where it may.</summary>
    public static string? Complaint(ZipArchiveEntry entry)
    {
        string name = entry.FullName;
        if (name.StartsWith('/') || name.Contains(':', StringComparison.Ordinal) || name.Any(char.IsControl) || name.Split('/', '\\').Any(part => part is ".." or "."))
            return "unsafe-path";
        if ((entry.ExternalAttributes >> 16 & 0xF000) == 0xA000)
            return "symbolic-link";
        if (entry.IsEncrypted)
            return "encrypted";
        return entry.Length > HighestRatio * Math.Max(entry.CompressedLength, 64) ? "compression-bomb" : null;
    }

    /// <summary>Whether an exception of the zip reader means that the archive is at fault.</summary>
    public static bool IsDamage(Exception exception) =>
        exception is InvalidDataException or IOException or NotSupportedException or ArgumentException or OverflowException or IndexOutOfRangeException;

    public static DatasetException Damaged(string name) => new(DatasetReasons.Malformed, $"{name} is a damaged zip archive. Make and send it again.");

    /// <summary>The list of entries is read into memory, so its size is looked at before.</summary>
    private static void CheckDirectory(string path, string name)
    {
        using FileStream stream = File.OpenRead(path);
        byte[] tail = new byte[Math.Min(stream.Length, 66 * 1024)];
        stream.Position = stream.Length - tail.Length;
        stream.ReadExactly(tail);
        int end = tail.AsSpan().LastIndexOf("PK\x05\x06"u8);
        if (end < 0 || tail.Length - end < 22)
            throw Damaged(name);
        long entries = BinaryPrimitives.ReadUInt16LittleEndian(tail.AsSpan(end + 10));
        long offset = BinaryPrimitives.ReadUInt32LittleEndian(tail.AsSpan(end + 16));
        int wide = tail.AsSpan(0, end).LastIndexOf("PK\x06\x06"u8);
        if (wide >= 0 && end - wide >= 56 && (entries == ushort.MaxValue || offset == uint.MaxValue))
        {
            entries = BinaryPrimitives.ReadInt64LittleEndian(tail.AsSpan(wide + 32));
            offset = BinaryPrimitives.ReadInt64LittleEndian(tail.AsSpan(wide + 48));
        }
        long directory = stream.Length - tail.Length + end - offset;
        if (entries is < 0 or > MostEntries || directory > LongestDirectory)
            throw new DatasetException(DatasetReasons.TooLarge, $"{name} has more than {MostEntries} files. Send it in smaller parts.");
    }
}
