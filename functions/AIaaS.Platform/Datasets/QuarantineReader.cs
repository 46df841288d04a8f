using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using AIaaS.Data;
using AIaaS.Data.Preparation;
using AIaaS.Data.Rows;
using AIaaS.Formats;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Datasets;

/// <summary>The rows that a preparation put aside.</summary>
/// <param name="Version">Of the data set; that a refused one would have had.</param>
/// <param name="Sources">What they come from.</param>
/// <param name="Columns">Columns of the data set, as far as it has any.</param>
/// <param name="Rows">Where they lie, one JSON object a line.</param>
/// <param name="Quality">Where the report lies that counts them.</param>
public sealed record QuarantineFile(int Version, IReadOnlyList<DatasetSource> Sources, IReadOnlyList<string> Columns, ObjectPath Rows, ObjectPath Quality);

/// <param name="Version">Of the data set.</param>
/// <param name="Rows">How many were put aside.</param>
/// <param name="Reasons">How many by reason.</param>
/// <param name="Items">Those of this page.</param>
/// <param name="Continuation">Gives the next page; null on the last.</param>
public sealed record QuarantinePage(int Version, long Rows, IReadOnlyList<ValueCount> Reasons, IReadOnlyList<QuarantinedRow> Items, string? Continuation);

/// <summary>Shows the rows that were put aside, and gives them back in a form in which they can be corrected and sent again.</summary>
public sealed class QuarantineReader(DatasetService datasets, RunService runs, IObjectStore store, LocalFileCache cache, DownloadAdmission downloads, PlatformOptions options)
{
    /// <summary>Bytes that one page looks through at most; a page may so have fewer rows than asked for, or none, and still not be the last.</summary>
    private const long LongestLook = 32L << 20;

    /// <summary>Bytes of rows on one page.</summary>
    private const long LargestPage = 4L << 20;

    private const int HeadBytes = 8 << 20;

    /// <summary>The version whose rows a page was of.</summary>
    /// <exception cref="ProblemException">No page gave this continuation.</exception>
    public static int VersionOf(string continuation) => Cursor.Parse(continuation)!.Value.Version;

    /// <summary>Finds the rows that a version put aside.</summary>
    /// <exception cref="ProblemException">There is no such version.</exception>
    public async Task<QuarantineFile> FindAsync(string tenant, string dataset, int? version, CancellationToken cancellationToken)
        => Of(tenant, await datasets.ResolveVersionAsync(tenant, dataset, version, cancellationToken));

    /// <summary>Finds the rows that a run put aside, be the data refused or a version.</summary>
    /// <exception cref="ProblemException">There is no such run, or it has not prepared its data.</exception>
    public async Task<QuarantineFile> FindAsync(RunReference reference, CancellationToken cancellationToken)
    {
        var report = await FindReportAsync(reference, cancellationToken);
        return report.Version is { } version
            ? Of(reference.Tenant, version)
            : new QuarantineFile(
                report.Run.DatasetVersion,
                report.Run.Preparation?.Sources ?? [],
                [],
                Run.ReportFile(reference, QuarantinedRow.FileName),
                Run.ReportFile(reference, QualityReport.FileName));
    }

    /// <summary>Opens a file of the report on a run's data, be the data refused or a version.</summary>
    /// <exception cref="ProblemException">There is no such run, or it has not prepared its data.</exception>
    public async Task<ObjectContent> OpenReportAsync(RunReference reference, string file, CancellationToken cancellationToken)
    {
        var report = await FindReportAsync(reference, cancellationToken);
        var path = report.Version is { } version
            ? DatasetVersion.FileOf(reference.Tenant, version.Dataset, version.Version, file)
            : Run.ReportFile(reference, file);
        return await store.OpenReadAsync(path, range: null, cancellationToken)
            ?? throw new ProblemException(Problem.NotFound, $"The run '{reference.Run}' has no {file}.");
    }

