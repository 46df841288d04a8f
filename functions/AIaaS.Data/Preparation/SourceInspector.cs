using System.Buffers;
using System.IO.Compression;
using System.Text;
using System.Text.Unicode;

namespace AIaaS.Data.Preparation;

/// <summary>Finds out what a file is by its content, then by its name, and makes text plain UTF-8.</summary>
/// <param name="workFolder">Where decompressed and transcoded copies go.</param>
/// <param name="maximumBytes">Bound on a decompressed file.</param>
/// <param name="unpacked">Counts what is decompressed, where all of it together has a bound.</param>
internal sealed class SourceInspector(string workFolder, long maximumBytes, UnpackedBytes? unpacked = null)
{
    private const int HeadLength = 64 * 1024;
    private const int BlockLength = 1024 * 1024;
    private const int MostTables = 1000;

    private static readonly SearchValues<char> PatternCharacters = SearchValues.Create("*?[]{}");

    private static readonly (byte[] Magic, string What)[] Foreign =
    [
        ([0x89, (byte)'P', (byte)'N', (byte)'G'], "a PNG image"),
        ([0xFF, 0xD8, 0xFF], "a JPEG image"),
        ("GIF8"u8.ToArray(), "a GIF image"),
        ("%PDF"u8.ToArray(), "a PDF document"),
        ("PK\x03\x04"u8.ToArray(), "an archive inside an archive"),
        ([0xD0, 0xCF, 0x11, 0xE0], "an old Excel workbook"),
        ("BZh"u8.ToArray(), "a bzip2 archive"),
        ("7z\xBC\xAF"u8.ToArray(), "a 7-Zip archive"),
        ([0x7F, (byte)'E', (byte)'L', (byte)'F'], "a program"),
        ("SQLite format 3"u8.ToArray(), "an SQLite database"),
    ];

    /// <summary>The tables of a source: one, or those of a zip archive.</summary>
    /// <exception cref="DatasetException">The file is empty, unreadable, or no table.</exception>
    public IEnumerable<InspectedSource> InspectAll(DatasetSource source, CancellationToken cancellationToken) =>
        ZipContents.IsZip(ReadHead(source.Path, source.Name)) ? InspectArchive(source, cancellationToken) : [Inspect(source, cancellationToken)];

    /// <summary>A file that is no archive of files.</summary>
    /// <exception cref="DatasetException">The file is empty, unreadable, or no table.</exception>
    public InspectedSource Inspect(DatasetSource source, CancellationToken cancellationToken)
    {
        string path = source.Path;
        string name = source.Name;
        var notes = new List<string>();
        byte[] head = ReadHead(path, name);

        if (head is [0x1F, 0x8B, ..] or [0x28, 0xB5, 0x2F, 0xFD, ..])
        {
            path = Decompress(path, name, isGzip: head[0] == 0x1F, cancellationToken);
            if (Path.GetExtension(name).ToLowerInvariant() is ".gz" or ".zst")
                name = Path.ChangeExtension(name, null);
            head = ReadHead(path, name);
        }
        if (head.AsSpan().StartsWith("PAR1"u8))
            return new(source.Name, Plain(path), SourceKind.Parquet, notes);

        Encoding? encoding = DetectByMark(head, out int mark) ?? DetectWideWithoutMark(head);
        if (encoding is null)
            RefuseBinary(head, name);

        bool transcode = encoding is not null;
        if (encoding is null)
        {
            TextSurvey survey = Survey(path, cancellationToken);
            if (survey.LooksLatin)
            {
                encoding = CodePagesEncodingProvider.Instance.GetEncoding(1252)!;
                notes.Add($"{name}: not valid UTF-8, read as Latin-1 (Windows-1252).");
                transcode = true;
            }
            else if (survey.MixedLineEnds)
            {
                encoding = new UTF8Encoding(false);
                transcode = true;
            }
        }
        else if (encoding is not UTF8Encoding)
        {
            notes.Add($"{name}: converted from {encoding.WebName.ToUpperInvariant()} to UTF-8.");
        }
        path = transcode ? Transcode(path, encoding!, mark, cancellationToken) : Plain(path);
        head = ReadHead(path, name);
        return new(source.Name, path, KindOfText(name, head), notes);
    }

