using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Profiling;

/// <summary>A table above the size at which figures become approximate.</summary>
public sealed class LargeProfileTests
{
    private const long Rows = 1_200_000;

    [Fact]
    public void Quantiles_of_a_sample_are_near_and_few_values_among_many_missing_are_exact()
    {
        using var database = DuckDbDatabase.Open();
        using DuckDbConnection connection = database.Connect();
        connection.Execute(
            $"""
            CREATE TABLE data AS SELECT (i * 7919) % {Rows} AS c0, CASE WHEN i % 100000 = 0 THEN i::DOUBLE END AS c1,
                'word ' || i % 3 AS c2, 0 AS src, i AS ord FROM range({Rows}) t(i)
            """);
        var table = new PreparedTable("data", [new("n", "BIGINT", false), new("rare", "DOUBLE", false), new("t", "VARCHAR", false)]);

        DataProfile profile = new Profiler(connection, table, Rows).Profile(0, CancellationToken.None);

        ColumnProfile n = profile.Columns[0];
        Assert.All(n.Quantiles!, quantile => Assert.InRange(quantile.Value, (quantile.Probability - 0.005) * Rows, (quantile.Probability + 0.005) * Rows));
        Assert.True(n.DistinctIsApproximate);
        Assert.Equal(Rows, n.Distinct);
        Assert.Equal((Rows - 1) / 2.0, n.Mean!.Value, 1e-6);
        Assert.Equal(550_000, profile.Columns[1].Quantiles!.Single(quantile => quantile.Probability == 0.5).Value);
        Assert.Equal(12, profile.Columns[1].Histogram!.Counts.Sum());
        Assert.Equal((3, ColumnKind.Category, 6), (profile.Columns[2].Distinct, profile.Columns[2].Kind, profile.Columns[2].Lengths!.Maximum));
    }

    [Fact]
    public void A_key_is_known_for_one_and_other_counts_are_near()
    {
        using var database = DuckDbDatabase.Open();
        using DuckDbConnection connection = database.Connect();
        connection.Execute(
            $"""
            CREATE TABLE data AS SELECT 'k' || i AS c0, 'k' || i // 2 AS c1, 'k' || (i * 7919) % 100000 AS c2, 'k' || (i * 7919) % 5000 AS c3, 0 AS src, i AS ord
            FROM range({Rows}) t(i)
            """);
        string[] names = ["key", "pair", "many", "few"];
        var table = new PreparedTable("data", [.. names.Select(name => new PreparedColumn(name, "VARCHAR", false))]);

        IReadOnlyList<ColumnProfile> columns = new Profiler(connection, table, Rows).ProfileLightly(CancellationToken.None).Columns;

        Assert.Equal((Rows, ColumnKind.Identifier), (columns[0].Distinct, columns[0].Kind));
        Assert.InRange(columns[1].Distinct, 0.49 * Rows, 0.51 * Rows);
        Assert.Equal(ColumnKind.Category, columns[1].Kind);
        Assert.InRange(columns[2].Distinct, 90_000, 110_000);
        Assert.Equal((5000, false), (columns[3].Distinct, columns[3].DistinctIsApproximate));
    }
}
