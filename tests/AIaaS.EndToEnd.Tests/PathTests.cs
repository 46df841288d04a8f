using System.Globalization;
using System.Net;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;

namespace AIaaS.EndToEnd.Tests;

/// <summary>The main job: data in, predictions out.</summary>
[Collection(HostCollection.Name)]
public sealed class PathTests(HostFixture host)
{
    private const string Gentoo = """{"island":"Biscoe","bill_length_mm":46.1,"bill_depth_mm":13.2,"flipper_length_mm":211,"body_mass_g":4500,"sex":"female","year":2007}""";
    private const string Adelie = """{"island":"Torgersen","bill_length_mm":39.1,"bill_depth_mm":18.7,"flipper_length_mm":181,"body_mass_g":3750,"sex":"male","year":2007}""";

    [Fact]
    public async Task A_file_put_to_an_upload_url_becomes_an_endpoint_that_predicts()
    {
        var name = HostFixture.NewName("upload");
        var upload = await host.Admin.PostAsync($"/api/v1/datasets/{name}/uploads", new { file = "penguins.csv" }, HttpStatusCode.Created);
        Assert.Equal("PUT", upload.GetProperty("method").GetString());
        using (var anyone = new HttpClient())
        using (var put = new HttpRequestMessage(HttpMethod.Put, upload.GetProperty("url").GetString()) { Content = ApiClient.Text(HostFixture.Penguins, "text/csv") })
        {
            foreach (var header in upload.GetProperty("headers").EnumerateObject())
            {
                put.Headers.TryAddWithoutValidation(header.Name, header.Value.GetString());
            }

            using var answer = await anyone.SendAsync(put);
            Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        }

        var run = await host.Admin.AwaitRunOfAsync(name);

        Assert.Equal("succeeded", run.GetProperty("status").GetString());
        var predictions = await host.Admin.PredictAsync(name, $$"""{"rows":[{{Gentoo}}]}""");
        Assert.Equal("Gentoo", predictions[0].GetProperty("label").GetString());
    }

