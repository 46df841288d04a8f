using System.Globalization;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Preparation;

public sealed class TypeRecoveryTests : PreparationTest
{
    [Theory]
    [InlineData("\"1,234.50\" \"12.5\" \"1,000,000\"", "DOUBLE", "1234.5 12.5 1000000")]
    [InlineData("$1,234 $999 -$5", "BIGINT", "1234 999 -5")]
    [InlineData("(1,234.50) 12.5 .5", "DOUBLE", "-1234.5 12.5 0.5")]
    [InlineData("1.234,50 12,5 1.000.000", "DOUBLE", "1234.5 12.5 1000000")]
    [InlineData("0,5 12,25 -3,125", "DOUBLE", "0.5 12.25 -3.125")]
    [InlineData("1234,50€ 12,5€ 0,01€", "DOUBLE", "1234.5 12.5 0.01")]
    [InlineData("1\u00A0234,50 12,5 7", "DOUBLE", "1234.5 12.5 7")]
    [InlineData("1'234'567.25 12'000.5 7", "DOUBLE", "1234567.25 12000.5 7")]
    [InlineData("12% 5.5% 100%", "DOUBLE", "12 5.5 100")]
    [InlineData("€5 €7 €1,234.5", "DOUBLE", "5 7 1234.5")]
    [InlineData("−5.5 1,234.5 3", "DOUBLE", "-5.5 1234.5 3")]
    [InlineData("1\u00A0234 999 5\u202F678", "BIGINT", "1234 999 5678")]
    public void Numbers_written_for_people_become_numbers(string values, string type, string expected)
    {
        PreparationResult result = PrepareColumn(values.Replace("\"", "", StringComparison.Ordinal).Split(' '));
        Assert.Equal(type, result.Schema.Columns[0].Type);
        Assert.Equal(expected.Split(' ').Select(number => float.Parse(number, CultureInfo.InvariantCulture)), Numbers("v"));
        Assert.Single(result.Quality.Steps, step => step.Name == "recover-numbers" && step.Detail.StartsWith("v: 3 values", StringComparison.Ordinal));
        Assert.Empty(Quarantined());
    }

