using System.Net;

namespace AIaaS.Resilience.Tests;

/// <summary>A home that hosts come and go on.</summary>
internal sealed class Homes : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static string Penguins { get; } = Path.Combine(AppContext.BaseDirectory, "samples", "penguins.csv");

    public static bool Long => Environment.GetEnvironmentVariable("AIAAS_LONG") == "1";

    public string Home => _folder.Path;

    public void Dispose() => _folder.Dispose();

    public Task<LocalHostProcess> StartAsync(params IReadOnlyList<(string Name, string Value)> settings) => LocalHostProcess.StartAsync(Home, settings);

    /// <summary>Drops the penguins for a new pipeline that tries one model only.</summary>
    public async Task DropAsync(LocalHostProcess host, string pipeline = "penguins")
    {
        using var client = new ApiClient(host.Url, host.AdminKey);
        await client.PutSmallPipelineAsync(pipeline, "target: species");
        Drop($"default/{pipeline}/penguins.csv");
    }

    /// <summary>Drops a file as a person would copy it: under another name first, then moved into place.</summary>
    public void Drop(string path, string? source = null)
    {
        var target = Path.Combine([Home, "storage", "incoming", .. path.Split('/')]);
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        File.Copy(source ?? Penguins, target + ".part", overwrite: true);
        File.Move(target + ".part", target, overwrite: true);
    }

    /// <summary>Waits for the one run of a pipeline to end well, and checks that everything about it exists once.</summary>
    public static async Task AssertCompletedOnceAsync(LocalHostProcess host, string pipeline)
    {
        using var client = new ApiClient(host.Url, host.AdminKey);
        var run = await client.AwaitRunOfAsync(pipeline);
        Assert.True(run.GetProperty("status").GetString() == "succeeded", $"{run}\n{host.Output}");
        Assert.Equal(1, (await client.GetAsync($"/api/v1/runs?pipeline={pipeline}")).GetProperty("items").GetArrayLength());
        Assert.Equal(1, (await client.GetAsync($"/api/v1/models/{pipeline}")).GetProperty("versions").GetArrayLength());
        Assert.Equal(344, (await client.GetAsync($"/api/v1/datasets/{pipeline}/profile")).GetProperty("rows").GetInt64());
        var predictions = await client.PredictAsync(pipeline, """{"rows":[{"bill_length_mm":46.1,"bill_depth_mm":13.2,"flipper_length_mm":211}]}""");
        Assert.Equal("Gentoo", predictions[0].GetProperty("label").GetString());
    }

    /// <summary>Waits until a stage of a pipeline's run has begun.</summary>
    /// <returns>False where the run ended first.</returns>
    public static async Task<bool> AwaitStageAsync(LocalHostProcess host, string pipeline, string stage)
    {
        using var client = new ApiClient(host.Url, host.AdminKey);
        using var patience = new CancellationTokenSource(ApiClient.Patience);
        while (true)
        {
            var runs = (await client.GetAsync($"/api/v1/runs?pipeline={pipeline}")).GetProperty("items");
            if (runs.GetArrayLength() > 0)
            {
                if (runs[0].GetProperty("stages").EnumerateArray().Any(each => each.GetProperty("name").GetString() == stage && each.GetProperty("status").GetString() != "pending"))
                {
                    return true;
                }

                if (runs[0].GetProperty("status").GetString() is "succeeded" or "failed" or "cancelled")
                {
                    return false;
                }
            }

            await Task.Delay(10, patience.Token);
        }
    }
}
