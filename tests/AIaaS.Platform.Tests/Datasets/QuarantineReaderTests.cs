using System.IO.Compression;
using System.IO.Pipelines;
using System.Text;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Problems;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Datasets;

public sealed class QuarantineReaderTests : IDisposable
{
    private readonly PreparedWorld _world = new();

    public void Dispose() => _world.Dispose();

    [Fact]
    public async Task Rows_put_aside_are_shown_page_by_page_with_their_counts()
    {
        await _world.AddAsync("a.csv", Table(bad: 7));
        var file = await _world.Quarantine.FindAsync(Tenant, "table", null, default);

        var first = await _world.Quarantine.ReadAsync(file, reason: null, limit: 5, continuation: null, default);
        var second = await _world.Quarantine.ReadAsync(file, reason: null, limit: 5, first.Continuation, default);

        Assert.Equal((7L, 5, 2, null), (first.Rows, first.Items.Count, second.Items.Count, second.Continuation));
        Assert.Equal([("too-few-fields", 4L), ("too-many-fields", 3L)], first.Reasons.Select(reason => (reason.Value, reason.Count)));
        Assert.Equal(Enumerable.Range(102, 7), first.Items.Concat(second.Items).Select(row => (int)row.Line!));
    }

    [Fact]
    public async Task Rows_put_aside_for_one_reason_are_picked_out()
    {
        await _world.AddAsync("a.csv", Table(bad: 7));
        var file = await _world.Quarantine.FindAsync(Tenant, "table", null, default);

        var page = await _world.Quarantine.ReadAsync(file, "too-many-fields", limit: 10, continuation: null, default);

        Assert.Equal([103L, 105, 107], page.Items.Select(row => row.Line!.Value));
    }

    [Theory]
    [InlineData(',', false)]
    [InlineData(';', false)]
    [InlineData(',', true)]
    public async Task Rows_put_aside_come_back_as_csv_in_the_columns_of_their_file_and_corrected_they_are_taken(char delimiter, bool compressed)
    {
        var name = compressed ? "a.csv.gz" : "a.csv";
        var bytes = Encoding.UTF8.GetBytes(Table(bad: 4).Replace(',', delimiter));
        await _world.AddAsync(name, compressed ? Gzip(bytes) : bytes);

        var csv = await CsvAsync(file: null);

        Assert.Equal("n,m,\"a \"\"b\"\"\"\n1,\"x, y\"\n1,2,3,4\n1,\"x, y\"\n1,2,3,4\n".Replace("\"x, y\"", delimiter == ',' ? "\"x, y\"" : "x; y", StringComparison.Ordinal), csv);
        var corrected = csv.Replace("y\"\n", "y\",0\n", StringComparison.Ordinal).Replace("x; y\n", "x; y,0\n", StringComparison.Ordinal).Replace("1,2,3,4", "1,2,3", StringComparison.Ordinal);
        var version = await _world.AddAsync("corrected.csv", corrected, append: true);
        Assert.Equal((0L, 4L), (version.RowsQuarantined - 4, version.RowsRead - 104));
    }

    [Fact]
    public async Task Which_files_rows_are_meant_must_be_said_where_there_are_several()
    {
        await _world.AddAsync("a.csv", Table(bad: 2));
        await _world.AddAsync("b.csv", "n,k\n1,2\n1,3\n1\n1,4\n", append: true);

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => CsvAsync(file: null));

        Assert.Equal("file", refusal.Field);
        Assert.Contains("'a.csv', 'b.csv'", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("n,k\n1\n", await CsvAsync("b.csv"));
    }

    [Fact]
    public async Task A_run_shows_what_its_version_put_aside()
    {
        var version = await _world.AddAsync("a.csv", Table(bad: 3));
        await _world.Runs.Runs.ChangeAsync(
            Reference(version.Run), run => run.WithStage(AIaaS.Platform.Runs.StageNames.Prepare, AIaaS.Platform.Runs.StageStatus.Succeeded, 100, null), default);

        var file = await _world.Quarantine.FindAsync(Reference(version.Run), default);

        Assert.Equal(3, (await _world.Quarantine.ReadAsync(file, null, 10, null, default)).Rows);
    }

    [Fact]
    public async Task Rows_put_aside_take_a_place_among_the_downloads_for_as_long_as_they_are_read()
    {
        await _world.AddAsync("a.csv", Table(bad: 4));
        using (_world.Downloads.Enter(Tenant))
        using (_world.Downloads.Enter(Tenant))
        using (_world.Downloads.Enter(Tenant))
        using (_world.Downloads.Enter(Tenant))
        {
            Assert.Equal(Problem.TooManyRequests, (await Assert.ThrowsAsync<ProblemException>(() => CsvAsync(file: null))).Problem);
        }

        for (var i = 0; i <= PreparedWorld.MaxDownloads; i++) Assert.NotEmpty(await CsvAsync(file: null));
    }

    private static string Table(int bad) => "n,m,\"a \"\"b\"\"\"\n"
        + string.Concat(Enumerable.Range(0, 100).Select(i => $"{i},{i},{i}\n"))
        + string.Concat(Enumerable.Range(0, bad).Select(i => i % 2 == 0 ? "1,\"x, y\"\n" : "1,2,3,4\n"));

    private async Task<string> CsvAsync(string? file)
    {
        var rows = await _world.Quarantine.FindAsync(Tenant, "table", null, default);
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        await _world.Quarantine.CopyCsvAsync(Tenant, rows, file, reason: null, pipe.Writer, default);
        await pipe.Writer.CompleteAsync();
        var text = new MemoryStream();
        await pipe.Reader.CopyToAsync(text);
        return Encoding.UTF8.GetString(text.ToArray());
    }

    private static byte[] Gzip(byte[] bytes)
    {
        var compressed = new MemoryStream();
        using (var stream = new GZipStream(compressed, CompressionLevel.Fastest)) stream.Write(bytes);
        return compressed.ToArray();
    }
}
