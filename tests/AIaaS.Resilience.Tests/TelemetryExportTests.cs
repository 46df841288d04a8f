namespace AIaaS.Resilience.Tests;

/// <summary>What a host tells of itself by OpenTelemetry, as a collector gets it.</summary>
public sealed class TelemetryExportTests
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string Caller = "00f067aa0ba902b7";

    [Fact]
    public async Task Requests_runs_loads_and_evictions_reach_the_collector_and_traces_go_on_from_the_caller()
    {
        using var homes = new Homes();
        await using var collector = await OtlpCollector.StartAsync();
        await using var host = await homes.StartAsync(
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Url),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
            ("OTEL_BSP_SCHEDULE_DELAY", "200"),
            // One small model fits, two do not.
            ("AIaaS__ModelMemoryBytes", "1500000"));
        using var client = new ApiClient(host.Url, host.AdminKey);
        await ImportedModels.ImportAsync(client, "slow", "slow", 1);
        await ImportedModels.ImportAsync(client, "ten", "ten-numbers", 1);
        for (var i = 0; i < 3; i++)
        {
            await client.PredictAsync("slow", """{"rows":[[1],[2]]}""");
            await client.PredictAsync("ten", """{"rows":[[1,2,3,4,5,6,7,8,9,10]]}""");
        }

        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/endpoints/slow/predictions") { Content = ApiClient.Text("""{"rows":[[3]]}""", "application/json") };
        request.Headers.Add("traceparent", $"00-{Trace}-{Caller}-01");
        request.Headers.Add("tracestate", "vendor=told");
        using var answer = await client.Http.SendAsync(request);
        Assert.True(answer.IsSuccessStatusCode);

        await AwaitAsync(() => collector.Sum("aiaas.predictions.requests", "model=default/slow") == 4);
        Assert.Equal((7, 3), (collector.Sum("aiaas.predictions.rows", "model=default/slow"), collector.Sum("aiaas.predictions.rows", "model=default/ten")));
        Assert.All(["parse", "queue", "run", "write"], stage => Assert.Equal(7, collector.Sum("aiaas.predictions.duration", $"stage={stage}")));
        Assert.Equal((4, 4), (collector.Sum("aiaas.runs.rows", "model=default/slow"), collector.Sum("aiaas.runs.requests", "model=default/slow")));
        Assert.True(collector.Sum("aiaas.models.loads") >= 6);
        Assert.True(collector.Sum("aiaas.models.load.duration") >= 6);
        Assert.True(collector.Sum("aiaas.models.evictions") >= 5);
        Assert.Equal(1, collector.Sum("aiaas.models.loaded"));
        Assert.InRange(collector.Sum("aiaas.models.memory"), 1, 1_500_000);
        Assert.True(collector.Sum("http.server.request.duration") >= 7);
        Assert.Equal(["aiaas-functions"], collector.Services.Keys);

        await AwaitAsync(() => collector.Spans.Any(span => span.Trace == Trace && span.Scope == "AIaaS.Serving"));
        await AwaitAsync(() => collector.Spans.Any(span => span.Trace == Trace && span.Scope == "Microsoft.AspNetCore"));
        var served = collector.Spans.Single(span => span.Trace == Trace && span.Scope == "Microsoft.AspNetCore");
        var predicted = collector.Spans.Single(span => span.Trace == Trace && span.Scope == "AIaaS.Serving");
        Assert.Equal((Caller, "vendor=told"), (served.Parent, served.State));
        Assert.Equal((served.Id, "predict"), (predicted.Parent, predicted.Name));
        Assert.Equal(["model=default/slow", "rows=1", "version=1"], predicted.Tags.Order());
    }

    private static async Task AwaitAsync(Func<bool> arrived)
    {
        using var patience = new CancellationTokenSource(ApiClient.Patience);
        while (!arrived())
        {
            await Task.Delay(100, patience.Token);
        }
    }
}
