using System.Text.Json;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Preparation;

/// <summary>Names that mean something to SQL, to files or to nobody arrive in the prepared data set as they were.</summary>
public sealed class ColumnNameTests : PreparationTest
{
    private static readonly string[] Names =
    [
        "rowid", "src", "ord", "hash", "SELECT", "c0", "c1", "data", "raw0", "r", "i", "v", "n", "filename", "file_row_number", "a'; DROP TABLE data; --", "say \"hi\"", "🦆 emoji",
        "comma, inside", "x.y", "a=b", "{brace}", "$1", "NULL", "null_", "true", "*", "%", "\\", "[0]", "é", "日本語", "group by", "_", "0",
    ];

    [Theory]
    [InlineData("csv")]
    [InlineData("json")]
    [InlineData("jsonl")]
    [InlineData("parquet")]
    public void Any_name_survives(string format)
    {
        string[] names = Names;
        PreparationResult result = Prepare(Write(format, names));

        Assert.Equal(names, result.Schema.Columns.Select(column => column.Name));
        Assert.Equal(names, result.Profile.Columns.Select(column => column.Name));
        using PreparedDataset data = PreparedDataset.Open(Output);
        for (int i = 0; i < names.Length; i++)
            Assert.Equal([i, i + 1000f, i + 2000.5f], data.ReadNumbers(names[i]));
        Assert.Equal(["0", "1000", "2000.5"], data.ReadTexts(names[0]).Select(text => text.Replace(".0", "", StringComparison.Ordinal)));
    }

    [Fact]
    public void Repeated_and_empty_names_get_numbers_and_line_ends_become_blanks()
    {
        PreparationResult result = PrepareText("a,A,,\"two\nlines\",a_2, ,a\n1,2,3,4,5,6,7\n2,3,4,5,6,7,9\n");
        Assert.Equal(["a", "A_2", "column3", "two lines", "a_2_2", "column6", "a_3"], result.Schema.Columns.Select(column => column.Name));
        Assert.Equal([7f, 9f], Numbers("a_3"));
    }

    [Fact]
    public void Names_of_documents_that_differ_in_case_or_are_empty_are_kept_apart()
    {
        PreparationResult result = PrepareText("[{\"a\":1,\"A\":2,\"\":3,\" \":4},{\"a\":5,\"A\":6,\"\":7,\" \":8}]", "a.json");
        Assert.Equal(4, result.Schema.Columns.Select(column => column.Name).Distinct(StringComparer.OrdinalIgnoreCase).Count());
        Assert.All(result.Schema.Columns, column => Assert.False(string.IsNullOrWhiteSpace(column.Name)));
        Assert.Equal([[1f, 5f], [2f, 6f], [3f, 7f], [4f, 8f]], result.Schema.Columns.Select(column => Numbers(column.Name)));
    }

    private string Write(string format, string[] names)
    {
        string path = Folder[$"a.{format}"];
        double[][] rows = [[.. names.Select((_, i) => (double)i)], [.. names.Select((_, i) => i + 1000.0)], [.. names.Select((_, i) => i + 2000.5)]];
        IEnumerable<Dictionary<string, double>> objects = rows.Select(row => names.Zip(row).ToDictionary(pair => pair.First, pair => pair.Second));
        switch (format)
        {
            case "csv":
                File.WriteAllLines(path, [string.Join(',', names.Select(name => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"")),
                    .. rows.Select(row => string.Join(',', row.Select(value => value.ToString(System.Globalization.CultureInfo.InvariantCulture))))]);
                break;
            case "json":
                File.WriteAllText(path, JsonSerializer.Serialize(objects));
                break;
            case "jsonl":
                File.WriteAllLines(path, objects.Select(row => JsonSerializer.Serialize(row)));
                break;
            default:
                using (var database = DuckDbDatabase.Open())
                using (DuckDbConnection connection = database.Connect())
                {
                    string values = string.Join(", ", names.Select((name, i) => $"(i * 1000 + {i} + CASE WHEN i = 2 THEN 0.5 ELSE 0 END)::DOUBLE AS {Sql.Identifier(name)}"));
                    connection.Execute($"COPY (SELECT {values} FROM range(3) t(i)) TO {Sql.Literal(path)} (FORMAT parquet)");
                }
                break;
        }
        return path;
    }
}
