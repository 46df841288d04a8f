using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Xunit.Abstractions;

namespace AIaaS.Resilience.Tests;

/// <summary>A host under more load than it can take, and for long under nearly as much.</summary>
public sealed class LoadTests(ITestOutputHelper output)
{
    /// <summary>Of a request to the slow model.</summary>
    private const int Rows = 32;

    [Fact]
    public async Task Under_three_times_the_load_it_takes_every_request_is_answered_or_told_when_to_come_back()
    {
        const int Most = 8;
        var answersEach = Homes.Long ? 400 : 8;
        using var homes = new Homes();
        await using var host = await homes.StartAsync(("AIaaS__MaxConcurrentPredictions", Most.ToString(CultureInfo.InvariantCulture)), ("AIaaS__Batching__MaxWaiting", "4"));
        using var admin = new ApiClient(host.Url, host.AdminKey);
        await ImportedModels.ImportAsync(admin, "slow", "slow", 1);
        var (statuses, accepted, unloaded) = (new ConcurrentDictionary<HttpStatusCode, int>(), new ConcurrentBag<double>(), new ConcurrentBag<double>());
        for (var i = 0; i < 20; i++)
        {
            using var answer = await SendAsync(admin, i, unloaded);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        await Task.WhenAll(Enumerable.Range(0, 3 * Most).Select(async caller =>
        {
            for (var answered = 0; answered < answersEach;)
            {
                using var answer = await SendAsync(admin, caller, accepted);
                statuses.AddOrUpdate(answer.StatusCode, 1, (_, count) => count + 1);
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    answered++;
                    Assert.All(ValuesOf(await answer.Content.ReadAsStringAsync(), caller), value => Assert.Equal(caller, value));
                    continue;
                }

                Assert.True(answer.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable, $"{answer.StatusCode}\n{host.Output}");
                Assert.True(answer.Headers.RetryAfter?.Delta >= TimeSpan.FromSeconds(1));
                await Task.Delay(5);
            }
        }));

        output.WriteLine($"{string.Join(", ", statuses.Select(s => $"{(int)s.Key}: {s.Value}"))}; accepted {Quantiles(accepted)}, unloaded {Quantiles(unloaded)}");
        Assert.Equal(3 * Most * answersEach, statuses[HttpStatusCode.OK]);
        Assert.True(statuses.Count > 1, "The host was never full.");
        using var after = await SendAsync(admin, 1, unloaded);
        Assert.Equal(HttpStatusCode.OK, after.StatusCode);

        // None was lost, and none was run twice.
        var statistics = (await admin.GetAsync("/v2/models/slow/stats")).GetProperty("model_stats")[0].GetProperty("inference_stats").GetProperty("success").GetProperty("count");
        Assert.Equal(20 + (3 * Most * answersEach) + 1, statistics.GetInt32());
    }

    [Fact]
    public async Task At_four_fifths_of_what_it_can_versions_are_swapped_without_a_failure_and_memory_stays_flat()
    {
        const int Callers = 4;
        var (measured, lasting) = Homes.Long ? (TimeSpan.FromSeconds(15), TimeSpan.FromMinutes(10)) : (TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(5));
        using var homes = new Homes();
        await using var host = await homes.StartAsync();
        using var admin = new ApiClient(host.Url, host.AdminKey);
        await ImportedModels.ImportAsync(admin, "ten", "ten-numbers", 2);
        var sustained = await CallAsync(admin, Callers, measured, perSecond: double.PositiveInfinity, new ConcurrentBag<double>());
        var (latencies, memory) = (new ConcurrentBag<double>(), new List<long>());
        using var process = Process.GetProcessById(host.Id);

        var calling = CallAsync(admin, Callers, lasting, 0.8 * sustained, latencies);
        var swaps = 0;
        while (!calling.IsCompleted)
        {
            await ImportedModels.PutEndpointAsync(admin, "ten", 1 + (++swaps % 2), HttpStatusCode.OK);
            process.Refresh();
            memory.Add(process.WorkingSet64);
            await Task.WhenAny(calling, Task.Delay(lasting / 100));
        }

        var served = await calling;
        var (early, late) = (Median(memory, 1), Median(memory, 4));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{sustained:F0}/s at most, then {served:F0}/s for {lasting}, {Quantiles(latencies)}; {swaps} swaps; memory {string.Join(", ", Enumerable.Range(0, 5).Select(part => Median(memory, part) >> 20))} MiB"));
        Assert.True(late <= (early * 1.25) + (32 << 20), $"The memory grew from {early} to {late} bytes.");
    }