    [Theory]
    [InlineData("1,234 5,678 999", "thousands or decimals")]
    [InlineData("1.234 5.678 1.234.567 1,234,567", "thousands or decimals")]
    [InlineData("$5.20 €7.10 $1,234.50", "several currencies")]
    [InlineData("5.5% 6.5 7.5%", "some are not")]
    [InlineData("01/02/2024 03/04/2024 05/06/2024", "day/month or month/day")]
    [InlineData("25/02/2024 03/25/2024 05/06/2024", "")]
    public void What_can_be_read_in_two_ways_stays_text_and_is_reported(string values, string reason)
    {
        string[] texts = values.Split(' ');
        PreparationResult result = PrepareColumn(texts);
        Assert.Equal("VARCHAR", result.Schema.Columns[0].Type);
        Assert.Equal(texts, Texts("v"));
        if (reason.Length > 0)
            Assert.Contains(result.Quality.Findings, finding => finding.Column == "v" && finding.Detail.Contains(reason, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("007 1,234.5 6.5")]
    [InlineData("555 123 456|555 987 654|555 000 111")]
    [InlineData("192.168.100.101 192.168.100.102 192.168.200.101")]
    [InlineData("12 kg|13 kg|1,400 kg")]
    [InlineData("1,23,456 7,8 9")]
    [InlineData("v1.2 v1.3 v1.4")]
    [InlineData("12345678901234567890 12345678901234567891 3")]
    public void Codes_and_names_that_hold_digits_stay_text(string values)
    {
        string[] texts = values.Contains('|', StringComparison.Ordinal) ? values.Split('|') : values.Split(' ');
        PreparationResult result = PrepareColumn(texts);
        Assert.Equal("VARCHAR", result.Schema.Columns[0].Type);
        Assert.Equal(texts, Texts("v"));
        Assert.DoesNotContain(result.Quality.Findings, finding => finding.Column == "v" && finding.Detail.Contains("stays text", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("25/02/2024 03/04/2024 5/6/2024", "DATE", "2024-02-25 2024-04-03 2024-06-05")]
    [InlineData("02/25/2024 03/04/2024 5/6/2024", "DATE", "2024-02-25 2024-03-04 2024-05-06")]
    [InlineData("01.02.2024 03.04.2024 05.06.2024", "DATE", "2024-02-01 2024-04-03 2024-06-05")]
    [InlineData("2024/02/25 2024/3/4 2024/12/31", "DATE", "2024-02-25 2024-03-04 2024-12-31")]
    [InlineData("25 Feb 2024|3 Apr 2024|05 Jun 2024", "DATE", "2024-02-25 2024-04-03 2024-06-05")]
    [InlineData("February 25, 2024|Apr 3, 2024|June 5 2024", "DATE", "2024-02-25 2024-04-03 2024-06-05")]
    [InlineData("25-Feb-2024|03-Apr-2024|05-Jun-2024", "DATE", "2024-02-25 2024-04-03 2024-06-05")]
    [InlineData("25/02/2024 13:30|03/04/2024 08:15|05/06/2024", "TIMESTAMP", "2024-02-25 13:30:00|2024-04-03 08:15:00|2024-06-05 00:00:00")]
    [InlineData("2/25/2024 1:30 PM|3/4/2024 8:15 AM|5/6/2024 12:00 AM", "TIMESTAMP", "2024-02-25 13:30:00|2024-03-04 08:15:00|2024-05-06 00:00:00")]
    public void Dates_written_for_people_become_times(string values, string type, string expected)
    {
        PreparationResult result = PrepareColumn(Split(values));
        Assert.Equal(type, result.Schema.Columns[0].Type);
        Assert.Equal(Split(expected), Texts("v"));
        Assert.Single(result.Quality.Steps, step => step.Name == "recover-times");

        static string[] Split(string text) => text.Contains('|', StringComparison.Ordinal) ? text.Split('|') : text.Split(' ');
    }

    [Fact]
    public void A_rare_value_that_is_no_number_goes_to_quarantine_with_its_line()
    {
        string[] values = [.. Enumerable.Range(0, 300).Select(i => i == 200 ? "much" : string.Create(CultureInfo.InvariantCulture, $"€{i * 100:N2}"))];
        PreparationResult result = PrepareColumn(values);
        Assert.Equal(ColumnKind.Integer, result.Schema.Columns[0].Kind);
        QuarantinedRow row = Assert.Single(Quarantined());
        Assert.Equal(("not-a-number", 202L, "v", "much", "\"much\",200"), (row.Reason, row.Line!.Value, row.Column, row.Value, row.Raw));
        Assert.Equal((300, 299), (result.Quality.RowsRead, result.Quality.RowsKept));
    }

    [Fact]
    public void A_rare_thousands_separator_among_plain_numbers_costs_no_row()
    {
        string[] values = [.. Enumerable.Range(0, 300).Select(i => i == 200 ? "1,234.5" : string.Create(CultureInfo.InvariantCulture, $"{i}.5"))];
        PreparationResult result = PrepareColumn(values);
        Assert.Equal("DOUBLE", result.Schema.Columns[0].Type);
        Assert.Equal(1234.5f, Numbers("v")[200]);
        Assert.Empty(Quarantined());
    }

    [Fact]
    public void Missing_values_stay_missing()
    {
        PrepareColumn(["€1.50", "", "NA", "€2.50"]);
        Assert.Equal([1.5f, float.NaN, float.NaN, 2.5f], Numbers("v"));
    }

    [Fact]
    public void Nothing_is_recovered_where_the_pipeline_says_so()
    {
        var plan = new PrepareParameters { Clean = new() { RecoverTypes = false } };
        Assert.Equal("VARCHAR", PrepareWith(plan, Folder.Write("a.csv", "v;n\n€1,50;1\n€2,50;2\n")).Schema.Columns[0].Type);
    }

    [Theory]
    [InlineData("1.5 2.5", "€1.234,50 €2,25", "DOUBLE", "1.5 2.5 1234.5 2.25")]
    [InlineData("$1,234.50 $2.25", "$1.234,50 $2,25", "DOUBLE", "1234.5 2.25 1234.5 2.25")]
    [InlineData("1 2", "1 234|5 678|99", "BIGINT", "1 2 1234 5678 99")]
    [InlineData("5%|12%", "7,5%|12,25%", "DOUBLE", "5 12 7.5 12.25")]
    public void Each_source_may_write_numbers_in_its_own_way(string first, string second, string type, string expected)
    {
        PreparationResult result = PrepareSources(first, second);
        Assert.Equal(type, result.Schema.Columns[0].Type);
        Assert.Equal(expected.Split(' ').Select(number => float.Parse(number, CultureInfo.InvariantCulture)), Numbers("v"));
        Assert.Contains(result.Quality.Steps, step => step.Name == "recover-numbers" && step.Detail.Contains("values of 2.csv", StringComparison.Ordinal));
        Assert.Empty(Quarantined());
    }

    [Fact]
    public void Each_source_may_write_dates_in_its_own_way()
    {
        PreparationResult result = PrepareSources("2024-05-31|2024-06-01", "25/02/2024|03/04/2024", "02/25/2024|03/04/2024");
        Assert.Equal("DATE", result.Schema.Columns[0].Type);
        Assert.Equal(["2024-05-31", "2024-06-01", "2024-02-25", "2024-04-03", "2024-02-25", "2024-03-04"], Texts("v"));
    }

    [Theory]
    [InlineData("1,234.5 2.5", "1,234 5,678", "1234.5 2.5 1234 5678")]
    [InlineData("1234.5 2.5", "1,234 5,678", "1234.5 2.5 1234 5678")]
    [InlineData("1.234,5 2,5", "1,234 5,678", "1234.5 2.5 1.234 5.678")]
    public void What_one_source_leaves_open_another_may_tell(string first, string second, string expected)
    {
        PrepareSources(first, second);
        Assert.Equal(expected.Split(' ').Select(number => float.Parse(number, CultureInfo.InvariantCulture)), Numbers("v"));
    }

    [Theory]
    [InlineData("$1.50 $2.50", "€1.50 €2.50", "several currencies")]
    [InlineData("1.5 2.5", "5% 6%", "some are not")]
    [InlineData("1,234 5,678", "2,345 6,789", "thousands or decimals")]
    [InlineData("$1.50 $2.50", "cheap dear", "disagree")]
    public void What_sources_have_unlike_stays_text_everywhere(string first, string second, string reason)
    {
        PreparationResult result = PrepareSources(first, second);
        Assert.Equal($"{first} {second}".Split(' '), Texts("v"));
        Assert.DoesNotContain(result.Quality.Steps, step => step.Name == "recover-numbers");
        if (reason != "disagree")
            Assert.Contains(result.Quality.Findings, finding => finding.Column == "v" && finding.Detail.Contains(reason, StringComparison.Ordinal));
    }

    [Fact]
    public void A_row_that_two_columns_would_cost_is_put_aside_once_with_its_file_and_line()
    {
        string second = "v;w;n\n" + string.Concat(Enumerable.Range(0, 300).Select(i => (i == 100 ? "much;little" : i == 200 ? "€1,50;none" : "€1,50;€2,50") + $";{i}\n"));
        PreparationResult result = Prepare(Folder.Write("1.csv", "v,w,n\n1,2,-1\n3,4,-2\n"), Folder.Write("2.csv", second));
        Assert.Equal([("2.csv", 102L, "v", "much;little;100"), ("2.csv", 202L, "w", "€1,50;none;200")], Quarantined().Select(row => (row.File, row.Line!.Value, row.Column!, row.Raw!)));
        Assert.Equal((302, 300), (result.Quality.RowsRead, result.Quality.RowsKept));
        Assert.Equal([(302L, 302L), (302L, 301L), (301L, 300L)], result.Quality.Steps.Take(3).Select(step => (step.RowsBefore, step.RowsAfter)));
    }

    [Fact]
    public void Rows_put_aside_from_a_table_with_hidden_columns_hide_them()
    {
        string csv = "v,w\n" + string.Concat(Enumerable.Range(0, 300).Select(i => i == 100 ? "much,secret\n" : "€1.50,secret\n"));
        PrepareWith(new PrepareParameters { Clean = new() { Mask = new() { Columns = ["w"], Action = MaskAction.Redact } } }, Folder.Write("a.csv", csv));
        QuarantinedRow row = Assert.Single(Quarantined());
        Assert.DoesNotContain("secret", row.Raw, StringComparison.Ordinal);
        Assert.Contains("much", row.Raw, StringComparison.Ordinal);
    }

    private PreparationResult PrepareSources(params string[] sources) => Prepare([.. sources.Select((values, s) => Folder.Write(
        string.Create(CultureInfo.InvariantCulture, $"{s + 1}.csv"),
        "v,n\n" + string.Concat(values.Split(values.Contains('|', StringComparison.Ordinal) ? '|' : ' ').Select((value, i) => string.Create(CultureInfo.InvariantCulture, $"\"{value}\",{100 * s + i}\n")))))]);

    private PreparationResult PrepareColumn(string[] values) =>
        PrepareText("v,n\n" + string.Concat(values.Select((value, i) => string.Create(CultureInfo.InvariantCulture, $"\"{value}\",{i}\n"))));
}