    /// <summary>Reads a page of the rows.</summary>
    /// <param name="file">The rows.</param>
    /// <param name="reason">Only those; null for all.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="continuation">The one that the page before gave; null for the first page.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<QuarantinePage> ReadAsync(QuarantineFile file, string? reason, int limit, string? continuation, CancellationToken cancellationToken)
    {
        var counts = await ReadQualityAsync(file.Quality, cancellationToken);
        var start = Cursor.Parse(continuation)?.Place ?? 0;
        var items = new List<QuarantinedRow>();
        var (place, bytes) = (start, 0L);
        await foreach (var (row, length) in LinesAsync(file.Rows, start, cancellationToken))
        {
            if (items.Count == limit || bytes > LargestPage || place - start > LongestLook)
            {
                return Page(new Cursor(file.Version, place).ToString());
            }

            place += length;
            if (reason is null || row.Reason == reason)
            {
                items.Add(row);
                bytes += length;
            }
        }

        return Page(null);

        QuarantinePage Page(string? next) => new(file.Version, counts.RowsQuarantined, counts.QuarantineReasons, items, next);
    }

    /// <summary>Opens the rows as they are kept: JSON Lines.</summary>
    /// <exception cref="ProblemException">They are no longer stored.</exception>
    public async Task<ObjectContent> OpenAsync(QuarantineFile file, CancellationToken cancellationToken)
        => await store.OpenReadAsync(file.Rows, range: null, cancellationToken) ?? throw Gone();

    /// <summary>Writes the rows of one source as CSV in its own columns.</summary>
    /// <param name="tenant">Whose rows.</param>
    /// <param name="file">The rows.</param>
    /// <param name="source">The source's name; null where there is one only.</param>
    /// <param name="reason">Only those; null for all.</param>
    /// <param name="output">Where to; not completed.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ProblemException">
    /// There is no place for another download, there is no such source, it is not said which, it has no rows that could be corrected, or the client does not read.
    /// </exception>
    public async Task CopyCsvAsync(string tenant, QuarantineFile file, string? source, string? reason, PipeWriter output, CancellationToken cancellationToken)
    {
        const int flushEvery = 1 << 16;
        using var download = downloads.Enter(tenant);
        var (chosen, columns) = await FindColumnsAsync(file, source, cancellationToken);
        Csv.WriteRow(output, columns.Names);
        await foreach (var (row, _) in LinesAsync(file.Rows, 0, cancellationToken))
        {
            if (row.File == chosen.Name && row.Raw is not null && (reason is null || row.Reason == reason))
            {
                Csv.WriteRow(output, columns.Fields(row.Raw));
                if (output.UnflushedBytes >= flushEvery && !await download.FlushAsync(output, cancellationToken))
                {
                    return;
                }
            }
        }

        await download.FlushAsync(output, cancellationToken);
    }

    private static QuarantineFile Of(string tenant, DatasetVersion version) => new(
        version.Version,
        version.Sources,
        [.. version.Columns.Select(column => column.Name)],
        DatasetVersion.QuarantineOf(tenant, version.Dataset, version.Version),
        DatasetVersion.FileOf(tenant, version.Dataset, version.Version, QualityReport.FileName));

    private async Task<(Run Run, DatasetVersion? Version)> FindReportAsync(RunReference reference, CancellationToken cancellationToken)
    {
        var run = (await runs.GetAsync(reference.Tenant, reference.Run, cancellationToken)).Value;
        if (await store.GetPropertiesAsync(Run.ReportFile(reference, QualityReport.FileName), cancellationToken) is not null)
        {
            return (run, null);
        }

        if (run.Stages.Any(stage => stage is { Name: StageNames.Prepare, Status: StageStatus.Succeeded }))
        {
            return (run, (await datasets.GetVersionAsync(reference.Tenant, run.Dataset, run.DatasetVersion, cancellationToken)).Value);
        }

        throw new ProblemException(Problem.NotFound, $"The run '{reference.Run}' has no report on its data: it has not prepared it.");
    }

    private async Task<(DatasetSource Source, SourceColumns Columns)> FindColumnsAsync(QuarantineFile file, string? source, CancellationToken cancellationToken)
    {
        var names = string.Join(", ", file.Sources.Select(each => $"'{each.Name}'"));
        var chosen = source is null && file.Sources is [var only] ? only : file.Sources.FirstOrDefault(each => each.Name == source)
            ?? throw new ProblemException(
                Problem.InvalidValue,
                source is null ? $"'file' must say which file's rows to give, since each has columns of its own: {names}." : $"'file' names none of the files {names}.")
            { Field = "file" };
        using var folder = options.NewWorkFolder();
        try
        {
            using var whole = await OpenWholeAsync(chosen, cancellationToken);
            var path = whole?.Path ?? await ReadHeadAsync(chosen, Path.Combine(folder.Path, "head"), cancellationToken);
            return (chosen, SourceColumns.Read(path, chosen.Name, file.Columns, folder.Path, cancellationToken));
        }
        catch (DatasetException unreadable)
        {
            throw new ProblemException(Problem.UnusableData, unreadable.Message);
        }
    }

