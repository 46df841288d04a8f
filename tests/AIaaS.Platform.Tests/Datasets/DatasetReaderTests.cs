using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Problems;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Datasets;

public sealed class DatasetReaderTests : IDisposable
{
    private const string Odd = "name,\"a \"\"quoted\"\" one\",\"with, comma\",select,\U0001F427,file_row_number\n";

    /// <summary>More rows than are sent before the client reads.</summary>
    private static readonly string Long = "n,text\n" + string.Concat(Enumerable.Range(0, 20_000).Select(n => $"{n},some text of row {n}\n"));

    private readonly PreparedWorld _world = new();

    public void Dispose() => _world.Dispose();

    [Fact]
    public async Task Rows_have_the_json_types_of_their_columns()
    {
        await _world.AddAsync("a.csv", "number,whole,flag,day,moment,text\n1.5,1,true,2024-02-29,2024-02-29 10:00:00,a\n-0.25,20000,false,2024-03-01,2024-03-01 11:30:00,\"b, \"\"c\"\"\"\n,,,,,\n");

        var rows = Rows(await _world.Reader.ReadJsonAsync(Tenant, "table", null, new RowsRequest(), default));

        Assert.Equal(3, rows.GetArrayLength());
        Assert.Equal("""{"number":1.5,"whole":1,"flag":true,"day":"2024-02-29","moment":"2024-02-29T10:00:00Z","text":"a"}""", Plain(rows[0]));
        Assert.Equal((-0.25, 20000, false, "b, \"c\""), (
            rows[1].GetProperty("number").GetDouble(), rows[1].GetProperty("whole").GetInt64(), rows[1].GetProperty("flag").GetBoolean(), rows[1].GetProperty("text").GetString()));
        Assert.All(rows[2].EnumerateObject(), member => Assert.Equal(JsonValueKind.Null, member.Value.ValueKind));
    }

    [Fact]
    public async Task Pages_follow_one_another_in_the_order_of_the_file_and_stay_with_their_version()
    {
        await _world.AddAsync("a.csv", "n\n" + string.Concat(Enumerable.Range(0, 25).Select(n => $"{n}\n")));
        var seen = new List<int>();
        string? continuation = null;
        do
        {
            var page = await _world.Reader.ReadJsonAsync(Tenant, "table", null, new RowsRequest { Limit = 10, Continuation = continuation }, default);
            Assert.Equal(1, page.Version);
            seen.AddRange(Rows(page).EnumerateArray().Select(row => row.GetProperty("n").GetInt32()));
            continuation = page.Continuation;
            if (seen.Count == 10) await _world.AddAsync("a.csv", "n\n1000\n1001\n");
        }
        while (continuation is not null);

        Assert.Equal(Enumerable.Range(0, 25), seen);
    }

    [Fact]
    public async Task A_page_that_ends_with_the_rows_is_the_last()
    {
        await _world.AddAsync("a.csv", "n\n1\n2\n");

        Assert.Null((await _world.Reader.ReadJsonAsync(Tenant, "table", null, new RowsRequest { Limit = 2 }, default)).Continuation);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_page_of_long_texts_ends_after_four_megabytes_and_the_next_goes_on_there(bool json)
    {
        const int rows = 250;
        await _world.AddAsync("a.csv", "n,text\n" + string.Concat(Enumerable.Range(0, rows).Select(n => $"{n},{new string((char)('a' + (n % 26)), 40_000)}\n")));
        var request = new RowsRequest { Limit = 500 };
        var seen = new List<string>();
        do
        {
            var page = json ? await _world.Reader.ReadJsonAsync(Tenant, "table", null, request, default) : await _world.Reader.ReadCsvAsync(Tenant, "table", null, request, default);
            Assert.InRange(page.Rows.Length, 1, 4_200_000);
            seen.AddRange(json
                ? Rows(page).EnumerateArray().Select(row => row.GetProperty("n").GetRawText())
                : Encoding.UTF8.GetString(page.Rows.Span).Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(line => line.Split(',')[0]));
            request = request with { Continuation = page.Continuation };
        }
        while (request.Continuation is not null);

        Assert.Equal(Enumerable.Range(0, rows).Select(n => $"{n}"), seen);
    }

    [Fact]
    public async Task A_very_long_text_is_cut_on_a_page_and_says_so_and_is_whole_in_the_data()
    {
        var text = new string('é', 200_000);
        await _world.AddAsync("a.csv", $"n,text\n1,{text}\n2,short\n");
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));

        var rows = Rows(await _world.Reader.ReadJsonAsync(Tenant, "table", null, new RowsRequest { Filter = "length(text) = 200000 OR n = 2" }, default));
        await _world.Reader.CopyCsvAsync(Tenant, "table", 1, pipe.Writer, default);
        await pipe.Writer.CompleteAsync();
        var csv = new MemoryStream();
        await pipe.Reader.CopyToAsync(csv);

