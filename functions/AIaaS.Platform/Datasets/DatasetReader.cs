using System.Buffers;
using System.IO.Pipelines;
using AIaaS.Data;
using AIaaS.Data.Rows;
using AIaaS.Formats;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Datasets;

/// <summary>Which rows somebody asks for.</summary>
public sealed record RowsRequest
{
    /// <summary>Columns in the order wanted; empty for all.</summary>
    public IReadOnlyList<string> Columns { get; init; } = [];

    /// <summary>An SQL expression; rows for which it is not true are left out. Null for all rows.</summary>
    public string? Filter { get; init; }

    public int Limit { get; init; } = 50;

    public string? Continuation { get; init; }
}

/// <param name="Version">The version that the rows are of.</param>
/// <param name="Rows">JSON array or CSV.</param>
/// <param name="Continuation">Gives the next page; null on the last.</param>
public sealed record RowsPage(int Version, ReadOnlyMemory<byte> Rows, string? Continuation);

/// <summary>Reads rows of prepared data sets, from copies on this machine.</summary>
public sealed class DatasetReader(DatasetService datasets, LocalFileCache cache, DownloadAdmission downloads) : IDisposable
{
    private const int ConcurrentPages = 4;

    /// <summary>Bytes after which a page ends.</summary>
    private const long EnoughForPage = 4_000_000;

    /// <summary>Characters of a text on a page.</summary>
    private const int LongestText = 65_536;

    private readonly SemaphoreSlim _pages = new(ConcurrentPages, ConcurrentPages);

    /// <summary>Reads a page of rows as a JSON array of objects.</summary>
    /// <exception cref="ProblemException">There is no such version, or the request asks for what it has not.</exception>
    public Task<RowsPage> ReadJsonAsync(string tenant, string dataset, int? version, RowsRequest request, CancellationToken cancellationToken)
        => ReadPageAsync(tenant, dataset, version, request, (rows, query, output) => rows.WriteJson(query, output, cancellationToken), cancellationToken);

    /// <summary>Reads a page of rows as CSV.</summary>
    /// <exception cref="ProblemException">There is no such version, or the request asks for what it has not.</exception>
    public Task<RowsPage> ReadCsvAsync(string tenant, string dataset, int? version, RowsRequest request, CancellationToken cancellationToken)
        => ReadPageAsync(tenant, dataset, version, request, (rows, query, output) => rows.WriteCsv(query, output, () => true, cancellationToken), cancellationToken);

    /// <summary>Writes all rows as CSV while they are read.</summary>
    /// <param name="tenant">Whose data set.</param>
    /// <param name="dataset">The data set.</param>
    /// <param name="version">An existing version.</param>
    /// <param name="output">Where to; not completed.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ProblemException">There is no place for another download, or its client does not read.</exception>
    public async Task CopyCsvAsync(string tenant, string dataset, int version, PipeWriter output, CancellationToken cancellationToken)
    {
        using var download = downloads.Enter(tenant);
        var known = await datasets.ResolveVersionAsync(tenant, dataset, version, cancellationToken);
        using var file = await OpenAsync(tenant, known, cancellationToken);
        await UseAsync(
            file,
            known,
            rows => rows.WriteCsv(new RowQuery(), output, () => download.FlushAsync(output, cancellationToken).GetAwaiter().GetResult(), cancellationToken),
            TaskCreationOptions.LongRunning,
            cancellationToken);
    }

    public void Dispose() => _pages.Dispose();

    private async Task<RowsPage> ReadPageAsync(
        string tenant, string dataset, int? version, RowsRequest request, Func<DatasetRows, RowQuery, ArrayBufferWriter<byte>, long?> write, CancellationToken cancellationToken)
    {
        var cursor = Cursor.Parse(request.Continuation);
        var known = await datasets.ResolveVersionAsync(tenant, dataset, cursor?.Version ?? version, cancellationToken);
        var columns = request.Columns.Count > 0 ? request.Columns : null;
        var output = new ArrayBufferWriter<byte>();
        using var file = await OpenAsync(tenant, known, cancellationToken);
        await _pages.WaitAsync(cancellationToken);
        try
        {
            var last = await UseAsync(
                file,
                known,
                rows => write(
                    rows,
                    new RowQuery
                    {
                        Columns = columns,
                        Filter = request.Filter,
                        After = cursor?.Place ?? -1,
                        Limit = request.Limit,
                        EnoughBytes = EnoughForPage,
                        LongestText = LongestText,
                    },
                    output),
                TaskCreationOptions.None,
                cancellationToken);
            return new RowsPage(known.Version, output.WrittenMemory, last is { } place ? new Cursor(known.Version, place).ToString() : null);
        }
        finally
        {
            _pages.Release();
        }
    }

    private async Task<LocalFile> OpenAsync(string tenant, DatasetVersion version, CancellationToken cancellationToken)
        => await cache.OpenAsync(DatasetVersion.FileOf(tenant, version.Dataset, version.Version, PreparedDataset.DataFileName), cancellationToken)
            ?? throw new ProblemException(Problem.NotFound, $"Version {version.Version} of the data set '{version.Dataset}' has no data.");

    private static async Task<T> UseAsync<T>(LocalFile file, DatasetVersion version, Func<DatasetRows, T> work, TaskCreationOptions kind, CancellationToken cancellationToken)
    {
        try
        {
            // The engine works on the thread that calls it; one that waits for its client is none of the pool's.
            return await Task.Factory.StartNew(
                () =>
                {
                    using var rows = DatasetRows.Open(file.Path, new DataSchema { Columns = version.Columns });
                    return work(rows);
                },
                cancellationToken,
                kind | TaskCreationOptions.DenyChildAttach,
                TaskScheduler.Default);
        }
        catch (DatasetException refused)
        {
            throw new ProblemException(Problem.InvalidValue, refused.Message) { Field = refused.Reason == DatasetReasons.UnknownColumn ? "columns" : "filter" };
        }
    }
}
