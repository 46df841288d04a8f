using System.Globalization;
using AIaaS.Data.Anomalies;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Anomalies;

public sealed class RowAnomaliesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DuckDbDatabase _database = DuckDbDatabase.Open();
    private readonly DuckDbConnection _connection;
    private readonly Quarantine _quarantine = new(new MemoryStream());

    public RowAnomaliesTests() => _connection = _database.Connect();

    public void Dispose()
    {
        _quarantine.Dispose();
        _connection.Dispose();
        _database.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void The_rows_that_stand_out_score_highest()
    {
        PreparationContext context = Table("DOUBLE", "DOUBLE");
        _connection.Execute("INSERT INTO data SELECT sin(i), cos(i * 1.7) FROM range(2000) t(i)");
        _connection.Execute("INSERT INTO data SELECT 9 * sin(i * 2.1), 9 * cos(i * 2.1) FROM range(20) t(i)");

        double[] scores = RowAnomalies.Scores(context, [0, 1], seed: 1);

        Assert.Equal(2020, scores.Length);
        Assert.Equal(Enumerable.Range(2000, 20), Highest(scores, 20));
        Assert.All(scores[2000..], score => Assert.InRange(score, 0.65, 1));
    }

    [Fact]
    public void Rare_and_missing_categories_stand_out_among_frequent_ones()
    {
        PreparationContext context = Table("VARCHAR", "DOUBLE");
        _connection.Execute("INSERT INTO data SELECT CASE WHEN i = 77 THEN 'once' WHEN i = 99 THEN NULL ELSE 'abc'[1 + i % 3] END, NULL FROM range(200) t(i)");

        Assert.Equal([77, 99], Highest(RowAnomalies.Scores(context, [0, 1], seed: 1), 2));
    }

    [Theory]
    [InlineData("DOUBLE")]
    [InlineData("BIGINT")]
    [InlineData("DATE")]
    public void A_missing_number_or_time_does_not_stand_out(string type)
    {
        PreparationContext context = Table("DOUBLE", type);
        string value = type == "DATE" ? "DATE '2020-01-01' + (i % 11)::INTEGER" : "i % 11";
        _connection.Execute($"INSERT INTO data SELECT sin(i), CASE WHEN i <> 100 THEN {value} END FROM range(200) t(i)");

        double[] scores = RowAnomalies.Scores(context, [0, 1], seed: 1);

        Assert.InRange(scores[100], 0, scores.Order().ElementAt(150));
    }

    [Fact]
    public void Columns_of_every_type_are_looked_at()
    {
        string[] types = ["DOUBLE", "BIGINT", "BOOLEAN", "DATE", "TIMESTAMP", "VARCHAR"];
        PreparationContext context = Table(types);
        _connection.Execute(
            """
            INSERT INTO data SELECT i % 7, i % 5, false, DATE '2020-01-01' + (i % 9)::INTEGER, TIMESTAMP '2020-01-01' + to_hours(i % 11), 'x' FROM range(300) t(i)
            """);
        string[] odd = ["1e300", "9000000000000000000", "true", "DATE '1900-01-01'", "TIMESTAMP '9000-01-01'", "'y'"];
        for (int column = 0; column < types.Length; column++)
        {
            _connection.Execute($"UPDATE data SET c{column} = {odd[column]} WHERE rowid = {column * 50}");

            Assert.Equal([column * 50], Highest(RowAnomalies.Scores(context, [column], seed: 1), 1));
        }
    }

    [Fact]
    public void Scores_are_written_to_a_table_by_rowid()
    {
        PreparationContext context = Table("DOUBLE", "VARCHAR");
        _connection.Execute("INSERT INTO data SELECT sin(i), i % 4 FROM range(3000) t(i)");
        _connection.Execute("DELETE FROM data WHERE rowid % 3 = 1");
        double[] scores = RowAnomalies.Scores(context, [0, 1], seed: 1);

        long count = RowAnomalies.Write(context, [0, 1], seed: 1, threshold: 0, "scores");

        Assert.Equal(2000, count);
        Assert.Equal(scores, Doubles("SELECT score::DOUBLE FROM scores ORDER BY row"));
        Assert.Equal(Doubles("SELECT rowid::DOUBLE FROM data ORDER BY rowid"), Doubles("SELECT row::DOUBLE FROM scores"));
    }

    [Fact]
    public void Rows_above_a_threshold_alone_are_written_when_one_is_given()
    {
        PreparationContext context = Table("DOUBLE");
        _connection.Execute("INSERT INTO data SELECT sin(i) FROM range(200) t(i)");
        _connection.Execute("UPDATE data SET c0 = 20 WHERE rowid = 40");
        RowAnomalies.Write(context, [0], seed: 1, threshold: 0, "outliers");

        Assert.Equal(1, RowAnomalies.Write(context, [0], seed: 1, threshold: 0.7, "outliers"));
        Assert.Equal([40], Doubles("SELECT row::DOUBLE FROM outliers"));
    }

    [Fact]
    public void A_table_of_several_ranges_is_written_whole_and_the_same_with_any_number_of_threads()
    {
        PreparationContext context = Table("DOUBLE");
        _connection.Execute("INSERT INTO data SELECT sin(i) FROM range(500_000) t(i)");
        _connection.Execute("SET threads = 1");
        Assert.Equal(500_000, RowAnomalies.Write(context, [0], seed: 1, threshold: 0, "alone"));
        _connection.Execute("SET threads = 4");
        RowAnomalies.Write(context, [0], seed: 1, threshold: 0, "together");

        Assert.Equal(0, _connection.QueryInt64("SELECT count(*) FROM alone JOIN together USING (row) WHERE alone.score <> together.score"));
        Assert.Equal(499_999, _connection.QueryInt64("SELECT max(row) FROM alone"));
    }

    [Fact]
    public void A_table_of_thousands_of_columns_is_scored()
    {
        string[] types = [.. Enumerable.Repeat("DOUBLE", 3_000)];
        PreparationContext context = Table(types);
        _connection.Execute($"INSERT INTO data SELECT {string.Join(", ", types.Select((_, i) => string.Create(CultureInfo.InvariantCulture, $"i * {i + 1} % 101")))} FROM range(100) t(i)");
        _connection.Execute($"INSERT INTO data SELECT {string.Join(", ", types.Select(_ => "500"))}");

        Assert.Equal([100], Highest(RowAnomalies.Scores(context, [.. Enumerable.Range(0, types.Length)], seed: 1), 1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Of_fewer_than_two_rows_nothing_is_said(int rows)
    {
        PreparationContext context = Table("DOUBLE");
        _connection.Execute($"INSERT INTO data SELECT i FROM range({rows}) t(i)");

        Assert.Equal(Enumerable.Repeat(0.5, rows), RowAnomalies.Scores(context, [0], seed: 1));
        Assert.Equal(rows, RowAnomalies.Write(context, [0], seed: 1, threshold: 0, "scores"));
        Assert.Equal(0, RowAnomalies.Write(context, [0], seed: 1, threshold: 0.65, "scores"));
    }

    private PreparationContext Table(params string[] types)
    {
        _connection.Execute($"CREATE TABLE data ({string.Join(", ", types.Select((type, i) => string.Create(CultureInfo.InvariantCulture, $"c{i} {type}")))})");
        return new()
        {
            Connection = _connection,
            Parameters = new PrepareParameters(),
            Sources = [],
            Quarantine = _quarantine,
            WorkFolder = _folder.Path,
            CancellationToken = CancellationToken.None,
            Table = new("data", [.. types.Select((type, i) => new PreparedColumn($"column {i}", type, IsJson: false))]),
        };
    }

    private static int[] Highest(double[] scores, int count) => [.. Enumerable.Range(0, scores.Length).OrderByDescending(row => scores[row]).Take(count).Order()];

    private double[] Doubles(string sql)
    {
        using DuckDbResult result = _connection.Query(sql);
        var all = new List<double>();
        while (result.Read())
            all.AddRange(result.Vector(0).Values<double>());
        return [.. all];
    }
}