        Assert.Equal([new string('é', 65_536) + "… (200000 characters)", "short"], rows.EnumerateArray().Select(row => row.GetProperty("text").GetString()));
        Assert.Equal($"n,text\n1,{text}\n2,short\n", Encoding.UTF8.GetString(csv.ToArray()));
    }

    [Fact]
    public async Task Columns_are_chosen_by_their_names_however_odd()
    {
        await _world.AddAsync("a.csv", Odd + "a,1,2,3,4,5\nb,6,7,8,9,10\n");

        string[] names = ["\U0001F427", "a \"quoted\" one", "with, comma", "select", "file_row_number"];
        var page = await _world.Reader.ReadJsonAsync(Tenant, "table", null, new RowsRequest { Columns = names, Limit = 1 }, default);
        var next = await _world.Reader.ReadJsonAsync(Tenant, "table", null, new RowsRequest { Columns = names, Continuation = page.Continuation }, default);

        Assert.Equal(names, Rows(page)[0].EnumerateObject().Select(member => member.Name));
        Assert.Equal([4, 1, 2, 3, 5], Rows(page)[0].EnumerateObject().Select(member => member.Value.GetInt32()));
        Assert.Equal([9, 6, 7, 8, 10], Rows(next)[0].EnumerateObject().Select(member => member.Value.GetInt32()));
    }

    [Fact]
    public async Task A_column_that_is_not_there_is_refused_with_those_that_are()
    {
        await _world.AddAsync("a.csv", "n,m\n1,2\n");

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => _world.Reader.ReadJsonAsync(Tenant, "table", null, new RowsRequest { Columns = ["k"] }, default));

        Assert.Equal((Problem.InvalidValue, "columns", "There is no column 'k'. The columns are n, m."), (refusal.Problem, refusal.Field, refusal.Message));
    }

    [Fact]
    public async Task Filtered_pages_hold_the_rows_for_which_the_filter_is_true()
    {
        await _world.AddAsync("a.csv", "n,\"a \"\"b\"\"\"\n" + string.Concat(Enumerable.Range(0, 100).Select(n => $"{n},{(n % 3 == 0 ? "" : $"t{n % 3}")}\n")));
        var request = new RowsRequest { Filter = "\"a \"\"b\"\"\" = 't2' AND n > 50", Limit = 10, Columns = ["n"] };

        var first = await _world.Reader.ReadJsonAsync(Tenant, "table", null, request, default);
        var second = await _world.Reader.ReadJsonAsync(Tenant, "table", null, request with { Continuation = first.Continuation }, default);

        Assert.Equal(Enumerable.Range(51, 49).Where(n => n % 3 == 2), Rows(first).EnumerateArray().Concat(Rows(second).EnumerateArray()).Select(row => row.GetProperty("n").GetInt32()));
        Assert.Null(second.Continuation);
    }

    [Theory]
    [InlineData("n >", "no expression")]
    [InlineData("k = 1", "k")]
    [InlineData("n + 1", "true or false")]
    [InlineData("n = 1; DROP TABLE x", "statements are not allowed")]
    [InlineData("n = 1; SELECT 1", "second statement")]
    [InlineData("n IN (SELECT 1)", "subquery")]
    [InlineData("EXISTS (FROM read_text('/etc/passwd'))", "subquery")]
    [InlineData("getenv('HOME') = ''", "getenv")]
    [InlineData("m::INTEGER > 0", "cannot be computed")]
    public async Task A_filter_that_is_none_or_reaches_out_is_refused_in_words(string filter, string words)
    {
        await _world.AddAsync("a.csv", "n,m\n1,a\n2,b\n");

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => _world.Reader.ReadJsonAsync(Tenant, "table", null, new RowsRequest { Filter = filter }, default));

        Assert.Equal((Problem.InvalidValue, "filter"), (refusal.Problem, refusal.Field));
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("/", refusal.Message.Replace("/etc/passwd", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("MQ")]
    [InlineData("LTE6NQ")]
    public async Task A_continuation_that_no_page_gave_is_refused(string continuation)
    {
        await _world.AddAsync("a.csv", "n\n1\n2\n");

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => _world.Reader.ReadJsonAsync(Tenant, "table", null, new RowsRequest { Continuation = continuation }, default));

        Assert.Equal((Problem.InvalidValue, "continuation"), (refusal.Problem, refusal.Field));
    }

    [Fact]
    public async Task The_whole_as_csv_is_prepared_again_to_the_same_rows()
    {
        await _world.AddAsync("a.csv", Odd + string.Concat(Enumerable.Range(0, 3000).Select(i => $"\"row {i}, \"\"x\"\"\",{i / 7.0},{i},{i % 2 == 0},2024-01-{1 + (i % 28):00},{(i % 5 == 0 ? "" : $"t{i}")}\n")));
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));

        await _world.Reader.CopyCsvAsync(Tenant, "table", 1, pipe.Writer, default);
        await pipe.Writer.CompleteAsync();
        var csv = new MemoryStream();
        await pipe.Reader.CopyToAsync(csv);
        await _world.AddAsync("b.csv", csv.ToArray());

        foreach (var limit in (int[])[500, 1])
        {
            var request = new RowsRequest { Limit = limit };
            Assert.Equal(
                Encoding.UTF8.GetString((await _world.Reader.ReadJsonAsync(Tenant, "table", 1, request, default)).Rows.Span),
                Encoding.UTF8.GetString((await _world.Reader.ReadJsonAsync(Tenant, "table", 2, request, default)).Rows.Span));
        }

        Assert.Equal(3000, (await _world.Runs.Datasets.GetVersionAsync(Tenant, "table", 2, default)).Value.Rows);
    }

    [Fact]
    public async Task Rows_are_shown_while_downloads_wait_for_their_clients()
    {
        await _world.AddAsync("a.csv", Long);
        await DownloadUntilNoneIsLetInAsync();

        var page = await _world.Reader.ReadJsonAsync(Tenant, "table", null, new RowsRequest(), default).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(50, Rows(page).GetArrayLength());
    }

    [Fact]
    public async Task A_download_whose_client_is_gone_gives_its_place_back()
    {
        await _world.AddAsync("a.csv", Long);
        var downloads = await DownloadUntilNoneIsLetInAsync();

        await downloads[0].Pipe.Reader.CompleteAsync();

        await downloads[0].Copying;
        _world.Downloads.Enter(Tenant).Dispose();
    }

    [Fact]
    public async Task A_download_that_is_given_up_gives_its_place_back()
    {
        await _world.AddAsync("a.csv", Long);
        using var leaving = new CancellationTokenSource();
        var downloads = await DownloadUntilNoneIsLetInAsync(leaving.Token);

        await leaving.CancelAsync();

        foreach (var (copying, _) in downloads) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => copying);
        _world.Downloads.Enter(Tenant).Dispose();
    }

    [Fact]
    public async Task A_download_whose_client_reads_nothing_is_ended_and_gives_its_place_back()
    {
        await _world.AddAsync("a.csv", Long);
        var downloads = await DownloadUntilNoneIsLetInAsync();
        await Eventually.Holds(() => Task.FromResult(_world.Runs.Time.WaitingTimers == downloads.Count));

        _world.Runs.Time.Advance(TimeSpan.FromMinutes(2));

        foreach (var (copying, _) in downloads) Assert.Equal(Problem.Timeout, (await Assert.ThrowsAsync<ProblemException>(() => copying)).Problem);
        _world.Downloads.Enter(Tenant).Dispose();
    }

    [Fact]
    public async Task A_client_that_reads_slowly_has_the_whole()
    {
        await _world.AddAsync("a.csv", Long);
        var pipe = Unread();
        var copying = _world.Reader.CopyCsvAsync(Tenant, "table", 1, pipe.Writer, default);
        var read = 0L;
        while (read < Long.Length)
        {
            var piece = await pipe.Reader.ReadAsync();
            read += piece.Buffer.Length;
            _world.Runs.Time.Advance(TimeSpan.FromSeconds(20));
            pipe.Reader.AdvanceTo(piece.Buffer.End);
        }

        await copying;
        Assert.Equal(Long.Length, read);
    }

    [Fact]
    public async Task A_version_that_is_not_there_is_not_found()
    {
        await _world.AddAsync("a.csv", "n\n1\n2\n");

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => _world.Reader.ReadJsonAsync(Tenant, "table", 7, new RowsRequest(), default));

        Assert.Equal(Problem.NotFound, refusal.Problem);
    }

    /// <summary>Begins downloads that have sent what their clients take, until there is no place for another.</summary>
    private async Task<List<(Task Copying, Pipe Pipe)>> DownloadUntilNoneIsLetInAsync(CancellationToken cancellationToken = default)
    {
        var downloads = new List<(Task Copying, Pipe Pipe)>();
        for (var i = 0; i < PreparedWorld.MaxDownloads; i++)
        {
            var pipe = Unread();
            downloads.Add((_world.Reader.CopyCsvAsync(Tenant, "table", 1, pipe.Writer, cancellationToken), pipe));
            pipe.Reader.AdvanceTo((await pipe.Reader.ReadAsync(CancellationToken.None)).Buffer.Start);
        }

        await Assert.ThrowsAsync<ProblemException>(() => _world.Reader.CopyCsvAsync(Tenant, "table", 1, Unread().Writer, cancellationToken));
        return downloads;
    }

    private static Pipe Unread() => new(new PipeOptions(pauseWriterThreshold: 1 << 16, resumeWriterThreshold: 1 << 15));

    private static JsonElement Rows(RowsPage page) => JsonDocument.Parse(page.Rows).RootElement;

    private static string Plain(JsonElement element) => JsonSerializer.Serialize(element);
}