    /// <summary>Predicts row after row from some callers, so many a second, and sees to each answer.</summary>
    /// <returns>How many were answered a second.</returns>
    private static async Task<double> CallAsync(ApiClient client, int callers, TimeSpan lasting, double perSecond, ConcurrentBag<double> latencies)
    {
        const string Row = "[1,2,3,4,5,6,7,8,9,10]";
        var (one, many) = ($"{{\"rows\":[{Row}]}}", $"{{\"rows\":[{string.Join(',', Enumerable.Repeat(Row, 50))}]}}");
        var started = Stopwatch.GetTimestamp();
        var answered = 0;
        await Parallel.ForAsync(0, callers, new ParallelOptions { MaxDegreeOfParallelism = callers }, async (_, _) =>
        {
            for (var sent = 0; Stopwatch.GetElapsedTime(started) < lasting; sent++)
            {
                var early = TimeSpan.FromSeconds(sent * callers / perSecond) - Stopwatch.GetElapsedTime(started);
                if (early > TimeSpan.FromMilliseconds(1))
                    await Task.Delay(early, CancellationToken.None);
                var rows = sent % 20 == 0 ? 50 : 1;
                var sentAt = Stopwatch.GetTimestamp();
                Assert.Equal(rows, (await client.PredictAsync("ten", rows == 1 ? one : many)).GetArrayLength());
                // Kept few, since this process's memory is not what is looked at.
                if (sent % 10 == 0)
                    latencies.Add(Stopwatch.GetElapsedTime(sentAt).TotalMilliseconds);
                Interlocked.Increment(ref answered);
            }
        });
        return answered / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>Rows that give back the caller's number, by the one protocol or the other.</summary>
    private static async Task<HttpResponseMessage> SendAsync(ApiClient client, int caller, ConcurrentBag<double> accepted)
    {
        var rows = string.Join(',', Enumerable.Repeat($"[{caller}]", Rows));
        var (path, body) = caller % 2 == 0
            ? ("/api/v1/endpoints/slow/predictions", $$"""{"rows":[{{rows}}]}""")
            : ("/v2/models/slow/infer", $$"""{"inputs":[{"name":"x","shape":[{{Rows}},1],"datatype":"FP32","data":[{{rows}}]}]}""");
        var sent = Stopwatch.GetTimestamp();
        var answer = await client.Http.PostAsync(path, ApiClient.Text(body, "application/json"));
        if (answer.StatusCode == HttpStatusCode.OK)
            accepted.Add(Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
        return answer;
    }

    private static double[] ValuesOf(string answer, int caller)
    {
        var root = JsonDocument.Parse(answer).RootElement;
        double[] values = caller % 2 == 0
            ? [.. root.GetProperty("predictions").EnumerateArray().Select(prediction => prediction.GetProperty("value").GetDouble())]
            : [.. root.GetProperty("outputs")[0].GetProperty("data").EnumerateArray().Select(value => value.GetDouble())];
        Assert.Equal(Rows, values.Length);
        return values;
    }

    /// <summary>Of the samples of one fifth of the time.</summary>
    private static long Median(List<long> samples, int fifth)
    {
        var part = samples.Skip(samples.Count * fifth / 5).Take(Math.Max(1, samples.Count / 5)).Order().ToArray();
        return part[part.Length / 2];
    }

    private static string Quantiles(IEnumerable<double> milliseconds)
    {
        var sorted = milliseconds.Order().ToArray();
        return string.Create(CultureInfo.InvariantCulture, $"p50 {sorted[sorted.Length / 2]:F1} ms, p99 {sorted[(int)((sorted.Length - 1) * 0.99)]:F1} ms");
    }
}
