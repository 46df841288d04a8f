using System.Globalization;
using System.IO.Compression;
using System.Text;
using AIaaS.Data.DuckDb;

namespace AIaaS.Data.Preparation;

/// <summary>
/// Reads a zip archive of images: a row for each, in the order of their names, labelled by the folder it lies in or by
/// <c>labels.csv</c> (columns <c>file</c> and <c>label</c>). What is no usable image goes to quarantine.
/// </summary>
internal sealed class ImageArchiveReader(DuckDbConnection connection, Quarantine quarantine, long maximumBytes, UnpackedBytes unpacked, List<string> findings)
{
    private const long LargestImage = 32 * 1024 * 1024;
    private const long LargestLabels = 256 * 1024 * 1024;

    public RawTable Read(InspectedSource source, string table, CancellationToken cancellationToken)
    {
        using ZipArchive archive = ZipContents.Open(source.Path, source.Name);
        ZipArchiveEntry[] entries = [.. ZipContents.Files(archive).OrderBy(entry => entry.FullName, StringComparer.Ordinal)];
        ZipArchiveEntry? labelsEntry = entries.FirstOrDefault(entry => IsLabels(entry.FullName));
        Dictionary<string, string>? labels = labelsEntry is null ? null : ReadLabels(labelsEntry, source.Name);

        connection.Execute($"CREATE TABLE {table} (c0 BLOB, c1 VARCHAR, c2 BIGINT, c3 BIGINT, c4 VARCHAR)", cancellationToken);
        connection.Execute("BEGIN", cancellationToken);
        long total = 0, unlabelled = 0, kept = 0;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var used = new HashSet<string>(StringComparer.Ordinal);
        using (DuckDbStatement insert = connection.Prepare($"INSERT INTO {table} VALUES ($1, $2, $3, $4, $5)"))
        using (var content = new MemoryStream())
        {
            foreach (ZipArchiveEntry entry in entries)
            {
                if (entry == labelsEntry)
                    continue;
                cancellationToken.ThrowIfCancellationRequested();
                string file = entry.FullName.Replace('\\', '/');
                ImageHeader header = default;
                string? reason = ZipContents.Complaint(entry)
                    ?? (seen.Add(file) ? null : "repeated-name")
                    ?? Extract(entry, content, LargestImage)
                    ?? Look(content, out header);
                total += content.Length;
                unpacked.Add(content.Length);
                if (total > maximumBytes)
                    throw new DatasetException(DatasetReasons.TooLarge, $"{source.Name} is larger than {maximumBytes / (1024 * 1024)} MiB when unpacked. Send it in smaller parts.");
                if (reason is not null)
                {
                    quarantine.Add(new QuarantinedRow { File = $"{source.Name}/{file}", Reason = reason });
                    continue;
                }
                string? label = labels is null ? FolderOf(file) : LabelOf(file, labels, used);
                unlabelled += label is null ? 1 : 0;
                insert.Bind(1, content.GetBuffer().AsSpan(0, (int)content.Length)).Bind(2, file).Bind(3, (long)header.Width).Bind(4, (long)header.Height).Bind(5, label)
                    .Execute(cancellationToken);
                kept++;
            }
        }
        connection.Execute("COMMIT", cancellationToken);
        if (unlabelled > 0)
            findings.Add(Invariant($"{source.Name}: {unlabelled} of {kept} images have no label. Put each image in a folder named as its class, or name it in labels.csv."));
        if (labels is not null && labels.Count > used.Count)
            findings.Add(Invariant($"{source.Name}: {labels.Count - used.Count} rows of labels.csv name no image of the archive."));
        return new(table, SourceKind.Images,
            [new("image", "BLOB"), new("file", "VARCHAR"), new("width", "BIGINT"), new("height", "BIGINT"), new("label", "VARCHAR")], new(source.Name));
    }

    public static bool IsLabels(string name) => Path.GetFileName(name).ToLowerInvariant() is "labels.csv" or "labels.tsv";

    private static string? Look(MemoryStream content, out ImageHeader header)
    {
        ReadOnlySpan<byte> bytes = content.GetBuffer().AsSpan(0, (int)content.Length);
        header = default;
        return ZipContents.IsZip(bytes) || bytes is [0x1F, 0x8B, ..] or [(byte)'7', (byte)'z', 0xBC, 0xAF, ..] ? "nested-archive" : ImageHeader.Read(bytes, out header);
    }

    /// <summary>Takes an entry out, whatever size it claims; the reason where it cannot be.</summary>
    private static string? Extract(ZipArchiveEntry entry, MemoryStream content, long maximum)
    {
        content.SetLength(0);
        if (entry.Length > maximum)
            return "file-too-large";
        try
        {
            using Stream stream = entry.Open();
            byte[] buffer = new byte[81_920];
            int read;
            while ((read = stream.Read(buffer)) > 0)
            {
                if (content.Length + read > maximum)
                    return "file-too-large";
                content.Write(buffer, 0, read);
            }
            return content.Length == entry.Length ? null : "damaged-file";
        }
        catch (Exception exception) when (ZipContents.IsDamage(exception))
        {
            return "damaged-file";
        }
    }

    private static Dictionary<string, string> ReadLabels(ZipArchiveEntry entry, string archiveName)
    {
        using var content = new MemoryStream();
        if (ZipContents.Complaint(entry) is not null || Extract(entry, content, LargestLabels) is not null)
            throw Unusable("cannot be read");
        string text = Encoding.UTF8.GetString(content.GetBuffer(), 0, (int)content.Length).TrimStart('\uFEFF');
        char delimiter = entry.Name.EndsWith(".tsv", StringComparison.OrdinalIgnoreCase) ? '\t' : ',';
        DelimitedRecords.Record header = DelimitedRecords.Read(text, delimiter);
        List<string> names = [.. header.Fields.Select(name => name.Trim().ToLowerInvariant())];
        int file = names.FindIndex(name => name is "file" or "filename" or "image" or "path"), label = names.FindIndex(name => name is "label" or "class" or "target");
        if (file < 0 || label < 0)
            throw Unusable("has no columns file and label");
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int at = header.Length; at < text.Length;)
        {
            DelimitedRecords.Record record = DelimitedRecords.Read(text.AsSpan(at), delimiter);
            at += record.Length;
            if (record.Fields.Count > Math.Max(file, label) && record.Fields[label].Trim() is { Length: > 0 } value)
                labels[record.Fields[file].Trim().Replace('\\', '/')] = value;
        }
        return labels;

        DatasetException Unusable(string why) => new(DatasetReasons.Malformed,
            $"{entry.FullName} in {archiveName} {why}. Send it as CSV with the columns file and label, or leave it out and put each image in a folder named as its class.");
    }

    /// <summary>The label of the whole path, of a shorter end of it, or of the name alone.</summary>
    private static string? LabelOf(string file, Dictionary<string, string> labels, HashSet<string> used)
    {
        for (string rest = file; ; rest = rest[(rest.IndexOf('/', StringComparison.Ordinal) + 1)..])
        {
            if (labels.TryGetValue(rest, out string? label))
            {
                used.Add(rest);
                return label;
            }
            if (!rest.Contains('/', StringComparison.Ordinal))
                return null;
        }
    }

    private static string? FolderOf(string file)
    {
        string[] parts = file.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return parts.Length > 1 ? parts[^2] : null;
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
