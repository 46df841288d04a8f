using System.Net;
using System.Text;
using System.Text.Json;

namespace AIaaS.EndToEnd.Tests;

/// <summary>A data set as its owner lives with it: looked into, corrected, held to its promises, and deleted.</summary>
[Collection(HostCollection.Name)]
public sealed class DatasetTests(HostFixture host)
{
    private const string PrepareOnly = "?pipeline=none&file=table.csv";

    [Fact]
    public async Task Rows_are_paged_filtered_and_chosen_by_column()
    {
        var name = await AddAsync("rows", Table(rows: 30));

        var first = await host.Admin.GetAsync($"/api/v1/datasets/{name}/rows?limit=20&columns=n&columns=kind");
        var second = await host.Admin.GetAsync($"/api/v1/datasets/{name}/versions/1/rows?limit=20&columns=n&columns=kind&continuation={first.GetProperty("continuation").GetString()}");
        var filtered = await host.Admin.GetAsync($"/api/v1/datasets/{name}/rows?filter={Uri.EscapeDataString("kind = 'odd' AND n < 10")}");

        Assert.Equal((20, 10), (first.GetProperty("items").GetArrayLength(), second.GetProperty("items").GetArrayLength()));
        Assert.Equal(JsonValueKind.Null, second.GetProperty("continuation").ValueKind);
        Assert.Equal("""{"n":0,"kind":"even"}""", JsonSerializer.Serialize(first.GetProperty("items")[0]));
        Assert.Equal([1, 3, 5, 7, 9], filtered.GetProperty("items").EnumerateArray().Select(row => row.GetProperty("n").GetInt32()));
    }

