using System.Net;
using System.Text;

namespace AIaaS.Resilience.Tests;

/// <summary>Data too large for a function is prepared by a job, whatever happens to the host meanwhile.</summary>
public sealed class PrepareJobTests
{
    private static readonly (string, string) ByJob = ("AIaaS__PrepareInFunctionMaxBytes", "1000");

    [Fact]
    public async Task Large_data_is_prepared_by_a_job_and_its_model_serves()
    {
        using var homes = new Homes();
        await using var host = await homes.StartAsync(ByJob);
        await homes.DropAsync(host);

        await Homes.AssertCompletedOnceAsync(host, "penguins");

        Assert.Contains("/prepare", host.Output, StringComparison.Ordinal);
        var left = Directory.GetFiles(Path.Combine(homes.Home, "storage", "runs"), "data.parquet", SearchOption.AllDirectories);
        Assert.Empty(left);
    }

    [Fact]
    public async Task A_job_and_a_function_make_the_same_version()
    {
        using var homes = new Homes();
        var versions = new List<string>();
        foreach (var (name, limit) in new[] { ("small", "1000000000"), ("large", "1000") })
        {
            await using var host = await homes.StartAsync(("AIaaS__PrepareInFunctionMaxBytes", limit));
            using var client = new ApiClient(host.Url, host.AdminKey);
            var run = await client.AwaitRunAsync(await client.PutDatasetAsync(name, await File.ReadAllTextAsync(Homes.Penguins), "?pipeline=none&file=penguins.csv"));
            Assert.True(run.GetProperty("status").GetString() == "succeeded", $"{run}\n{host.Output}");
            versions.Add(await client.Http.GetStringAsync($"/api/v1/datasets/{name}/profile"));
            versions.Add(await client.Http.GetStringAsync($"/api/v1/datasets/{name}/quality"));
            versions.Add(await client.Http.GetStringAsync($"/api/v1/datasets/{name}/data?format=csv"));
        }

        Assert.Equal(versions[..3], versions[3..]);
    }

    [Fact]
    public async Task A_host_killed_while_a_job_prepares_the_data_completes_the_run_once()
    {
        using var homes = new Homes();
        await using (var first = await homes.StartAsync(ByJob))
        {
            await homes.DropAsync(first);
            Assert.True(await AwaitJobAsync(homes, first));
            await first.KillAsync();
        }

        await using var second = await homes.StartAsync(ByJob);

        await Homes.AssertCompletedOnceAsync(second, "penguins");
    }

    public static TheoryData<int> Seeds => new(Enumerable.Range(1, Homes.Long ? 20 : 2));

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task A_host_killed_again_and_again_while_jobs_prepare_its_data_completes_the_run_once(int seed)
    {
        var random = new Random(seed);
        using var homes = new Homes();
        for (var kill = 0; kill < 3; kill++)
        {
            await using var host = await homes.StartAsync(ByJob);
            if (kill == 0)
            {
                await homes.DropAsync(host);
            }

            await Task.Delay(random.Next(0, 5000));
            await host.KillAsync();
        }

        await using var last = await homes.StartAsync(ByJob);
        await Homes.AssertCompletedOnceAsync(last, "penguins");
    }

    [Fact]
    public async Task Data_that_a_job_cannot_use_fails_the_run_with_the_jobs_own_words()
    {
        using var homes = new Homes();
        await using var host = await homes.StartAsync(ByJob);
        using var client = new ApiClient(host.Url, host.AdminKey);
        var bytes = new byte[4096];
        new Random(1).NextBytes(bytes);
        using var body = new ByteArrayContent(bytes);

        var answer = await client.PutAsync("/api/v1/datasets/binary?file=data.csv", body, HttpStatusCode.Accepted);
        var run = await client.AwaitRunAsync(answer.GetProperty("run").GetString()!);

        Assert.Equal("failed", run.GetProperty("status").GetString());
        Assert.Equal("The data cannot be used", run.GetProperty("error").GetProperty("title").GetString());
        Assert.Contains("data.csv", run.GetProperty("error").GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_cancelled_while_a_job_prepares_its_data_ends_and_leaves_no_version()
    {
        using var homes = new Homes();
        await using var host = await homes.StartAsync(ByJob);
        using var client = new ApiClient(host.Url, host.AdminKey);
        var text = new StringBuilder("a,b,label\n");
        for (var i = 0; i < 400_000; i++)
        {
            text.Append(i).Append(',').Append(i * 7 % 1000).Append(',').Append(i % 2 == 0 ? "x\n" : "y\n");
        }

        var run = await client.PutDatasetAsync("large", text.ToString());
        Assert.True(await AwaitJobAsync(homes, host));
        await client.PostAsync($"/api/v1/runs/{run}/cancel", new { }, HttpStatusCode.Accepted);

        Assert.Equal("cancelled", (await client.AwaitRunAsync(run)).GetProperty("status").GetString());
        Assert.Empty((await client.GetAsync("/api/v1/datasets/large/versions")).GetProperty("items").EnumerateArray());
    }

    /// <summary>Waits until the job's own process runs, as its host tells.</summary>
    /// <returns>False where the run ended first.</returns>
    private static async Task<bool> AwaitJobAsync(Homes homes, LocalHostProcess host)
    {
        using var client = new ApiClient(host.Url, host.AdminKey);
        using var patience = new CancellationTokenSource(ApiClient.Patience);
        while (true)
        {
            if (host.Output.Contains("runs in process", StringComparison.Ordinal))
            {
                return Directory.Exists(Path.Combine(homes.Home, "jobs"));
            }

            var runs = (await client.GetAsync("/api/v1/runs")).GetProperty("items");
            if (runs.GetArrayLength() > 0 && runs[0].GetProperty("status").GetString() is "succeeded" or "failed" or "cancelled")
            {
                return false;
            }

            await Task.Delay(10, patience.Token);
        }
    }
}
