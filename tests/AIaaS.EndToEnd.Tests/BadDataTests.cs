using System.Net;

namespace AIaaS.EndToEnd.Tests;

/// <summary>Data that nothing can be learned from ends a run with the reason; the host serves on.</summary>
[Collection(HostCollection.Name)]
public sealed class BadDataTests(HostFixture host)
{
    public static TheoryData<string, string, string> Unusable => new()
    {
        { "header-only", "a,b,c\n", "row" },
        { "one-row", "a,b,label\n1,2,x\n", "row" },
        { "one-class", string.Concat("a,b,label\n", string.Concat(Enumerable.Range(0, 50).Select(i => $"{i},{i * 7 % 11},same\n"))), "same value" },
        { "one-column", string.Concat("label\n", string.Concat(Enumerable.Range(0, 50).Select(i => $"{(i % 2 == 0 ? "x" : "y")}\n"))), "column" },
        { "no-target-values", string.Concat("a,b,label\n", string.Concat(Enumerable.Range(0, 50).Select(i => $"{i},{i * 7 % 11},\n"))), "label" },
    };

    [Theory]
    [MemberData(nameof(Unusable))]
    public async Task A_table_that_cannot_be_learned_from_fails_its_run_with_the_reason(string kind, string csv, string word)
    {
        var name = HostFixture.NewName(kind);

        var run = await host.Admin.AwaitRunAsync(await host.Admin.PutDatasetAsync(name, csv));

        Assert.Equal("failed", run.GetProperty("status").GetString());
        var detail = run.GetProperty("error").GetProperty("detail").GetString();
        Assert.Contains(word, detail, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("   at ", detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_binary_file_fails_its_run_with_the_reason()
    {
        var name = HostFixture.NewName("binary");
        var bytes = new byte[4096];
        new Random(1).NextBytes(bytes);
        using var body = new ByteArrayContent(bytes);

        var answer = await host.Admin.PutAsync($"/api/v1/datasets/{name}?file=data.csv", body, HttpStatusCode.Accepted);
        var run = await host.Admin.AwaitRunAsync(answer.GetProperty("run").GetString()!);

        Assert.Equal("failed", run.GetProperty("status").GetString());
        Assert.Equal("The data cannot be used", run.GetProperty("error").GetProperty("title").GetString());
    }

    [Fact]
    public async Task An_empty_body_is_refused_at_once()
    {
        using var answer = await host.Admin.Http.PutAsync($"/api/v1/datasets/{HostFixture.NewName("empty")}", ApiClient.Text("", "text/csv"));

        var problem = await ApiClient.ReadAsync(answer, HttpStatusCode.UnprocessableEntity);
        Assert.Contains("empty", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_file_put_to_an_upload_url_fails_its_run_and_the_host_serves_on()
    {
        var name = HostFixture.NewName("empty-drop");
        var upload = await host.Admin.PostAsync($"/api/v1/datasets/{name}/uploads", new { file = "empty.csv" }, HttpStatusCode.Created);
        using var anyone = new HttpClient();
        using var put = new HttpRequestMessage(HttpMethod.Put, upload.GetProperty("url").GetString()) { Content = new ByteArrayContent([]) };
        foreach (var header in upload.GetProperty("headers").EnumerateObject())
        {
            put.Headers.TryAddWithoutValidation(header.Name, header.Value.GetString());
        }

        using var answer = await anyone.SendAsync(put);

        answer.EnsureSuccessStatusCode();
        var run = await host.Admin.AwaitRunOfAsync(name);
        Assert.Equal("failed", run.GetProperty("status").GetString());
        Assert.Contains("empty", run.GetProperty("error").GetProperty("detail").GetString(), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_target_that_the_data_lacks_is_named()
    {
        var name = HostFixture.NewName("lacks-target");
        await host.Admin.PutAsync($"/api/v1/pipelines/{name}", ApiClient.Text("target: colour\n", "application/yaml"), HttpStatusCode.Created);

        var run = await host.Admin.AwaitRunAsync(await host.Admin.PutDatasetAsync(name, HostFixture.Penguins));

        Assert.Equal("failed", run.GetProperty("status").GetString());
        Assert.Contains("colour", run.GetProperty("error").GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ragged_rows_are_counted_and_the_others_used()
    {
        var name = HostFixture.NewName("ragged");
        await host.Admin.PutSmallPipelineAsync(name, "target: species");

        var run = await host.Admin.AwaitRunAsync(await host.Admin.PutDatasetAsync(name, HostFixture.Penguins + "Adelie,Torgersen,39.1,18.7,181,3750,male,2007,one,too,many\n"));

        Assert.Equal("succeeded", run.GetProperty("status").GetString());
        var quality = await host.Admin.GetAsync($"/api/v1/datasets/{name}/quality");
        Assert.Equal(1, quality.GetProperty("rowsQuarantined").GetInt64());
        Assert.Equal(344, quality.GetProperty("rowsKept").GetInt64());
    }
}