    [Fact]
    public async Task Rows_come_as_csv_to_who_likes_that_with_a_link_to_the_next_page()
    {
        var name = await AddAsync("csv", Table(rows: 5));

        using var answer = await GetAsync($"/api/v1/datasets/{name}/rows?limit=2", "text/csv");

        Assert.Equal("n,kind,text\n0,even,t0\n1,odd,\"t1, \"\"x\"\"\"\n", await answer.Content.ReadAsStringAsync());
        var next = Assert.Single(answer.Headers.GetValues("Link"));
        using var second = await GetAsync(next[(next.IndexOf('<') + 1)..next.IndexOf('>')], "text/csv");
        Assert.StartsWith("n,kind,text\n2,even,t2\n", await second.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("filter=n%20IN%20(SELECT%201)", "filter", "subquery")]
    [InlineData("filter=n%20%3D", "filter", "no expression")]
    [InlineData("columns=colour", "columns", "'colour'")]
    [InlineData("limit=0", "limit", "from 1 to")]
    [InlineData("continuation=xyz", "continuation", "the page before")]
    [InlineData("format=xml", "format", "'csv'")]
    public async Task A_question_about_rows_that_cannot_be_answered_is_refused_by_its_field(string query, string field, string words)
    {
        var name = await AddAsync("asked", Table(rows: 5));

        using var answer = await host.Admin.Http.GetAsync($"/api/v1/datasets/{name}/rows?{query}");

        var problem = await ApiClient.ReadAsync(answer, HttpStatusCode.BadRequest);
        Assert.Equal(field, problem.GetProperty("field").GetString());
        Assert.Contains(words, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_whole_is_downloaded_as_parquet_or_csv()
    {
        var name = await AddAsync("whole", Table(rows: 3000));

        using var parquet = await GetAsync($"/api/v1/datasets/{name}/data", "*/*");
        using var csv = await GetAsync($"/api/v1/datasets/{name}/data", "text/csv");

        Assert.Equal("PAR1", Encoding.ASCII.GetString((await parquet.Content.ReadAsByteArrayAsync())[..4]));
        Assert.Equal(Table(rows: 3000), await csv.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task The_report_is_json_for_programs_and_a_page_for_people()
    {
        var name = await AddAsync("report", Table(rows: 50));

        using var page = await GetAsync($"/api/v1/datasets/{name}/quality", "text/html,*/*;q=0.8");
        var report = await host.Admin.GetAsync($"/api/v1/datasets/{name}/quality");

        Assert.Equal("text/html", page.Content.Headers.ContentType!.MediaType);
        Assert.Contains("default-src 'none'", Assert.Single(page.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        Assert.Contains("kind", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(50, report.GetProperty("rowsKept").GetInt64());
    }

    [Fact]
    public async Task Rows_put_aside_are_counted_downloaded_corrected_and_sent_again()
    {
        var name = await AddAsync("corrected", Table(rows: 60) + "60,even\n61,odd,\"t61\",too many\n");

        var aside = await host.Admin.GetAsync($"/api/v1/datasets/{name}/quarantine");
        var some = await host.Admin.GetAsync($"/api/v1/datasets/{name}/quarantine?reason=too-many-fields");
        using var download = await GetAsync($"/api/v1/datasets/{name}/quarantine?format=csv", "*/*");
        var csv = await download.Content.ReadAsStringAsync();
        using var lines = await GetAsync($"/api/v1/datasets/{name}/quarantine?format=jsonl", "*/*");

        Assert.Equal(2, aside.GetProperty("rows").GetInt64());
        Assert.Equal(2, aside.GetProperty("reasons").GetArrayLength());
        Assert.Equal(63, some.GetProperty("items")[0].GetProperty("line").GetInt64());
        Assert.Equal(2, (await lines.Content.ReadAsStringAsync()).TrimEnd().Split('\n').Length);
        Assert.Equal("n,kind,text\n60,even\n61,odd,t61,too many\n", csv);

        var corrected = csv.Replace("60,even", "60,even,t60", StringComparison.Ordinal).Replace(",too many", "", StringComparison.Ordinal);
        await PrepareAsync(name, corrected, "?pipeline=none&append=true&file=corrected.csv");

        var version = await host.Admin.GetAsync($"/api/v1/datasets/{name}/versions/2");
        Assert.Equal((62, 1), (version.GetProperty("rows").GetInt64(), version.GetProperty("parent").GetInt32()));
        Assert.Equal(["table.csv", "corrected.csv"], version.GetProperty("sources").EnumerateArray().Select(source => source.GetProperty("name").GetString()));
    }

    [Fact]
    public async Task Rows_put_aside_are_corrected_and_dropped_again()
    {
        var name = await AddAsync("dropped", Table(rows: 60) + "60,even\n61,odd,\"t61\",too many\n");
        await host.Admin.PutAsync($"/api/v1/pipelines/{name}", ApiClient.Text("target: kind\ntrainers: linear\nsplit: { folds: 2 }\n", "application/yaml"), HttpStatusCode.Created);
        using var download = await GetAsync($"/api/v1/datasets/{name}/quarantine?format=csv&reason=too-many-fields", "*/*");
        var corrected = (await download.Content.ReadAsStringAsync()).Replace(",too many", "", StringComparison.Ordinal);

        var upload = await host.Admin.PostAsync($"/api/v1/datasets/{name}/uploads", new { file = "corrected.csv" }, HttpStatusCode.Created);
        using var anyone = new HttpClient();
        using var put = await anyone.PutAsync(upload.GetProperty("url").GetString(), ApiClient.Text(corrected, "text/csv"));
        put.EnsureSuccessStatusCode();
        await host.Admin.AwaitRunOfAsync(name);

        var version = await host.Admin.GetAsync($"/api/v1/datasets/{name}/versions/2");
        Assert.Equal((61, 2), (version.GetProperty("rows").GetInt64(), version.GetProperty("rowsQuarantined").GetInt64()));
        Assert.Equal(["table.csv", "corrected.csv"], version.GetProperty("sources").EnumerateArray().Select(source => source.GetProperty("name").GetString()));
        var last = (await host.Admin.GetAsync($"/api/v1/datasets/{name}/rows?filter={Uri.EscapeDataString("n = 61")}")).GetProperty("items");
        Assert.Equal("""[{"n":61,"kind":"odd","text":"t61"}]""", JsonSerializer.Serialize(last));
    }

    [Theory]
    [InlineData("filter: \"count(*) > 1\"", "clean.filter", "count")]
    [InlineData("derive: { x: \"read_csv('/etc/passwd')\" }", "clean.derive.x", "read_csv")]
    public async Task An_expression_that_no_data_can_be_cleaned_with_is_refused_when_its_pipeline_is_put(string clean, string field, string part)
    {
        using var answer = await host.Admin.Http.PutAsync($"/api/v1/pipelines/{HostFixture.NewName("unclean")}", ApiClient.Text($"clean: {{ {clean} }}\n", "application/yaml"));

        var problem = await ApiClient.ReadAsync(answer, HttpStatusCode.BadRequest);
        Assert.Equal(field, problem.GetProperty("field").GetString());
        Assert.Contains(part, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_contract_is_learned_edited_and_kept_to()
    {
        var name = await AddAsync("promise", Table(rows: 60));
        using var got = await host.Admin.Http.GetAsync($"/api/v1/datasets/{name}/contract");
        var contract = await ApiClient.ReadAsync(got, HttpStatusCode.OK);
        Assert.Equal(["n", "kind", "text"], contract.GetProperty("columns").EnumerateArray().Select(column => column.GetProperty("name").GetString()));

        const string Edited = """{"columns":[{"name":"n","minimum":0,"maximum":100},{"name":"kind","allowedValues":["even","odd"]}]}""";
        using var put = new HttpRequestMessage(HttpMethod.Put, $"/api/v1/datasets/{name}/contract") { Content = ApiClient.Text(Edited, "application/json") };
        put.Headers.IfMatch.Add(got.Headers.ETag!);
        using var written = await host.Admin.Http.SendAsync(put);
        Assert.Equal(HttpStatusCode.OK, written.StatusCode);
        Assert.NotEqual(got.Headers.ETag, written.Headers.ETag);

        await host.Admin.PutAsync($"/api/v1/pipelines/{name}", ApiClient.Text("target: kind\nvalidate: { contract: reject, drift: off, poisoning: off }\n", "application/yaml"), HttpStatusCode.Created);
        var run = await host.Admin.AwaitRunAsync(await host.Admin.PutDatasetAsync(name, Table(rows: 60).Replace("7,odd", "7,maybe", StringComparison.Ordinal)));

        Assert.Equal(("failed", "The data was refused"), (run.GetProperty("status").GetString(), run.GetProperty("error").GetProperty("title").GetString()));
        var report = await host.Admin.GetAsync($"/api/v1/runs/{run.GetProperty("id").GetString()}/quality");
        Assert.Contains("kind", report.GetProperty("rejected").GetString(), StringComparison.Ordinal);
        using var page = await GetAsync($"/api/v1/runs/{run.GetProperty("id").GetString()}/quality?format=html", "*/*");
        Assert.Equal("text/html", page.Content.Headers.ContentType!.MediaType);
        Assert.Equal(1, (await host.Admin.GetAsync($"/api/v1/datasets/{name}/versions")).GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task A_deleted_data_set_is_gone_and_its_numbers_are_not_used_again()
    {
        var name = await AddAsync("deleted", Table(rows: 20));

        using (var deleted = await host.Admin.Http.DeleteAsync($"/api/v1/datasets/{name}")) Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);

        foreach (var path in (string[])["", "/versions", "/versions/1", "/rows", "/data", "/quality", "/profile", "/quarantine", "/contract"])
        {
            using var gone = await host.Admin.Http.GetAsync($"/api/v1/datasets/{name}{path}");
            Assert.True(gone.StatusCode == HttpStatusCode.NotFound, $"{path} answered {gone.StatusCode}");
        }

        await PrepareAsync(name, Table(rows: 20), PrepareOnly);
        Assert.Equal(2, (await host.Admin.GetAsync($"/api/v1/datasets/{name}")).GetProperty("version").GetInt32());
    }

    [Theory]
    [InlineData("reader", HttpStatusCode.Forbidden)]
    [InlineData("trainer", HttpStatusCode.NoContent)]
    public async Task Who_only_reads_deletes_nothing(string role, HttpStatusCode expected)
    {
        var name = await AddAsync("roles", Table(rows: 20));
        using var client = await host.NewClientAsync(role);

        using var answer = await client.Http.DeleteAsync($"/api/v1/datasets/{name}");

        Assert.Equal(expected, answer.StatusCode);
    }

    [Fact]
    public async Task Another_tenants_data_is_not_there()
    {
        var name = await AddAsync("private", Table(rows: 20));
        using var stranger = await host.NewClientAsync("admin", HostFixture.NewName("tenant"));

        foreach (var path in (string[])["", "/versions", "/rows", "/data", "/quality", "/quarantine", "/contract"])
        {
            using var answer = await stranger.Http.GetAsync($"/api/v1/datasets/{name}{path}");
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }
    }

    private static string Table(int rows)
        => "n,kind,text\n" + string.Concat(Enumerable.Range(0, rows).Select(n => n % 2 == 0 ? $"{n},even,t{n}\n" : $"{n},odd,\"t{n}, \"\"x\"\"\"\n"));

    private async Task<string> AddAsync(string prefix, string csv)
    {
        var name = HostFixture.NewName(prefix);
        await PrepareAsync(name, csv, PrepareOnly);
        return name;
    }

    private async Task PrepareAsync(string name, string csv, string query)
    {
        var run = await host.Admin.AwaitRunAsync(await host.Admin.PutDatasetAsync(name, csv, query));
        Assert.True(run.GetProperty("status").GetString() == "succeeded", run.ToString());
    }

    private async Task<HttpResponseMessage> GetAsync(string path, string accept)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Accept.ParseAdd(accept);
        var answer = await host.Admin.Http.SendAsync(request);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        return answer;
    }
}
