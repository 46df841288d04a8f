using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Preparation;

public sealed class DocumentFileTests : PreparationTest
{
    [Fact]
    public void An_array_of_objects_is_a_table()
    {
        PreparationResult result = PrepareText("""[{"a": 1, "b": "x", "nested": {"p": [1, 2]}}, {"a": 2.5, "b": "", "nested": {"p": []}}, {"b": "NA"}]""", "a.json");
        Assert.Equal(["a DOUBLE", "b VARCHAR", "nested VARCHAR"], result.Schema.Columns.Select(column => $"{column.Name} {column.Type}"));
        Assert.Equal([1f, 2.5f, float.NaN], Numbers("a"));
        // JSON has a null of its own, so NA is a text there.
        Assert.Equal(["x", "", "NA"], Texts("b"));
        Assert.Equal(ColumnKind.Json, result.Schema.Columns[2].Kind);
        Assert.Equal("{\"p\":[1,2]}", Texts("nested")[0]);
    }

    [Fact]
    public void A_broken_line_among_JSON_lines_is_quarantined()
    {
        PrepareText("{\"a\": 1, \"b\": true}\n\n{\"a\": 2,\n{\"a\": 3, \"b\": false}\n", "a.jsonl");
        Assert.Equal([1f, 3f], Numbers("a"));
        QuarantinedRow row = Assert.Single(Quarantined());
        Assert.Equal(("malformed-json", 3L, "{\"a\": 2,"), (row.Reason, row.Line!.Value, row.Raw));
    }

    [Fact]
    public void An_object_that_has_a_name_twice_is_quarantined()
    {
        PrepareText("""
            {"a": 1, "b": {"x": 1}}
            {"a": 2, "a": 3, "b": {"x": 1}}
            {"a": 4, "b": {"x": 1, "\u0078": 2}}
            """, "a.jsonl");
        Assert.Equal([1f], Numbers("a"));
        Assert.Equal([("repeated-key", 2L), ("repeated-key", 3L)], Quarantined().Select(row => (row.Reason, row.Line!.Value)));
    }

