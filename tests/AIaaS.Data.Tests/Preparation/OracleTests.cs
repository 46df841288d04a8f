using System.Globalization;
using System.Text;
using AIaaS.Data.Preparation;
using AIaaS.Formats;
using CsvHelper;

namespace AIaaS.Data.Tests.Preparation;

/// <summary>
/// Figures of the profile against an independent reading (CsvHelper) and plain statistics: means and deviations by two passes,
/// quantiles by linear interpolation between order statistics (Hyndman and Fan 1996, definition 7).
/// </summary>
public sealed class OracleTests : PreparationTest
{
    [Theory]
    [InlineData(1, 300)]
    [InlineData(2, 20_000)]
    public void A_profile_agrees_with_plain_statistics_of_the_file(int seed, int rows)
    {
        string path = Folder.Write("data.csv", Generate(seed, rows));
        (string[] header, List<string[]> records) = ReadIndependently(path);

        PreparationResult result = Prepare(path);

        Assert.Equal(header, result.Schema.Columns.Select(column => column.Name));
        Assert.Equal(records.Count, result.Profile.Rows);
        for (int i = 0; i < header.Length; i++)
        {
            ColumnProfile column = result.Profile.Columns[i];
            string[] present = [.. records.Select(record => record[i]).Where(value => value is not ("" or "NA"))];
            Assert.Equal(records.Count - present.Length, column.Missing);
            Assert.Equal(present.Distinct().Count(), column.Distinct);
            if (result.Schema.Columns[i].Type == "VARCHAR")
                CompareTexts(column, present, records.Select(record => record[i] == "NA" ? "" : record[i]));
            else
                CompareNumbers(column, [.. present.Select(value => double.Parse(value, CultureInfo.InvariantCulture))]);
        }
    }

    private void CompareTexts(ColumnProfile column, string[] present, IEnumerable<string> all)
    {
        Assert.Equal(all, Texts(column.Name));
        Assert.Equal(present.Min(StringComparer.Ordinal), column.Min!.Value.GetString());
        Assert.Equal(present.Max(StringComparer.Ordinal), column.Max!.Value.GetString());
        var counts = present.GroupBy(value => value).ToDictionary(group => group.Key, group => (long)group.Count());
        if (column.TopValues is null)
        {
            Assert.All(counts.Values, count => Assert.Equal(1, count));
            return;
        }
        Assert.Equal(counts.Values.OrderDescending().Take(100), column.TopValues.Select(value => value.Count));
        Assert.All(column.TopValues, value => Assert.Equal(counts[value.Value], value.Count));
    }

    private static void CompareNumbers(ColumnProfile column, double[] values)
    {
        double mean = values.Average();
        double deviation = Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1));
        Assert.Equal(values.Min(), column.Min!.Value.GetDouble());
        Assert.Equal(values.Max(), column.Max!.Value.GetDouble());
        Close(mean, column.Mean!.Value);
        Close(deviation, column.StandardDeviation!.Value);

        double[] sorted = [.. values.Order()];
        foreach (Quantile quantile in column.Quantiles!)
        {
            double at = quantile.Probability * (sorted.Length - 1);
            int below = (int)at;
            double expected = sorted[below] + (at - below) * (sorted[Math.Min(below + 1, sorted.Length - 1)] - sorted[below]);
            Close(expected, quantile.Value);
        }

        Histogram histogram = column.Histogram!;
        Assert.Equal(values.Min(), histogram.Edges[0]);
        Assert.Equal(values.Max(), histogram.Edges[^1]);
        for (int bin = 0; bin < histogram.Counts.Count; bin++)
        {
            bool last = bin == histogram.Counts.Count - 1;
            Assert.Equal(
                values.Count(value => value >= histogram.Edges[bin] && (last ? value <= histogram.Edges[bin + 1] : value < histogram.Edges[bin + 1])),
                histogram.Counts[bin]);
        }
    }

    private static void Close(double expected, double actual) =>
        Assert.InRange(actual, expected - 1e-9 * Math.Max(1, Math.Abs(expected)), expected + 1e-9 * Math.Max(1, Math.Abs(expected)));

    private static (string[] Header, List<string[]> Records) ReadIndependently(string path)
    {
        using CsvReader csv = CsvReader.FromFile(path, new CsvReaderOptions { Separator = ',' });
        var records = new List<string[]>();
        while (csv.Read())
            records.Add([.. Enumerable.Range(0, csv.FieldCount).Select(csv.GetString)]);
        return ([.. csv.Headers], records);
    }

    private static string Generate(int seed, int rows)
    {
        var random = new Random(seed);
        string[] cities = ["Oslo", "New York", "say \"hi\"", "a, b", "two\nlines", "São Paulo"];
        var text = new StringBuilder("key,measure,offset,count,city,comment\n");
        for (int row = 0; row < rows; row++)
        {
            text.Append(CultureInfo.InvariantCulture, $"k{row:D8},")
                .Append(CultureInfo.InvariantCulture, $"{(random.Next(10) == 0 ? "NA" : Math.Round(random.NextDouble() * 100, 3).ToString(CultureInfo.InvariantCulture))},")
                .Append(CultureInfo.InvariantCulture, $"{1e9 + random.NextDouble():R},{random.Next(-50, 50)},");
            Quote(text, cities[random.Next(cities.Length)]).Append(',');
            Quote(text, random.Next(5) == 0 ? "" : $"{cities[random.Next(cities.Length)]} was number {random.Next(500)}").Append('\n');
        }
        return text.ToString();
    }

    private static StringBuilder Quote(StringBuilder text, string field) =>
        field.AsSpan().IndexOfAny(",\"\n") < 0 ? text.Append(field) : text.Append('"').Append(field.Replace("\"", "\"\"", StringComparison.Ordinal)).Append('"');
}
