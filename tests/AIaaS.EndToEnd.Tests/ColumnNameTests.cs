using System.Text.Json;

namespace AIaaS.EndToEnd.Tests;

/// <summary>Columns are called what their owners call them, from the file to the prediction.</summary>
[Collection(HostCollection.Name)]
public sealed class ColumnNameTests(HostFixture host)
{
    private static readonly string[] Header =
        ["\"say \"\"hi\"\"\"", "\"two\nlines\"", "\U0001F427 \u00E4\u4E2D", "select", "", "twice", "twice", "a'b;--", "\" padded \"", "file_row_number", "c0", "label"];

    /// <summary>Names as they are from the file on: line ends and blanks around go, empty and repeated ones are numbered.</summary>
    private static readonly string[] Names =
        ["say \"hi\"", "two lines", "\U0001F427 \u00E4\u4E2D", "select", "column5", "twice", "twice_2", "a'b;--", "padded", "file_row_number", "c0", "label"];

    [Fact]
    public async Task Odd_names_survive_the_whole_way_to_the_prediction()
    {
        var name = HostFixture.NewName("names");
        await host.Admin.PutSmallPipelineAsync(name, "target: label");

        var run = await host.Admin.AwaitRunAsync(await host.Admin.PutDatasetAsync(name, Table()));

        Assert.True(run.GetProperty("status").GetString() == "succeeded", run.ToString());
        var version = await host.Admin.GetAsync($"/api/v1/datasets/{name}/versions/1");
        Assert.Equal(Names, version.GetProperty("columns").EnumerateArray().Select(column => column.GetProperty("name").GetString()));
        var profile = await host.Admin.GetAsync($"/api/v1/datasets/{name}/profile");
        Assert.Equal(Names, profile.GetProperty("columns").EnumerateArray().Select(column => column.GetProperty("name").GetString()));
        var rows = await host.Admin.GetAsync($"/api/v1/datasets/{name}/rows?limit=1&filter={Uri.EscapeDataString("\"say \"\"hi\"\"\" = 1 AND \"\U0001F427 \u00E4\u4E2D\" > 0")}");
        Assert.Equal(Names, rows.GetProperty("items")[0].EnumerateObject().Select(member => member.Name));
        var signature = await host.Admin.GetAsync($"/api/v1/models/{name}/versions/1/signature");
        Assert.Equal(Names[..^1].Order(StringComparer.Ordinal), signature.GetProperty("inputs").EnumerateArray().Select(input => input.GetProperty("name").GetString()!).Order(StringComparer.Ordinal));

        foreach (var (level, label) in new[] { (1, "low"), (9, "high") })
        {
            var row = Names[..^1].ToDictionary(column => column, _ => (object)level);
            var predictions = await host.Admin.PredictAsync(name, JsonSerializer.Serialize(new { rows = new[] { row } }));
            Assert.Equal(label, predictions[0].GetProperty("label").GetString());
        }
    }

    [Fact]
    public async Task Odd_names_are_good_for_every_step_of_cleaning()
    {
        var name = HostFixture.NewName("names-cleaned");
        const string Pipeline = """"
            target: label
            clean:
              derive: { "new \"one\" \U0001F427": '"say ""hi""" * 2' }
              filter: '"select" IS NOT NULL'
              missing: { action: median, columns: ["say \"hi\"", "a'b;--"] }
              duplicates: { key: ["say \"hi\"", "\U0001F427 \u00E4\u4E2D", "c0", "select", "twice_2"] }
              outliers: { method: iqr, action: clip, columns: ["file_row_number", "c0"], threshold: 10 }
            split: { group: "padded" }
            """";
        await host.Admin.PutSmallPipelineAsync(name, Pipeline);

        var run = await host.Admin.AwaitRunAsync(await host.Admin.PutDatasetAsync(name, Table()));

        Assert.True(run.GetProperty("stages")[0].GetProperty("status").GetString() == "succeeded", run.ToString());
        var rows = await host.Admin.GetAsync($"/api/v1/datasets/{name}/rows?limit=1");
        var first = rows.GetProperty("items")[0];
        Assert.Equal(2 * first.GetProperty("say \"hi\"").GetDouble(), first.GetProperty("new \"one\" \U0001F427").GetDouble());
    }

    private static string Table()
    {
        var random = new Random(5);
        var rows = Enumerable.Range(0, 200).Select(i =>
        {
            var high = i % 2 == 1;
            var values = Enumerable.Range(0, Header.Length - 1).Select(column => (high ? 7 : 0) + random.Next(1, 4) + (column % 2 == 0 ? 0 : random.Next(4) / 4.0));
            return string.Join(',', values.Select(value => value.ToString(System.Globalization.CultureInfo.InvariantCulture)).Append(high ? "high" : "low"));
        });
        return string.Join(',', Header) + "\n" + string.Join('\n', rows) + "\n";
    }
}