    private List<InspectedSource> InspectArchive(DatasetSource source, CancellationToken cancellationToken)
    {
        using ZipArchive archive = ZipContents.Open(source.Path, source.Name);
        ZipArchiveEntry[] files = [.. ZipContents.Files(archive)];
        if (files.Any(entry => entry.FullName is "[Content_Types].xml" or "xl/workbook.xml"))
            throw new DatasetException(DatasetReasons.UnsupportedFormat, $"{source.Name} is an office document, not a table. Save it as CSV and send that.");
        if (files.Any(entry => ZipContents.IsImageName(entry.FullName)))
            return [new(source.Name, source.Path, SourceKind.Images, [])];
        ZipArchiveEntry[] tables = [.. files.Where(entry => ZipContents.IsTableName(entry.FullName)).OrderBy(entry => entry.FullName, StringComparer.Ordinal)];
        if (tables.Length == 0)
            throw new DatasetException(DatasetReasons.UnsupportedFormat, $"{source.Name} holds no images (JPEG, PNG) and no tables (CSV, TSV, JSON, JSON Lines, Parquet). Send an archive of those.");
        if (tables.Length > MostTables)
            throw new DatasetException(DatasetReasons.TooLarge, $"{source.Name} holds {tables.Length} tables; at most {MostTables} can be read. Join them, or send them in smaller parts.");

        var inspected = new List<InspectedSource>();
        long left = maximumBytes;
        foreach (ZipArchiveEntry entry in tables)
        {
            string name = $"{source.Name}/{entry.FullName}";
            if (ZipContents.Complaint(entry) is { } complaint)
                throw new DatasetException(DatasetReasons.Malformed, $"{name} cannot be taken out of the archive ({complaint}). Leave it out, or make the archive again.");
            string path = NewPath();
            try
            {
                using Stream input = entry.Open();
                left -= Copy(input, path, name, left, cancellationToken);
            }
            catch (Exception exception) when (exception is not DatasetException && ZipContents.IsDamage(exception))
            {
                throw ZipContents.Damaged(source.Name);
            }
            inspected.Add(Inspect(new DatasetSource(path, name), cancellationToken));
        }
        string[] others = [.. files.Except(tables).Select(entry => entry.FullName)];
        if (others.Length > 0)
            inspected[0] = inspected[0] with { Notes = [.. inspected[0].Notes, $"{source.Name}: {others.Length} files are no tables and were left out, such as {others[0]}."] };
        return inspected;
    }

