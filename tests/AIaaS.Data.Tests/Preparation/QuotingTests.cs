using System.Globalization;
using System.Text;
using AIaaS.Data.Preparation;
using AIaaS.Formats;
using CsvHelper;

namespace AIaaS.Data.Tests.Preparation;

/// <summary>Fields of generated files of every quoting oddity that is still well-formed, against CsvHelper's reading of them.</summary>
public sealed class QuotingTests : PreparationTest
{
    private static readonly string[] Pieces = ["a", "Z", "7", " ", "\"\"", ",", ";", "\t", "|", "\n", "'", "\\", "\\\"\"", "é", "🦆", "#", "--", "=1+1", "NULL ", "x\"\"y", "\"\"\"\"", "{", "\u00A0x"];

    [Theory]
    [InlineData(1, ',', "\n", 400)]
    [InlineData(2, ';', "\n", 400)]
    [InlineData(3, '\t', "\n", 400)]
    [InlineData(4, '|', "\n", 400)]
    [InlineData(5, ',', "\r\n", 400)]
    [InlineData(6, ',', "\n", 30_000)]
    public void Every_well_formed_quoting_is_read_as_CsvHelper_reads_it(int seed, char delimiter, string end, int rows)
    {
        var random = new Random(seed);
        var text = new StringBuilder();
        Row(text, ["key", "\"first \"\"name\"\"\"", "\"se,co;nd\"", "last"], delimiter, end);
        for (int i = 0; i < rows; i++)
            Row(text, [string.Create(CultureInfo.InvariantCulture, $"k{i}x"), Field(random, delimiter), Field(random, delimiter), Field(random, delimiter)], delimiter, end);
        string path = Folder.Write("a.csv", text.ToString());

        PreparationResult result = PrepareWith(new PrepareParameters { Clean = new() { RecoverTypes = false, Duplicates = new() { Action = DuplicateHandling.Keep } } }, path);

        Assert.Empty(Quarantined());
        using CsvReader csv = CsvReader.FromFile(path, new CsvReaderOptions { Separator = delimiter });
        var expected = new List<string[]>();
        while (csv.Read())
            expected.Add([.. Enumerable.Range(0, csv.FieldCount).Select(csv.GetString)]);
        Assert.Equal(csv.Headers, result.Schema.Columns.Select(column => column.Name));
        Assert.Equal(rows, expected.Count);
        for (int column = 0; column < 4; column++)
        {
            string[] actual = Texts(result.Schema.Columns[column].Name);
            // Blanks around texts go, which is ours and not CSV's; line ends inside of fields are read as they stand where the file has one kind.
            Assert.Equal(expected.Select(record => record[column].Trim(' ', '\t', '\r', '\n')), actual);
        }
    }

    private static void Row(StringBuilder text, string[] fields, char delimiter, string end) => text.AppendJoin(delimiter, fields).Append(end);

    private static string Field(Random random, char delimiter)
    {
        string content = "t" + string.Concat(Enumerable.Range(0, random.Next(6)).Select(_ => Pieces[random.Next(Pieces.Length)]));
        return random.Next(8) switch
        {
            0 => "plain",
            // A quote that is not first means itself.
            1 => "in\"side",
            2 => "\"\"\"\"",
            3 => "\"" + string.Concat(Enumerable.Repeat("\"\"", random.Next(1, 5))) + "\"",
            4 => $"\"{delimiter}\"",
            _ => $"\"{content}\"",
        };
    }
}