    private async Task<QualityReport> ReadQualityAsync(ObjectPath path, CancellationToken cancellationToken)
    {
        await using var content = await store.OpenReadAsync(path, range: null, cancellationToken) ?? throw Gone();
        return await content.ReadJsonAsync<QualityReport>(cancellationToken);
    }

    /// <summary>Compressed files cannot be read by their beginning.</summary>
    private async Task<LocalFile?> OpenWholeAsync(DatasetSource source, CancellationToken cancellationToken)
    {
        await using var head = await store.OpenReadAsync(source.Location, new ObjectRange(0, 4), cancellationToken) ?? throw Gone();
        var magic = new byte[4];
        var read = await head.Stream.ReadAtLeastAsync(magic, magic.Length, throwOnEndOfStream: false, cancellationToken);
        var plain = magic.AsSpan(0, read) is not ([0x1F, 0x8B, ..] or [0x28, 0xB5, 0x2F, 0xFD] or [(byte)'P', (byte)'A', (byte)'R', (byte)'1'] or [(byte)'P', (byte)'K', ..]);
        return plain ? null : await cache.OpenAsync(source.Location, cancellationToken) ?? throw Gone();
    }

    private async Task<string> ReadHeadAsync(DatasetSource source, string path, CancellationToken cancellationToken)
    {
        await using var content = await store.OpenReadAsync(source.Location, new ObjectRange(0, HeadBytes), cancellationToken) ?? throw Gone();
        await using var file = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
        await content.Stream.CopyToAsync(file, cancellationToken);
        if (file.Length == HeadBytes)
        {
            await EndAtLineAsync(file, cancellationToken);
        }

        return path;
    }

    // A character that is cut in two would make the whole look like another encoding; those of UTF-16 and UTF-32 are not cut here.
    private static async Task EndAtLineAsync(FileStream file, CancellationToken cancellationToken)
    {
        var mark = new byte[2];
        file.Seek(0, SeekOrigin.Begin);
        await file.ReadExactlyAsync(mark, cancellationToken);
        if (mark is [0xFF, 0xFE] or [0xFE, 0xFF] or [0, _] or [_, 0])
        {
            return;
        }

        var tail = new byte[1 << 20];
        file.Seek(-tail.Length, SeekOrigin.End);
        await file.ReadExactlyAsync(tail, cancellationToken);
        if (tail.AsSpan().LastIndexOf((byte)'\n') is var line and >= 0)
        {
            file.SetLength(file.Length - tail.Length + line + 1);
        }
    }

    private async IAsyncEnumerable<(QuarantinedRow Row, long Length)> LinesAsync(
        ObjectPath path, long start, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var content = await store.OpenReadAsync(path, new ObjectRange(start), cancellationToken) ?? throw Gone();
        var reader = PipeReader.Create(content.Stream, new StreamPipeReaderOptions(bufferSize: 1 << 16, leaveOpen: true));
        while (true)
        {
            var read = await reader.ReadAsync(cancellationToken);
            var buffer = read.Buffer;
            while (buffer.PositionOf((byte)'\n') is { } end)
            {
                var line = buffer.Slice(0, end);
                var row = Parse(line);
                var length = line.Length + 1;
                buffer = buffer.Slice(buffer.GetPosition(1, end));
                yield return (row, length);
            }

            reader.AdvanceTo(buffer.Start, buffer.End);
            if (read.IsCompleted)
            {
                break;
            }
        }

        await reader.CompleteAsync();
    }

    private static QuarantinedRow Parse(ReadOnlySequence<byte> line)
    {
        var reader = new Utf8JsonReader(line);
        return JsonSerializer.Deserialize<QuarantinedRow>(ref reader, JsonDefaults.Options) ?? throw new InvalidDataException("A rejected row is null.");
    }

    private static ProblemException Gone() => new(Problem.NotFound, "This is no longer stored.");
}
