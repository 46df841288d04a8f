using System.Net;
using System.Text.Json.Nodes;

namespace AIaaS.EndToEnd.Tests;

/// <summary>The messy sample does what the walk-through in the documentation tells of it.</summary>
[Collection(HostCollection.Name)]
public sealed class SampleTests(HostFixture host)
{
    private static readonly string Samples = Path.Combine(AppContext.BaseDirectory, "samples", "penguins-by-island");

    [Fact]
    public async Task Three_messy_files_become_one_table_and_a_model()
    {
        var name = HostFixture.NewName("islands");
        var pipeline = await File.ReadAllTextAsync(Path.Combine(Samples, "pipeline.yaml"));
        await host.Admin.PutAsync($"/api/v1/pipelines/{name}", ApiClient.Text(pipeline, "application/yaml"), HttpStatusCode.Created);

        await AssertAsync(await AddAsync(name, "biscoe.csv"), "succeeded", "167 rows");
        var refused = await AddAsync(name, "dream.jsonl.gz");
        await AssertAsync(refused, "failed", "Chinstrap");
        await AllowAsync(name, "Chinstrap");
        await AssertAsync(await AddAsync(name, "torgersen.tsv"), "succeeded", "340 rows");

        var quality = await host.Admin.GetAsync($"/api/v1/datasets/{name}/quality");
        var reasons = quality.GetProperty("quarantineReasons").EnumerateArray().ToDictionary(reason => reason.GetProperty("value").GetString()!, reason => reason.GetProperty("count").GetInt32());
        Assert.Equal(7, quality.GetProperty("rowsQuarantined").GetInt32());
        Assert.Equal(3, reasons["outlier"]);
        Assert.DoesNotContain("station.example", await host.Admin.Http.GetStringAsync($"/api/v1/datasets/{name}/data?format=csv"), StringComparison.Ordinal);
        Assert.DoesNotContain("station.example", await host.Admin.Http.GetStringAsync($"/api/v1/datasets/{name}/quarantine"), StringComparison.Ordinal);
        var predictions = await host.Admin.PredictAsync(
            name, """{"rows":[{"Bill length (mm)":46.1,"Bill depth (mm)":13.2,"Flipper length (mm)":211,"Body mass (g)":4500}]}""");
        Assert.Equal("Gentoo", predictions[0].GetProperty("label").GetString());
    }

    private async Task<string> AddAsync(string name, string file)
    {
        using var body = new ByteArrayContent(await File.ReadAllBytesAsync(Path.Combine(Samples, file)));
        var answer = await host.Admin.PutAsync($"/api/v1/datasets/{name}?append=true&file={file}", body, HttpStatusCode.Accepted);
        return answer.GetProperty("run").GetString()!;
    }

    private async Task AssertAsync(string id, string status, string words)
    {
        var run = await host.Admin.AwaitRunAsync(id);
        Assert.True(run.GetProperty("status").GetString() == status, run.ToString());
        Assert.Contains(words, run.ToString(), StringComparison.Ordinal);
    }

    private async Task AllowAsync(string name, string species)
    {
        var contract = JsonNode.Parse((await host.Admin.GetAsync($"/api/v1/datasets/{name}/contract")).GetRawText())!;
        contract["columns"]!.AsArray().Single(column => (string)column!["name"]! == "Species")!["allowedValues"]!.AsArray().Add(species);
        await host.Admin.PutAsync($"/api/v1/datasets/{name}/contract", ApiClient.Text(contract.ToJsonString(), "application/json"), HttpStatusCode.OK);
    }
}
