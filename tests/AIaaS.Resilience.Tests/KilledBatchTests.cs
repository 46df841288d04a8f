using System.Net;
using System.Text;
using System.Text.Json;

namespace AIaaS.Resilience.Tests;

/// <summary>A host killed in the middle of a batch prediction goes on with it when it is started again.</summary>
public sealed class KilledBatchTests
{
    private const int Rows = 30_000;

    [Fact]
    public async Task Every_row_is_in_the_result_once_whenever_the_host_was_killed()
    {
        using var homes = new Homes();
        string batch;
        await using (var first = await homes.StartAsync())
        {
            await homes.DropAsync(first);
            await Homes.AssertCompletedOnceAsync(first, "penguins");
            using var client = new ApiClient(first.Url, first.AdminKey);
            batch = await MakeAsync(client);
            await AwaitAsync(client, batch, seen => seen.GetProperty("rowsDone").GetInt64() > 0);
            await first.KillAsync();
        }

        // Killed once more, while it takes up what the first left.
        await using (var second = await homes.StartAsync())
        {
            using var client = new ApiClient(second.Url, second.AdminKey);
            await AwaitAsync(client, batch, _ => true);
            await second.KillAsync();
        }

        await using var last = await homes.StartAsync();
        using var reader = new ApiClient(last.Url, last.AdminKey);
        var ended = await AwaitAsync(reader, batch, seen => seen.GetProperty("status").GetString() is not ("queued" or "running"));

        Assert.Equal("succeeded", ended.GetProperty("status").GetString());
        Assert.Equal(
            (Rows, Rows, 1), (ended.GetProperty("rows").GetInt32(), ended.GetProperty("rowsDone").GetInt32(), ended.GetProperty("rowsFailed").GetInt32()));
        var results = await NumbersAsync(reader, $"/api/v1/batch-predictions/{batch}/results");
        var errors = await NumbersAsync(reader, $"/api/v1/batch-predictions/{batch}/errors");
        Assert.Equal([Rows / 2], errors);
        Assert.Equal(Enumerable.Range(0, Rows).Where(row => row != Rows / 2), results);
    }

    [Fact]
    public async Task A_file_dropped_for_an_endpoint_while_the_host_is_down_is_predicted()
    {
        using var homes = new Homes();
        await using (var first = await homes.StartAsync())
        {
            await homes.DropAsync(first);
            await Homes.AssertCompletedOnceAsync(first, "penguins");
            await first.KillAsync();
        }

        homes.Drop("default/penguins/predictions/new.csv");

        await using var second = await homes.StartAsync();
        using var client = new ApiClient(second.Url, second.AdminKey);
        using var patience = new CancellationTokenSource(ApiClient.Patience);
        var items = await client.GetAsync("/api/v1/batch-predictions");
        while (items.GetProperty("items").GetArrayLength() == 0)
        {
            await Task.Delay(100, patience.Token);
            items = await client.GetAsync("/api/v1/batch-predictions");
        }

        var batch = items.GetProperty("items")[0].GetProperty("id").GetString()!;
        var ended = await AwaitAsync(client, batch, seen => seen.GetProperty("status").GetString() is not ("queued" or "running"));
        Assert.Equal(("succeeded", 344), (ended.GetProperty("status").GetString(), ended.GetProperty("rowsDone").GetInt32()));

        // It trained nothing.
        Assert.Equal(1, (await client.GetAsync("/api/v1/runs")).GetProperty("items").GetArrayLength());
    }

    private static async Task<string> MakeAsync(ApiClient client)
    {
        var rows = new StringBuilder();
        for (var row = 0; row < Rows; row++)
        {
            rows.Append(row == Rows / 2 ? "{\"bill_length_mm\":\"wide\"}\n" : "{\"bill_length_mm\":46.1,\"bill_depth_mm\":13.2,\"flipper_length_mm\":211}\n");
        }

        using var answer = await client.Http.PostAsync("/api/v1/batch-predictions?endpoint=penguins", ApiClient.Text(rows.ToString(), "application/x-ndjson"));
        return (await ApiClient.ReadAsync(answer, HttpStatusCode.Accepted)).GetProperty("id").GetString()!;
    }

    private static async Task<JsonElement> AwaitAsync(ApiClient client, string batch, Func<JsonElement, bool> until)
    {
        using var patience = new CancellationTokenSource(ApiClient.Patience);
        while (true)
        {
            var seen = await client.GetAsync($"/api/v1/batch-predictions/{batch}");
            if (until(seen))
            {
                return seen;
            }

            await Task.Delay(20, patience.Token);
        }
    }

    private static async Task<int[]> NumbersAsync(ApiClient client, string path)
        => [.. (await client.Http.GetStringAsync(path)).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("row").GetInt32())];
}
