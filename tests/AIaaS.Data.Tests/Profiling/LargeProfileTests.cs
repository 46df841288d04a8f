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
        Assert.InRange(n.Distinct, 0.95 * Rows, Rows);
        Assert.Equal((Rows - 1) / 2.0, n.Mean!.Value, 1e-6);
        Assert.Equal(550_000, profile.Columns[1].Quantiles!.Single(quantile => quantile.Probability == 0.5).Value);
        Assert.Equal(12, profile.Columns[1].Histogram!.Counts.Sum());
        Assert.Equal((3, ColumnKind.Category, 6), (profile.Columns[2].Distinct, profile.Columns[2].Kind, profile.Columns[2].Lengths!.Maximum));
    }
}
