using System.Globalization;
using System.IO.Compression;
using System.Text;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Preparation;

public sealed class DelimitedFileTests : PreparationTest
{
    private const string Penguins = """
        species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year
        Adelie,Torgersen,39.1,18.7,181,3750,male,2007
        Adelie,Torgersen,39.5,17.4,186,3800,female,2007
        Adelie,Torgersen,NA,NA,NA,NA,NA,2007
        Gentoo,Biscoe,46.1,13.2,211,4500,female,2008
        Chinstrap,Dream,46.5,17.9,192,3500,female,2009

        """;

    [Fact]
    public void A_table_with_missing_values_keeps_its_rows_types_and_gaps()
    {
        PreparationResult result = PrepareText(Penguins);

        Assert.Equal(
            ["species VARCHAR", "island VARCHAR", "bill_length_mm DOUBLE", "bill_depth_mm DOUBLE", "flipper_length_mm BIGINT", "body_mass_g BIGINT", "sex VARCHAR", "year BIGINT"],
            result.Schema.Columns.Select(column => $"{column.Name} {column.Type}"));
        Assert.Equal(5, result.Profile.Rows);
        Assert.Equal([39.1f, 39.5f, float.NaN, 46.1f, 46.5f], Numbers("bill_length_mm"));
        Assert.Equal(["male", "female", "", "female", "female"], Texts("sex"));
        Assert.Equal(["181", "186", "", "211", "192"], Texts("flipper_length_mm"));
        Assert.Equal(1, result.Profile.Columns[6].Missing);
        Assert.Empty(Quarantined());
    }