    private static byte[] ReadHead(string path, string name)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            byte[] head = new byte[Math.Min(HeadLength, stream.Length)];
            stream.ReadExactly(head);
            if (head.AsSpan().IndexOfAnyExcept(" \t\r\n\uFEFF"u8) < 0)
                throw new DatasetException(DatasetReasons.Empty, $"{name} is empty. Send a file with a header line and at least one row.");
            return head;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(DatasetReasons.Unreadable, $"{name} cannot be read. Send it again.");
        }
    }

    private static void RefuseBinary(ReadOnlySpan<byte> head, string name)
    {
        foreach ((byte[] magic, string what) in Foreign)
        {
            if (head.StartsWith(magic))
                throw new DatasetException(DatasetReasons.UnsupportedFormat, $"{name} is {what}, not a table. Send CSV, TSV, JSON, JSON Lines or Parquet, as it is or with gzip or zstd.");
        }
        int controls = 0;
        foreach (byte value in head)
        {
            if (value == 0)
                throw Binary();
            if (value < 32 && value is not ((byte)'\t' or (byte)'\n' or (byte)'\r' or (byte)'\f'))
                controls++;
        }
        if (controls * 100 > head.Length)
            throw Binary();

        DatasetException Binary() => new(DatasetReasons.Binary, $"{name} holds binary data, not text. Send CSV, TSV, JSON, JSON Lines or Parquet, as it is or with gzip or zstd.");
    }

    private static Encoding? DetectByMark(ReadOnlySpan<byte> head, out int length)
    {
        (Encoding? encoding, length) = head switch
        {
            [0xEF, 0xBB, 0xBF, ..] => (new UTF8Encoding(false), 3),
            [0xFF, 0xFE, 0, 0, ..] => (new UTF32Encoding(bigEndian: false, byteOrderMark: false), 4),
            [0, 0, 0xFE, 0xFF, ..] => (new UTF32Encoding(bigEndian: true, byteOrderMark: false), 4),
            [0xFF, 0xFE, ..] => (new UnicodeEncoding(bigEndian: false, byteOrderMark: false), 2),
            [0xFE, 0xFF, ..] => (new UnicodeEncoding(bigEndian: true, byteOrderMark: false), 2),
            _ => ((Encoding?)null, 0),
        };
        return encoding;
    }

    /// <summary>Text in UTF-16 is half zeros, on one side of each pair, as far as it is ASCII.</summary>
    private static UnicodeEncoding? DetectWideWithoutMark(ReadOnlySpan<byte> head)
    {
        if (head.Length < 4)
            return null;
        int pairs = head.Length / 2, evenZeros = 0, oddZeros = 0;
        for (int i = 0; i < pairs; i++)
        {
            evenZeros += head[2 * i] == 0 ? 1 : 0;
            oddZeros += head[2 * i + 1] == 0 ? 1 : 0;
        }
        return oddZeros * 10 > pairs * 7 && evenZeros * 100 < pairs ? new UnicodeEncoding(bigEndian: false, byteOrderMark: false)
            : evenZeros * 10 > pairs * 7 && oddZeros * 100 < pairs ? new UnicodeEncoding(bigEndian: true, byteOrderMark: false)
            : null;
    }

    private static TextSurvey Survey(string path, CancellationToken cancellationToken)
    {
        var survey = new TextSurvey();
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BlockLength);
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
            int kept = 0;
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int read = stream.Read(buffer, kept, BlockLength - kept);
                int length = kept + read;
                if (length == 0)
                    return survey;
                int used = survey.Add(buffer.AsSpan(0, length), isLast: read == 0);
                kept = length - used;
                if (read == 0)
                    return survey;
                buffer.AsSpan(used, kept).CopyTo(buffer);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private string Decompress(string path, string name, bool isGzip, CancellationToken cancellationToken)
    {
        string target = NewPath();
        try
        {
            FileStream file = File.OpenRead(path);
            using Stream input = isGzip ? new GZipStream(file, CompressionMode.Decompress) : new ZstandardStream(file);
            Copy(input, target, name, maximumBytes, cancellationToken);
            return target;
        }
        catch (InvalidDataException)
        {
            throw new DatasetException(DatasetReasons.Malformed, $"{name} is a damaged {(isGzip ? "gzip" : "Zstandard")} file, or made in an unusual way. Compress and send it again.");
        }
    }

    /// <summary>Writes a stream to a file within a bound; returns the bytes.</summary>
    private long Copy(Stream input, string target, string name, long bound, CancellationToken cancellationToken)
    {
        using FileStream output = File.Create(target);
        byte[] buffer = new byte[BlockLength];
        long total = 0;
        int read;
        while ((read = input.Read(buffer)) > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            total += read;
            if (total > bound)
                throw new DatasetException(DatasetReasons.TooLarge, $"{name} is larger than {maximumBytes / (1024 * 1024)} MiB when decompressed. Send it in smaller parts.");
            unpacked?.Add(read);
            output.Write(buffer, 0, read);
        }
        return total;
    }

    private string Transcode(string path, Encoding encoding, int skip, CancellationToken cancellationToken)
    {
        string target = NewPath();
        using FileStream input = File.OpenRead(path);
        input.Position = skip;
        using var reader = new StreamReader(input, encoding, detectEncodingFromByteOrderMarks: false, BlockLength);
        using var writer = new StreamWriter(target, append: false, new UTF8Encoding(false), BlockLength);
        char[] buffer = new char[BlockLength];
        bool afterReturn = false;
        int read;
        while ((read = reader.Read(buffer)) > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int start = 0;
            for (int i = 0; i < read; i++)
            {
                // DuckDB stops at a file that mixes line ends; all become line feeds.
                char c = buffer[i];
                if (c == '\r' || (c == '\n' && afterReturn))
                {
                    writer.Write(buffer, start, i - start);
                    if (c == '\r')
                        writer.Write('\n');
                    start = i + 1;
                }
                afterReturn = c == '\r';
            }
            writer.Write(buffer, start, read - start);
        }
        return target;
    }

    /// <summary>DuckDB takes paths for patterns; one that holds a pattern's characters is read from a copy.</summary>
    private string Plain(string path)
    {
        if (path.AsSpan().IndexOfAny(PatternCharacters) < 0)
            return path;
        string target = NewPath();
        File.Copy(path, target);
        return target;
    }

    private string NewPath() => Path.Combine(workFolder, Path.GetRandomFileName());

    private static SourceKind KindOfText(string name, ReadOnlySpan<byte> head)
    {
        head = head.TrimStart(" \t\r\n"u8);
        if (BeginsWith(head, "<!doctype html"u8) || BeginsWith(head, "<html"u8))
            throw new DatasetException(DatasetReasons.UnsupportedFormat, $"{name} is a web page, not a table. Download the file itself, and send that.");
        switch (Path.GetExtension(name).ToLowerInvariant())
        {
            // Uploads without a name are taken for CSV.
            case ".csv" or ".tsv" or ".tab" when !BeginsWithObject(head):
                return SourceKind.Delimited;
            case ".jsonl" or ".ndjson":
                return SourceKind.JsonLines;
            case ".parquet":
                throw new DatasetException(DatasetReasons.Malformed, $"{name} is not a Parquet file. Write it again, or send CSV.");
        }
        if (head[0] == '[')
            return SourceKind.Json;
        if (head[0] != '{')
            return SourceKind.Delimited;
        int end = head.IndexOf((byte)'\n');
        ReadOnlySpan<byte> line = (end < 0 ? head : head[..end]).TrimEnd(" \t\r"u8);
        return end >= 0 && line[^1] == '}' && !head[end..].Trim(" \t\r\n"u8).IsEmpty ? SourceKind.JsonLines : SourceKind.Json;
    }

    private static bool BeginsWith(ReadOnlySpan<byte> head, ReadOnlySpan<byte> lower) =>
        head.Length >= lower.Length && Ascii.EqualsIgnoreCase(head[..lower.Length], lower);

    /// <summary>Whether a text begins with <c>{"</c> or <c>[{</c>, as JSON does and hardly a header.</summary>
    private static bool BeginsWithObject(ReadOnlySpan<byte> head) =>
        head[1..].TrimStart(" \t\r\n"u8) is [var next, ..] && (head[0], next) is ((byte)'{', (byte)'"') or ((byte)'[', (byte)'{');

    /// <summary>Counts what decides how a text without byte order mark is read.</summary>
    private sealed class TextSurvey
    {
        private long _sequences;
        private long _broken;
        private long _returnFeeds;
        private long _returns;
        private long _feeds;

        /// <summary>More broken than good sequences beyond ASCII: not UTF-8. A few broken ones are a damaged UTF-8 file, whose rows are quarantined.</summary>
        public bool LooksLatin => _broken > _sequences;

        public bool MixedLineEnds => _returns > 0 || (_returnFeeds > 0 && _feeds > 0);

        /// <summary>Returns the bytes used; an incomplete end is left for the next block.</summary>
        public int Add(ReadOnlySpan<byte> block, bool isLast)
        {
            int end = block.Length;
            if (!isLast)
            {
                // A line end or a sequence that the block cuts in two belongs to the next.
                int back = 0;
                while (back < 3 && back < end && block[end - 1 - back] >= 0x80)
                    back++;
                end -= back == 0 && block[end - 1] == '\r' ? 1 : back;
                if (end == 0)
                    end = block.Length;
            }
            block = block[..end];
            CountLineEnds(block);
            if (!Utf8.IsValid(block))
                CountSequences(block);
            else if (!Ascii.IsValid(block))
                _sequences++;
            return end;
        }

        private void CountLineEnds(ReadOnlySpan<byte> block)
        {
            int feeds = block.Count((byte)'\n');
            if (!block.Contains((byte)'\r'))
            {
                _feeds += feeds;
                return;
            }
            int pairs = block.Count("\r\n"u8);
            _returnFeeds += pairs;
            _feeds += feeds - pairs;
            _returns += block.Count((byte)'\r') - pairs;
        }

        private void CountSequences(ReadOnlySpan<byte> block)
        {
            while (!block.IsEmpty)
            {
                int next = block.IndexOfAnyExceptInRange((byte)0, (byte)0x7F);
                if (next < 0)
                    return;
                block = block[next..];
                if (Rune.DecodeFromUtf8(block, out _, out int used) == OperationStatus.Done)
                    _sequences++;
                else
                    _broken++;
                block = block[used..];
            }
        }
    }
}
