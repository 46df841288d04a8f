using AIaaS.Data.Exchange;
using AIaaS.Platform.Predictions.Batches;

namespace AIaaS.Platform.Tests.Predictions.Batches;

public sealed class FlatPredictionsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Classes_that_differ_in_case_alone_have_columns_of_their_own()
    {
        var (lines, flat, table) = (PathOf("lines.jsonl"), PathOf("flat.jsonl"), PathOf("table.csv"));
        await File.WriteAllTextAsync(lines, """
            {"row":0,"label":"yes","probabilities":{"yes":0.5,"Yes":0.25,"YES":0.125,"yes_2":0.0625}}
            {"row":1,"label":"Yes","probabilities":{"yes":0.25,"Yes":0.5,"YES":0.0625,"yes_2":0.125}}

            """);

        var columns = await FlatPredictions.WriteAsync(lines, flat, default);
        RowExchange.WriteTable(flat, columns, TableFormat.Csv, table, default);

        Assert.Equal(
            [
                "row,label,probabilities.yes,probabilities.Yes_2,probabilities.YES_3,probabilities.yes_2_2",
                "0,yes,0.5,0.25,0.125,0.0625",
                "1,Yes,0.25,0.5,0.0625,0.125",
            ],
            await File.ReadAllLinesAsync(table));
    }

    private string PathOf(string file) => Path.Combine(_folder.Path, file);
}