    [Fact]
    public void Every_file_of_a_prepared_data_set_is_written_and_no_other()
    {
        PrepareText(Penguins);
        Assert.Equal(
            ["contract.json", "data.parquet", "profile.json", "quality.html", "quality.json", "quarantine.jsonl", "schema.json", "splits.json", "splits.parquet"],
            Directory.EnumerateFiles(Output).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Rows_that_do_not_fit_are_quarantined_with_line_and_reason()
    {
        PreparationResult result = PrepareText("""
            name,size
            "two
            lines",1
            a,1,extra
            b
            c,2
            d,"x"y
            e,3

            """);

        Assert.Equal(["two\nlines", "c", "e"], Texts("name"));
        Assert.Equal(
            [("too-many-fields", 4, "a,1,extra"), ("too-few-fields", 5, "b"), ("bad-quotes", 7, "d,\"x\"y")],
            Quarantined().Select(row => (row.Reason, row.Line ?? 0, row.Raw!.Trim())));
        Assert.Equal((6, 3, 3), (result.Quality.RowsRead, result.Quality.RowsKept, result.Quality.RowsQuarantined));
        Assert.Equal(
            ["bad-quotes 1", "too-few-fields 1", "too-many-fields 1"],
            result.Quality.QuarantineReasons.Select(reason => $"{reason.Value} {reason.Count}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_rare_text_in_a_number_column_quarantines_its_row()
    {
        var text = new StringBuilder("id,size\n");
        for (int i = 0; i < 500; i++)
            text.Append(CultureInfo.InvariantCulture, $"{i},{(i == 321 ? "big" : i * 0.5)}\n");

        PreparationResult result = PrepareText(text.ToString());

        Assert.Equal("DOUBLE", result.Schema.Columns[1].Type);
        QuarantinedRow row = Assert.Single(Quarantined());
        Assert.Equal(("data.csv", 323L, "size", "big", "not-a-number", "321,big"), (row.File, row.Line!.Value, row.Column, row.Value, row.Reason, row.Raw));
        Assert.Equal(499, result.Profile.Rows);
    }

    [Fact]
    public void A_number_column_with_many_texts_is_text_and_loses_no_row()
    {
        string rows = string.Concat(Enumerable.Range(0, 100).Select(i => $"{i},{(i % 20 == 0 ? "unknown" : i.ToString(CultureInfo.InvariantCulture))}\n"));
        PreparationResult result = PrepareText("n,value\n" + rows);
        Assert.Equal("VARCHAR", result.Schema.Columns[1].Type);
        Assert.Equal(100, result.Profile.Rows);
        Assert.Equal("unknown", Texts("value")[20]);
    }

    [Fact]
    public void A_fraction_among_integers_is_not_rounded()
    {
        PreparationResult result = PrepareText("a,b\n1,x\n2,x\n2.5,y\n");
        Assert.Equal("DOUBLE", result.Schema.Columns[0].Type);
        Assert.Equal([1f, 2f, 2.5f], Numbers("a"));
    }

    [Fact]
    public void A_time_among_dates_is_not_cut_off()
    {
        PreparationResult result = PrepareText("when,b\n2020-01-01,x\n2020-01-02 12:30:00,y\n");
        Assert.Equal("TIMESTAMP", result.Schema.Columns[0].Type);
        Assert.Equal(ColumnKind.Datetime, result.Schema.Columns[0].Kind);
        Assert.Equal("2020-01-02T12:30:00Z", result.Profile.Columns[0].Max!.Value.GetString());
        Assert.Equal([1577836800f, 1577968200f], Numbers("when"));
    }

    [Fact]
    public void Dates_and_booleans_have_their_types()
    {
        PreparationResult result = PrepareText("day,ok,b\n2020-01-01,true,x\n2020-02-29,FALSE,y\n,NA,z\n");
        Assert.Equal(["DATE", "BOOLEAN", "VARCHAR"], result.Schema.Columns.Select(column => column.Type));
        Assert.Equal(["true", "false", ""], Texts("ok"));
        Assert.Equal([1f, 0f, float.NaN], Numbers("ok"));
    }

    [Fact]
    public void Codes_keep_their_leading_zeros_and_long_keys_their_digits()
    {
        PreparationResult result = PrepareText("zip,key,b\n01234,9007199254740993,x\n99999,9007199254740995,y\n");
        Assert.Equal(["VARCHAR", "VARCHAR"], result.Schema.Columns.Take(2).Select(column => column.Type));
        Assert.Equal(["01234", "99999"], Texts("zip"));
        Assert.Equal(["9007199254740993", "9007199254740995"], Texts("key"));
    }

    [Fact]
    public void The_words_for_missing_are_missing_with_blanks_around_them_too()
    {
        PreparationResult result = PrepareText("a, b, c, d\n1, x, 2, p\nNA, N/A, , q\nnull, NaN, ?, r\n4, y, NA , s\n");
        Assert.Equal(["a", "b", "c", "d"], result.Schema.Columns.Select(column => column.Name));
        Assert.Equal([1f, float.NaN, float.NaN, 4f], Numbers("a"));
        Assert.Equal(["x", "", "", "y"], Texts("b"));
        Assert.Equal([2f, float.NaN, float.NaN, float.NaN], Numbers("c"));
        Assert.Empty(Quarantined());
    }

    [Fact]
    public void Infinite_numbers_are_missing_and_reported()
    {
        PreparationResult result = PrepareText("a,b\n1,x\ninf,y\n-inf,z\n2.5,w\n");
        Assert.Equal([1f, float.NaN, float.NaN, 2.5f], Numbers("a"));
        Assert.Contains(result.Quality.Findings, finding => finding.Column == "a" && finding.Detail.StartsWith("2 values", StringComparison.Ordinal));
    }

    [Fact]
    public void A_column_of_nothing_is_kept_and_reported()
    {
        PreparationResult result = PrepareText("a,empty,b\n1,,x\n2,NA,y\n");
        Assert.Equal(ColumnKind.Constant, result.Schema.Columns[1].Kind);
        Assert.Equal(2, result.Profile.Columns[1].Missing);
        Assert.Null(result.Profile.Columns[1].Min);
        Assert.Contains(result.Quality.Findings, finding => finding.Column == "empty" && finding.Severity == Severity.Warning);
    }

    [Fact]
    public void Repeated_rows_go_and_the_first_of_each_stays_in_its_place()
    {
        PreparationResult result = PrepareText("a,b\n3,x\n1,\n3,x\n2,y\n1,\n1,z\n3,x\n");
        Assert.Equal(["3", "1", "2", "1"], Texts("a"));
        Assert.Equal(["x", "", "y", "z"], Texts("b"));
        Assert.Equal(3, result.Profile.DuplicateRows);
        Assert.Equal(new CleaningStep("drop-duplicates", 7, 4, "Dropped 3 rows that repeat an earlier row in every column."), result.Quality.Steps[^1]);
    }

    [Fact]
    public void Repeated_rows_stay_when_the_pipeline_says_so()
    {
        PreparationResult result = PrepareWith(new PrepareParameters { Clean = new() { Duplicates = new() { Action = DuplicateHandling.Keep } } }, Folder.Write("a.csv", "a,b\n3,x\n3,x\n"));
        Assert.Equal((2, 1), (result.Profile.Rows, result.Profile.DuplicateRows));
    }

    [Theory]
    [InlineData(",")]
    [InlineData(";")]
    [InlineData("\t")]
    [InlineData("|")]
    public void Any_usual_delimiter_is_found_among_commas_in_texts(string delimiter)
    {
        string[] rows = ["name,b", "\"x, y; z|w\",1", "\"q\tr\",2"];
        PrepareText(string.Concat(rows.Select(row => row[..row.LastIndexOf(',')] + delimiter + row[(row.LastIndexOf(',') + 1)..] + "\n")));
        Assert.Equal(["x, y; z|w", "q\tr"], Texts("name"));
    }

    [Fact]
    public void Decimal_commas_do_not_hide_semicolons()
    {
        PreparationResult result = PrepareText("a;b\n1,5;x\n2,5;y\n");
        Assert.Equal(["a", "b"], result.Schema.Columns.Select(column => column.Name));
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    [InlineData("\r")]
    public void Any_line_end_ends_a_line(string end)
    {
        PrepareText($"a,b{end}1,\"x{end}y\"{end}2,z{end}");
        Assert.Equal(["1", "2"], Texts("a"));
        Assert.Equal("z", Texts("b")[1]);
    }

    [Fact]
    public void Mixed_line_ends_are_read()
    {
        PrepareText("a,b\r\n1,x\n2,\"y\r\nz\"\r3,w");
        Assert.Equal(["x", "y\nz", "w"], Texts("b"));
    }

    [Fact]
    public void A_last_line_without_end_counts()
    {
        PrepareText("a,b\n1,x\n2,y");
        Assert.Equal(["1", "2"], Texts("a"));
    }

    public static TheoryData<string, bool> Encodings() => new()
    {
        { "utf-8", true }, { "utf-8", false }, { "utf-16", true }, { "utf-16", false }, { "utf-16BE", true }, { "utf-16BE", false }, { "utf-32", true }, { "latin1", false },
    };

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Any_usual_encoding_is_read(string name, bool mark)
    {
        Encoding encoding = Encoding.GetEncoding(name);
        byte[] text = encoding.GetBytes("größe,stadt\n1,Zürich\n2,Málaga\n3,Besançon\n");
        PreparationResult result = Prepare(Folder.Write("a.csv", mark ? [.. encoding.GetPreamble(), .. text] : text));
        Assert.Equal(["größe", "stadt"], result.Schema.Columns.Select(column => column.Name));
        Assert.Equal(["Zürich", "Málaga", "Besançon"], Texts("stadt"));
        Assert.Equal(name != "utf-8", result.Quality.Findings.Any(finding => finding.Detail.StartsWith("a.csv: ", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_broken_character_in_a_UTF8_file_costs_its_row_only()
    {
        byte[] good = Encoding.UTF8.GetBytes("a,b\n1,Zürich\n2,Málaga\n3,");
        Prepare(Folder.Write("a.csv", [.. good, 0xFF, .. "x\n4,z\n"u8]));
        Assert.Equal(["1", "2", "4"], Texts("a"));
        QuarantinedRow row = Assert.Single(Quarantined());
        Assert.Equal(("invalid-encoding", 4L), (row.Reason, row.Line!.Value));
    }

    [Fact]
    public void A_compressed_file_is_read()
    {
        using (var zip = new GZipStream(File.Create(Folder["a.csv.gz"]), CompressionLevel.Fastest))
            zip.Write("a,b\n1,x\n2,y\n"u8);
        Prepare(Folder["a.csv.gz"]);
        Assert.Equal(["x", "y"], Texts("b"));
    }

    [Fact]
    public void Sources_are_matched_by_column_name_and_follow_one_another()
    {
        PreparationResult result = Prepare(
            Folder.Write("1.csv", "a,b\n1,x\n2,y\n"),
            Folder.Write("2.csv", "b,a,c\nz,2.5,new\n"));
        Assert.Equal(["a DOUBLE", "b VARCHAR", "c VARCHAR"], result.Schema.Columns.Select(column => $"{column.Name} {column.Type}"));
        Assert.Equal([1f, 2f, 2.5f], Numbers("a"));
        Assert.Equal(["x", "y", "z"], Texts("b"));
        Assert.Equal(["", "", "new"], Texts("c"));
    }

    [Fact]
    public void A_file_name_with_pattern_characters_is_that_file_only()
    {
        Folder.Write("a1.csv", "a,b\n9,wrong\n");
        Prepare(Folder.Write("a[1]*'.csv", "a,b\n1,right\n2,too\n"));
        Assert.Equal(["right", "too"], Texts("b"));
    }

    [Fact]
    public void A_text_that_looks_like_SQL_stays_a_text()
    {
        PreparationResult result = PrepareText("a'; DROP TABLE data; --,\"b\"\"\",select\nx'y,1,2\nz,3,4\n");
        Assert.Equal(["a'; DROP TABLE data; --", "b\"", "select"], result.Schema.Columns.Select(column => column.Name));
        Assert.Equal(["x'y", "z"], Texts("a'; DROP TABLE data; --"));
        Assert.Equal([1f, 3f], Numbers("b\""));
    }

    [Fact]
    public void Thousands_of_columns_are_prepared_within_a_function_s_memory()
    {
        int columns = Environment.GetEnvironmentVariable("AIAAS_LONG") == "1" ? 10_000 : 2_000;
        var random = new Random(3);
        var text = new StringBuilder(string.Join(',', Enumerable.Range(0, columns).Select(i => $"column {i}"))).Append('\n');
        for (int row = 0; row < 20; row++)
            text.AppendJoin(',', Enumerable.Range(0, columns).Select(_ => random.NextDouble().ToString("F3", CultureInfo.InvariantCulture))).Append('\n');

        PreparationResult result = new DatasetPreparation(new PreparationOptions { MemoryLimit = 1L << 30 })
            .Prepare([new DatasetSource(Folder.Write("wide.csv", text.ToString()))], new PrepareParameters(), Output);

        Assert.Equal(columns, result.Schema.Columns.Count);
        Assert.All(result.Profile.Columns, column => Assert.Equal(20, column.Count - column.Missing));
        Assert.Equal($"column {columns - 1}", result.Schema.Columns[^1].Name);
    }

    [Fact]
    public void More_columns_than_the_memory_allows_are_refused_with_how_many_it_does()
    {
        string text = string.Join(',', Enumerable.Range(0, 200).Select(i => $"column {i}")) + "\n"
            + string.Concat(Enumerable.Repeat(string.Join(',', Enumerable.Range(0, 200)) + "\n", 3000));
        var preparation = new DatasetPreparation(new PreparationOptions { MemoryLimit = 64 << 20 });

        DatasetException exception = Assert.Throws<DatasetException>(() => preparation.Prepare([new DatasetSource(Folder.Write("wide.csv", text))], new PrepareParameters(), Output));

        Assert.Equal(DatasetReasons.NoRoom, exception.Reason);
        Assert.Contains("The data has 200 columns, and with as many rows the memory of this machine is enough for 128. Leave out columns", exception.Message, StringComparison.Ordinal);
    }
}
