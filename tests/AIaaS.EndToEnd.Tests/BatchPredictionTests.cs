using System.Net;
using System.Text;
using System.Text.Json;

namespace AIaaS.EndToEnd.Tests;

[Collection(HostCollection.Name)]
public sealed class BatchPredictionTests(HostFixture host)
{
    private const string Batches = "/api/v1/batch-predictions";
    private const string Gentoo = """{"bill_length_mm":46.1,"bill_depth_mm":13.2,"flipper_length_mm":211}""";

    [Fact]
    public async Task Rows_of_a_request_are_predicted_as_they_are_one_by_one()
    {
        var endpoint = await host.PenguinsEndpointAsync();

        var batch = await MakeAsync($$"""{"endpoint":"{{endpoint}}","rows":[{{Gentoo}},{"bill_length_mm":"wide"},{"bill_length_mm":38.1}]}""");

        Assert.Equal(("succeeded", 3, 1, 100), (Text(batch, "status"), Number(batch, "rows"), Number(batch, "rowsFailed"), Number(batch, "percent")));
        var lines = await LinesAsync(Text(batch, "results"));
        var alone = (await host.Admin.PredictAsync(endpoint, $$"""{"rows":[{{Gentoo}}]}"""))[0];
        Assert.Equal([0, 2], lines.Select(line => Number(line, "row")).ToArray());
        Assert.Equal(Text(alone, "label"), Text(lines[0], "label"));
        Assert.Equal(alone.GetProperty("probabilities").GetRawText(), lines[0].GetProperty("probabilities").GetRawText());
        var error = Assert.Single(await LinesAsync(Text(batch, "errors")));
        Assert.Equal(1, Number(error, "row"));
        Assert.Contains("expected a number", Text(error, "reason"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_data_set_is_predicted_into_a_table()
    {
        var endpoint = await host.PenguinsEndpointAsync();

        var batch = await MakeAsync($$"""{"endpoint":"{{endpoint}}","dataset":"{{endpoint}}","format":"csv"}""");

        Assert.Equal(("succeeded", 344, 0), (Text(batch, "status"), Number(batch, "rows"), Number(batch, "rowsFailed")));
        using var results = await host.Admin.Http.GetAsync(Text(batch, "results"));
        Assert.Equal("text/csv", results.Content.Headers.ContentType!.MediaType);
        var lines = (await results.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("row,label,probabilities.", lines[0], StringComparison.Ordinal);
        Assert.Equal(Enumerable.Range(0, 344).Select(row => $"{row}"), lines.Skip(1).Select(line => line.Split(',')[0]));
    }

    [Theory]
    [InlineData("text/csv", "csv")]
    [InlineData("text/csv", "parquet")]
    public async Task A_file_is_predicted(string type, string format)
    {
        var endpoint = await host.PenguinsEndpointAsync();

        var made = await PostAsync($"{Batches}?endpoint={endpoint}&format={format}", ApiClient.Text(HostFixture.Penguins, type));
        var batch = await AwaitAsync(host.Admin, Text(made, "id"));

        Assert.Equal(("succeeded", 344, "file"), (Text(batch, "status"), Number(batch, "rowsDone"), Text(batch.GetProperty("input"), "kind")));
        var bytes = await host.Admin.Http.GetByteArrayAsync(Text(batch, "results"));
        Assert.Equal(format == "parquet" ? "PAR1" : "row,", Encoding.ASCII.GetString(bytes, 0, 4));
    }

    [Fact]
    public async Task Whoever_prefers_it_is_answered_later()
    {
        var endpoint = await host.PenguinsEndpointAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/endpoints/{endpoint}/predictions")
        {
            Content = ApiClient.Text($$"""{"rows":[{{Gentoo}}]}""", "application/json"),
            Headers = { { "Prefer", "respond-async, wait=10" } },
        };

        using var answer = await host.Admin.Http.SendAsync(request);

        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        Assert.Equal("respond-async", Assert.Single(answer.Headers.GetValues("Preference-Applied")));
        var batch = await AwaitAsync(host.Admin, answer.Headers.Location!.ToString().Split('/')[^1]);
        Assert.Equal("Gentoo", Text(Assert.Single(await LinesAsync(Text(batch, "results"))), "label"));
    }

    [Fact]
    public async Task What_is_answered_later_keeps_its_columns_and_its_key()
    {
        var endpoint = await host.PenguinsEndpointAsync();
        var key = Guid.NewGuid().ToString();
        const string Rows = """{"columns":["flipper_length_mm","bill_length_mm","island"],"rows":[[211,46.1,"Biscoe"]]}""";

        var first = await PostLaterAsync(Rows, HttpStatusCode.Accepted);
        var again = await PostLaterAsync(Rows, HttpStatusCode.Accepted);
        await PostLaterAsync("""{"rows":[{"island":"Dream"}]}""", HttpStatusCode.UnprocessableEntity);

        Assert.Equal(Text(first, "id"), Text(again, "id"));
        var batch = await AwaitAsync(host.Admin, Text(first, "id"));
        Assert.Equal("Gentoo", Text(Assert.Single(await LinesAsync(Text(batch, "results"))), "label"));

        async Task<JsonElement> PostLaterAsync(string body, HttpStatusCode expected)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/endpoints/{endpoint}/predictions")
            {
                Content = ApiClient.Text(body, "application/json"),
                Headers = { { "Prefer", "respond-async" }, { "Idempotency-Key", key } },
            };
            using var answer = await host.Admin.Http.SendAsync(request);
            return await ApiClient.ReadAsync(answer, expected);
        }
    }

    [Fact]
    public async Task The_same_idempotency_key_makes_one_batch()
    {
        var endpoint = await host.PenguinsEndpointAsync();
        var key = Guid.NewGuid().ToString();

        var first = await PostAsync(Batches, ApiClient.Text($$"""{"endpoint":"{{endpoint}}","rows":[{{Gentoo}}]}""", "application/json"), key);
        var again = await PostAsync(Batches, ApiClient.Text($$"""{"endpoint":"{{endpoint}}","rows":[{{Gentoo}}]}""", "application/json"), key);

        Assert.Equal(Text(first, "id"), Text(again, "id"));
    }

    [Theory]
    [InlineData("""{"rows":[{}]}""", "endpoint")]
    [InlineData("""{"endpoint":"e","model":{"name":"m"},"rows":[{}]}""", "endpoint")]
    [InlineData("""{"endpoint":"ENDPOINT"}""", "rows")]
    [InlineData("""{"endpoint":"ENDPOINT","rows":[]}""", "rows")]
    [InlineData("""{"endpoint":"ENDPOINT","rows":[{}],"webhook":{"url":"not a url"}}""", "webhook.url")]
    [InlineData("""{"endpoint":"ENDPOINT","rows":[{}],"webhook":{"url":"ftp://example.com"}}""", "webhook.url")]
    [InlineData("""{"endpoint":"ENDPOINT","rows":[{}],"format":"xlsx"}""", "format")]
    [InlineData("""{"endpoint":"ENDPOINT","dataset":"d","columns":["a"]}""", "columns")]
    public async Task What_is_not_acceptable_is_refused_by_name(string body, string field)
    {
        var endpoint = await host.PenguinsEndpointAsync();

        using var answer = await host.Admin.Http.PostAsync(Batches, ApiClient.Text(body.Replace("ENDPOINT", endpoint, StringComparison.Ordinal), "application/json"));

        var problem = await ApiClient.ReadAsync(answer, HttpStatusCode.BadRequest);
        Assert.Equal(field, Text(problem, "field"));
    }

    [Fact]
    public async Task Another_tenants_batch_is_not_there()
    {
        var endpoint = await host.PenguinsEndpointAsync();
        var batch = await MakeAsync($$"""{"endpoint":"{{endpoint}}","rows":[{{Gentoo}}]}""");
        using var stranger = await host.NewClientAsync("admin", HostFixture.NewName("tenant"));

        foreach (var path in new[] { "", "/results", "/errors" })
        {
            using var answer = await stranger.Http.GetAsync($"{Batches}/{Text(batch, "id")}{path}");
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }

        Assert.Empty((await stranger.GetAsync(Batches)).GetProperty("items").EnumerateArray());
        Assert.Equal(HttpStatusCode.NotFound, await DeleteAsync(stranger, Text(batch, "id")));
        await host.Admin.GetAsync($"{Batches}/{Text(batch, "id")}");
    }

    [Fact]
    public async Task A_reader_may_look_and_not_make()
    {
        var endpoint = await host.PenguinsEndpointAsync();
        using var reader = await host.NewClientAsync("reader");

        using var refused = await reader.Http.PostAsync(Batches, ApiClient.Text($$"""{"endpoint":"{{endpoint}}","rows":[{{Gentoo}}]}""", "application/json"));

        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, await DeleteAsync(reader, "any"));
        await reader.GetAsync($"{Batches}?status=succeeded&limit=2");
    }

    [Fact]
    public async Task A_batch_that_succeeded_cannot_be_cancelled()
    {
        var endpoint = await host.PenguinsEndpointAsync();
        var batch = await MakeAsync($$"""{"endpoint":"{{endpoint}}","rows":[{{Gentoo}}]}""");

        using var answer = await host.Admin.Http.PostAsync($"{Batches}/{Text(batch, "id")}/cancel", content: null);

        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
    }

    [Fact]
    public async Task A_deleted_batch_is_gone_and_its_key_does_not_make_it_again()
    {
        var endpoint = await host.PenguinsEndpointAsync();
        var (key, body) = (Guid.NewGuid().ToString(), $$"""{"endpoint":"{{endpoint}}","rows":[{{Gentoo}}]}""");
        var id = Text(await PostAsync(Batches, ApiClient.Text(body, "application/json"), key), "id");
        await AwaitAsync(host.Admin, id);

        Assert.Equal(HttpStatusCode.NoContent, await DeleteAsync(host.Admin, id));

        foreach (var path in (string[])["", "/results", "/errors"])
        {
            using var gone = await host.Admin.Http.GetAsync($"{Batches}/{id}{path}");
            Assert.True(gone.StatusCode == HttpStatusCode.NotFound, $"{path} answered {gone.StatusCode}");
        }

        var listed = (await host.Admin.GetAsync($"{Batches}?limit=500")).GetProperty("items").EnumerateArray();
        Assert.DoesNotContain(id, listed.Select(batch => Text(batch, "id")));
        Assert.Equal(HttpStatusCode.NotFound, await DeleteAsync(host.Admin, id));
        using var again = new HttpRequestMessage(HttpMethod.Post, Batches) { Content = ApiClient.Text(body, "application/json"), Headers = { { "Idempotency-Key", key } } };
        using var refused = await host.Admin.Http.SendAsync(again);
        Assert.Contains("deleted", Text(await ApiClient.ReadAsync(refused, HttpStatusCode.Conflict), "detail"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_batch_that_is_worked_on_is_cancelled_before_it_is_deleted()
    {
        var endpoint = await host.PenguinsEndpointAsync();
        var rows = string.Concat(Enumerable.Repeat($"{Gentoo}\n", 50_000));
        var id = Text(await PostAsync($"{Batches}?endpoint={endpoint}", ApiClient.Text(rows, "application/x-ndjson")), "id");

        using (var answer = await host.Admin.Http.DeleteAsync($"{Batches}/{id}"))
        {
            Assert.Contains($"POST {Batches}/{id}/cancel", Text(await ApiClient.ReadAsync(answer, HttpStatusCode.Conflict), "detail"), StringComparison.Ordinal);
        }

        using (var cancelled = await host.Admin.Http.PostAsync($"{Batches}/{id}/cancel", content: null))
        {
            Assert.Equal(HttpStatusCode.Accepted, cancelled.StatusCode);
        }

        Assert.Equal(HttpStatusCode.NoContent, await DeleteAsync(host.Admin, id));
    }

    [Fact]
    public async Task A_webhook_secret_is_told_once()
    {
        var endpoint = await host.PenguinsEndpointAsync();

        // A reserved name leads nowhere on any host.
        var made = await PostAsync(Batches, ApiClient.Text($$"""{"endpoint":"{{endpoint}}","webhook":{"url":"https://hooks.invalid/x"},"rows":[{{Gentoo}}]}""", "application/json"));
        var seen = await host.Admin.GetAsync($"{Batches}/{Text(made, "id")}");

        Assert.Equal(32, Convert.FromBase64String(Text(made.GetProperty("webhook"), "secret")).Length);
        Assert.False(seen.GetProperty("webhook").TryGetProperty("secret", out _));
    }

    private static async Task<HttpStatusCode> DeleteAsync(ApiClient client, string batch)
    {
        using var answer = await client.Http.DeleteAsync($"{Batches}/{batch}");
        return answer.StatusCode;
    }

    private async Task<JsonElement> MakeAsync(string body)
        => await AwaitAsync(host.Admin, Text(await PostAsync(Batches, ApiClient.Text(body, "application/json")), "id"));

    private async Task<JsonElement> PostAsync(string path, HttpContent content, string? idempotencyKey = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        using var answer = await host.Admin.Http.SendAsync(request);
        var made = await ApiClient.ReadAsync(answer, HttpStatusCode.Accepted);
        Assert.Equal($"{Batches}/{Text(made, "id")}", answer.Headers.Location!.ToString());
        return made;
    }

    private async Task<JsonElement[]> LinesAsync(string path)
        => [.. (await host.Admin.Http.GetStringAsync(path)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

    private static async Task<JsonElement> AwaitAsync(ApiClient client, string batch)
    {
        using var patience = new CancellationTokenSource(ApiClient.Patience);
        while (true)
        {
            var seen = await client.GetAsync($"{Batches}/{batch}");
            if (Text(seen, "status") is not ("queued" or "running"))
            {
                return seen;
            }

            await Task.Delay(100, patience.Token);
        }
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private static int Number(JsonElement element, string name) => (int)element.GetProperty(name).GetDouble();
}