    [Fact]
    public async Task A_table_put_as_a_data_set_becomes_an_endpoint_that_predicts_one_row_or_many()
    {
        var name = HostFixture.NewName("put");
        var run = await host.Admin.AwaitRunAsync(await host.Admin.PutDatasetAsync(name, HostFixture.Penguins));
        Assert.Equal("succeeded", run.GetProperty("status").GetString());

        var one = await host.Admin.PredictAsync(name, $$"""{"rows":[{{Adelie}}]}""");
        var many = await host.Admin.PredictAsync(name, $$"""{"rows":[{{Gentoo}},{{Adelie}},{{Gentoo}}]}""");

        Assert.Equal(["Gentoo", "Adelie", "Gentoo"], many.EnumerateArray().Select(each => each.GetProperty("label").GetString()));
        Assert.Equal("Adelie", one[0].GetProperty("label").GetString());
        var probabilities = one[0].GetProperty("probabilities").EnumerateObject().ToDictionary(each => each.Name, each => each.Value.GetDouble());
        Assert.Equal(["Adelie", "Chinstrap", "Gentoo"], probabilities.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(1, probabilities.Values.Sum(), 1e-5);
    }

    [Fact]
    public async Task Missing_features_are_imputed_and_unknown_categories_tolerated()
    {
        var name = await host.PenguinsEndpointAsync();

        var predictions = await host.Admin.PredictAsync(name, """
            {"rows":[
              {"bill_length_mm":46.1,"bill_depth_mm":13.2,"flipper_length_mm":211},
              {"island":"Atlantis","bill_length_mm":39.1,"bill_depth_mm":18.7,"flipper_length_mm":181,"body_mass_g":null}
            ]}
            """);

        Assert.Equal(["Gentoo", "Adelie"], predictions.EnumerateArray().Select(each => each.GetProperty("label").GetString()));
    }

    [Fact]
    public async Task The_model_of_the_penguins_is_right_on_97_of_100_rows_it_never_saw()
    {
        var name = await host.PenguinsEndpointAsync();

        var version = await host.Admin.GetAsync($"/api/v1/models/{name}/versions/1");

        Assert.InRange(version.GetProperty("metrics").GetProperty("accuracy").GetDouble(), 0.97, 1);
    }

    [Fact]
    public async Task What_became_of_the_data_can_be_read()
    {
        var name = await host.PenguinsEndpointAsync();

        var profile = await host.Admin.GetAsync($"/api/v1/datasets/{name}/profile");
        var quality = await host.Admin.GetAsync($"/api/v1/datasets/{name}/quality");
        var version = await host.Admin.GetAsync($"/api/v1/datasets/{name}/versions/1");

        Assert.Equal(344, profile.GetProperty("rows").GetInt64());
        Assert.Equal(344, quality.GetProperty("rowsRead").GetInt64());
        Assert.Equal(8, version.GetProperty("columns").GetArrayLength());
        var sex = profile.GetProperty("columns").EnumerateArray().Single(column => column.GetProperty("name").GetString() == "sex");
        Assert.Equal(11, sex.GetProperty("missing").GetInt64());
    }

    [Fact]
    public async Task A_pipeline_nobody_defined_is_inferred_and_can_be_edited()
    {
        var name = HostFixture.NewName("inferred");
        await host.Admin.AwaitRunAsync(await host.Admin.PutDatasetAsync(name, HostFixture.Penguins));

        var inferred = await host.Admin.GetAsync($"/api/v1/pipelines/{name}");
        var edited = await host.Admin.PutAsync($"/api/v1/pipelines/{name}", ApiClient.Text("target: island\ntrainers: linear\n", "application/yaml"), HttpStatusCode.OK);
        var started = await host.Admin.PostAsync($"/api/v1/pipelines/{name}/runs", new { }, HttpStatusCode.Accepted);
        var run = await host.Admin.AwaitRunAsync(started.GetProperty("run").GetString()!);

        Assert.True(inferred.GetProperty("inferred").GetBoolean());
        Assert.Equal("species", inferred.GetProperty("definition").GetProperty("target").GetString());
        Assert.Equal("island", edited.GetProperty("definition").GetProperty("target").GetString());
        Assert.Equal("succeeded", run.GetProperty("status").GetString());
        Assert.Equal(2, run.GetProperty("model").GetProperty("version").GetInt32());
    }

    [Fact]
    public async Task A_run_can_be_watched_to_its_end_and_the_watch_resumed()
    {
        var name = HostFixture.NewName("watch");
        await host.Admin.PutSmallPipelineAsync(name, "target: species");
        var run = await host.Admin.PutDatasetAsync(name, HostFixture.Penguins);

        var events = await WatchAsync(run, lastEventId: null);
        var resumed = await WatchAsync(run, lastEventId: "1-0");
        var nothing = await WatchAsync(run, events[^1].EventId);

        var seen = events.Select(each => JsonDocument.Parse(each.Data).RootElement).ToList();
        Assert.Equal("succeeded", seen[^1].GetProperty("status").GetString());
        var percents = seen.Select(each => each.GetProperty("percent").GetDouble()).ToList();
        Assert.Equal(percents.Order(), percents);
        Assert.Equal(100, percents[^1]);
        Assert.All(seen[^1].GetProperty("stages").EnumerateArray(), stage => Assert.Equal("succeeded", stage.GetProperty("status").GetString()));
        Assert.Equal(events[^1].EventId, Assert.Single(resumed).EventId);
        Assert.Empty(nothing);
    }

    [Fact]
    public async Task A_cancelled_run_ends_as_cancelled_and_the_next_one_gets_its_turn()
    {
        var name = HostFixture.NewName("cancel");
        await host.Admin.PutSmallPipelineAsync(name, "target: label");
        // So large that the run is under way for longer than a busy machine keeps the next request waiting.
        var run = await host.Admin.PutDatasetAsync(name, Table(rows: 400_000));

        using (var answer = await host.Admin.Http.PostAsync($"/api/v1/runs/{run}/cancel", content: null))
        {
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        }

        var cancelled = await host.Admin.AwaitRunAsync(run);
        var next = await host.Admin.AwaitRunAsync(await host.Admin.PutDatasetAsync(name, Table(rows: 200)));
        Assert.Equal("cancelled", cancelled.GetProperty("status").GetString());
        Assert.Equal("succeeded", next.GetProperty("status").GetString());
    }

    [Fact]
    public async Task Uploads_during_a_run_coalesce_into_one_queued_run()
    {
        var name = HostFixture.NewName("coalesce");
        await host.Admin.PutSmallPipelineAsync(name, "target: label");
        // So large that the first run is still active when the last request comes.
        var first = await host.Admin.PutDatasetAsync(name, Table(rows: 400_000));
        var second = await host.Admin.PutDatasetAsync(name, Table(rows: 200));
        var third = await host.Admin.PutDatasetAsync(name, Table(rows: 300));

        await host.Admin.AwaitRunAsync(first);
        var last = await host.Admin.AwaitRunAsync(third);

        Assert.NotEqual(first, second);
        Assert.Equal(second, third);
        Assert.Equal("succeeded", last.GetProperty("status").GetString());
        var runs = (await host.Admin.GetAsync($"/api/v1/runs?pipeline={name}")).GetProperty("items");
        Assert.Equal(2, runs.GetArrayLength());
        Assert.Equal(300, (await host.Admin.GetAsync($"/api/v1/datasets/{name}/profile")).GetProperty("rows").GetInt64());
    }

    [Fact]
    public async Task The_model_file_is_what_its_digest_says()
    {
        var name = await host.PenguinsEndpointAsync();
        var version = await host.Admin.GetAsync($"/api/v1/models/{name}/versions/1");

        var content = await host.Admin.Http.GetByteArrayAsync($"/api/v1/models/{name}/versions/1/content");

        Assert.Equal(version.GetProperty("sha256").GetString(), Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content)));
    }

    [Fact]
    public async Task A_number_is_predicted_where_the_target_is_one()
    {
        var name = HostFixture.NewName("mass");
        await host.Admin.PutSmallPipelineAsync(name, "target: body_mass_g\ntask: regression");
        var run = await host.Admin.AwaitRunAsync(await host.Admin.PutDatasetAsync(name, HostFixture.Penguins));
        Assert.Equal("succeeded", run.GetProperty("status").GetString());

        var predictions = await host.Admin.PredictAsync(name, """{"rows":[{"species":"Gentoo","island":"Biscoe","bill_length_mm":46.1,"bill_depth_mm":13.2,"flipper_length_mm":211,"sex":"female","year":2007}]}""");

        Assert.InRange(predictions[0].GetProperty("value").GetDouble(), 4000, 5000);
    }

    [Fact]
    public async Task A_model_that_misses_its_gate_is_not_deployed()
    {
        var name = HostFixture.NewName("gate");
        await host.Admin.PutSmallPipelineAsync(name, "target: species\ngate: { metric: log-loss, maximum: 0 }");

        var run = await host.Admin.AwaitRunAsync(await host.Admin.PutDatasetAsync(name, HostFixture.Penguins));

        Assert.Equal("failed", run.GetProperty("status").GetString());
        Assert.Contains("log-loss", run.GetProperty("error").GetProperty("detail").GetString(), StringComparison.Ordinal);
        using var endpoint = await host.Admin.Http.GetAsync($"/api/v1/endpoints/{name}");
        Assert.Equal(HttpStatusCode.NotFound, endpoint.StatusCode);
    }

    private static string Table(int rows)
    {
        var random = new Random(rows);
        var text = new StringBuilder("a,b,c,label\n");
        for (var row = 0; row < rows; row++)
        {
            var (a, b, c) = (random.NextDouble(), random.NextDouble(), random.NextDouble());
            text.Append(CultureInfo.InvariantCulture, $"{a:0.000000},{b:0.000000},{c:0.000000},{(a + b > c ? "above" : "below")}\n");
        }

        return text.ToString();
    }

    private async Task<List<SseItem<string>>> WatchAsync(string run, string? lastEventId)
    {
        using var patience = new CancellationTokenSource(ApiClient.Patience);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/runs/{run}/events");
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        using var answer = await host.Admin.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        var events = new List<SseItem<string>>();
        await using var stream = await answer.Content.ReadAsStreamAsync(patience.Token);
        await foreach (var happened in SseParser.Create(stream).EnumerateAsync(patience.Token))
        {
            events.Add(happened);
        }

        return events;
    }
}