    [Fact]
    public void Words_of_other_programs_for_what_is_no_number_are_missing_in_JSON_lines()
    {
        PreparationResult result = PrepareText("{\"a\": NaN, \"b\": \"NaN \\\" Infinity\"}\n{\"a\": -Infinity, \"b\": \"y\"}\n{\"a\": 3, \"b\": \"z\"}\n{\"a\": NaNs}\n", "a.jsonl");
        Assert.Equal([float.NaN, float.NaN, 3f], Numbers("a"));
        Assert.Equal("NaN \" Infinity", Texts("b")[0]);
        Assert.Equal("{\"a\": NaNs}", Assert.Single(Quarantined()).Raw);
        Assert.Contains(result.Quality.Findings, finding => finding.Detail.Contains("they are in 2 of 3 lines", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""[{"a": 1}, {"a": "2.5"}, {"a": null}]""", "DOUBLE", "1.0", "2.5")]
    [InlineData("""[{"a": 1}, {"a": "007"}, {"a": null}]""", "VARCHAR", "1", "007")]
    [InlineData("""[{"a": true}, {"a": "no"}, {"a": null}]""", "VARCHAR", "true", "no")]
    [InlineData("""[{"a": 1}, {"a": [2]}, {"a": null}]""", "VARCHAR", "1", "[2]")]
    public void Values_of_several_types_are_numbers_where_all_are_else_texts_without_quotes(string json, string type, string first, string second)
    {
        PreparationResult result = PrepareText(json, "a.json");
        Assert.Equal(type, result.Schema.Columns[0].Type);
        Assert.Equal([first, second, ""], Texts("a"));
    }

    [Theory]
    [InlineData("[1, 2, 3]", "holds no objects")]
    [InlineData("[]", "holds no objects")]
    [InlineData("""[{"a": 1}, {"a": """, "cannot be read as JSON (an array of objects, or one object per line): Malformed JSON")]
    public void A_document_that_makes_no_rows_is_refused_with_what_to_send(string json, string words) =>
        Assert.Contains(words, Refused(Folder.Write("a.json", json)).Message, StringComparison.Ordinal);

    [Fact]
    public void One_object_with_lists_is_reported_since_its_rows_may_be_in_them()
    {
        PreparationResult result = PrepareText("""{"page": 1, "items": [{"a": 1}, {"a": 2}]}""", "a.json");
        Assert.Contains(result.Quality.Findings, finding => finding.Detail.Contains("a.json is one object and so one row", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("[\n{\"a\": 1}, {\"a\": 2}]")]
    [InlineData("{\"a\": 1}\n{\"a\": 2}\n")]
    public void Objects_in_a_file_that_is_named_as_a_table_are_objects(string json)
    {
        PrepareText(json, "data.csv");
        Assert.Equal([1f, 2f], Numbers("a"));
    }

    [Fact]
    public void A_parquet_file_brings_its_types()
    {
        using (var database = DuckDbDatabase.Open())
        using (DuckDbConnection connection = database.Connect())
        {
            connection.Execute($"""
                COPY (SELECT i::SMALLINT AS small, i::DECIMAL(9, 2) / 4 AS price, CASE WHEN i = 1 THEN 'nan'::FLOAT ELSE i END AS f,
                        TIMESTAMPTZ '2020-01-01 00:00:00+00' + i * INTERVAL 1 HOUR AS moment, [i, i] AS list, uuid() AS u, i > 1 AS flag
                    FROM range(3) t(i)) TO {Sql.Literal(Folder["a.parquet"])} (FORMAT parquet)
                """);
        }
        PreparationResult result = Prepare(Folder["a.parquet"]);
        Assert.Equal(
            ["BIGINT", "DOUBLE", "DOUBLE", "TIMESTAMP", "VARCHAR", "VARCHAR", "BOOLEAN"],
            result.Schema.Columns.Select(column => column.Type));
        Assert.Equal([0f, float.NaN, 2f], Numbers("f"));
        Assert.Equal([0f, 0.25f, 0.5f], Numbers("price"));
        Assert.Equal("2020-01-01T02:00:00Z", result.Profile.Columns[3].Max!.Value.GetString());
    }

    [Fact]
    public void What_was_prepared_can_be_prepared_again()
    {
        PrepareText("a,b,c\n1.5,x,2020-01-01\n,y,\n");
        File.Copy(Path.Combine(Output, PreparedDataset.DataFileName), Folder["again.parquet"]);
        PreparationResult result = Prepare(Folder["again.parquet"]);
        Assert.Equal(["DOUBLE", "VARCHAR", "DATE"], result.Schema.Columns.Select(column => column.Type));
        Assert.Equal(["x", "y"], Texts("b"));
    }

    [Fact]
    public void Days_beyond_the_calendar_are_told_as_its_ends()
    {
        using (var database = DuckDbDatabase.Open())
        using (DuckDbConnection connection = database.Connect())
            connection.Execute($"COPY (SELECT DATE '5000000-01-01' AS day, 1 AS n UNION ALL SELECT DATE '4000-01-01 (BC)', 2) TO {Sql.Literal(Folder["a.parquet"])} (FORMAT parquet)");
        PreparationResult result = Prepare(Folder["a.parquet"]);
        Assert.Equal(("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"), (result.Profile.Columns[0].Min!.Value.GetString(), result.Profile.Columns[0].Max!.Value.GetString()));
    }

    [Fact]
    public void Rows_that_share_few_names_are_a_table()
    {
        PreparationResult result = PrepareText(string.Concat(Enumerable.Range(0, 40).Select(i => $"{{\"n{i}\": {i}}}\n")), "sparse.jsonl");
        Assert.Equal(40, result.Schema.Columns.Count);
        Assert.Equal(7f, Numbers("n7")[7]);
    }

    [Theory]
    [InlineData("jsonl")]
    [InlineData("json")]
    [InlineData("parquet")]
    public void Thousands_of_columns_are_prepared_within_the_memory_they_need(string format)
    {
        const int Columns = 2_000;
        string path = Folder[$"wide.{format}"];
        if (format == "parquet")
        {
            using var database = DuckDbDatabase.Open();
            using DuckDbConnection connection = database.Connect();
            connection.Execute($"COPY (SELECT {string.Join(", ", Enumerable.Range(0, Columns).Select(i => i == 0 ? "i AS c0" : $"(i + {i}) % 7 / 2 AS c{i}"))} FROM range(300) t(i)) TO {Sql.Literal(path)} (FORMAT parquet)");
        }
        else
        {
            string[] rows = [.. Enumerable.Range(0, 300).Select(row => $"{{{string.Join(',', Enumerable.Range(0, Columns).Select(i => FormattableString.Invariant($"\"c{i}\":{(i == 0 ? row : (row + i) % 7 / 2.0)}")))}}}")];
            File.WriteAllText(path, format == "json" ? $"[{string.Join(",\n", rows)}]" : string.Join('\n', rows));
        }

        PreparationResult result = new DatasetPreparation(new PreparationOptions { MemoryLimit = 160 << 20 }).Prepare([new DatasetSource(path)], new PrepareParameters(), Output);

        Assert.Equal(Columns, result.Schema.Columns.Count);
        Assert.All(result.Profile.Columns.Skip(1), column => Assert.Equal((300, 7), (column.Count - column.Missing, column.TopValues!.Count)));
    }
}
