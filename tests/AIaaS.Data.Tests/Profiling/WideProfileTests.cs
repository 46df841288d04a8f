using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Profiling;

public sealed class WideProfileTests
{
    [Fact]
    public void The_most_frequent_values_of_a_wide_table_are_those_of_a_narrow_one()
    {
        const int Wide = 250;
        (string Type, string Expression)[] kinds =
        [
            ("DOUBLE", "CASE WHEN i % 11 > 0 THEN (i * 37 % 90 - 40) / 4.0 END"),
            ("DOUBLE", "CASE WHEN i % 2 = 0 THEN -0.0::DOUBLE ELSE 0.0::DOUBLE END"),
            ("BIGINT", "9007199254740992 + i * 31 % 60"),
            ("BOOLEAN", "i % 3 = 0"),
            ("VARCHAR", "CASE i % 5 WHEN 0 THEN '😀' WHEN 1 THEN 'ﬀ' WHEN 2 THEN 'Z' WHEN 3 THEN 'a' END"),
            ("VARCHAR", "repeat('😀', 300) || i % 2"),
        ];
        using var database = DuckDbDatabase.Open();
        using DuckDbConnection connection = database.Connect();

        IReadOnlyList<ColumnProfile> narrow = Profile(kinds.Length);
        IReadOnlyList<ColumnProfile> wide = Profile(Wide);

        Assert.All(Enumerable.Range(0, Wide), i => Assert.Equal(Values(narrow[i % kinds.Length]), Values(wide[i])));

        IReadOnlyList<ColumnProfile> Profile(int columns)
        {
            string list = string.Join(", ", Enumerable.Range(0, columns).Select(i => $"({kinds[i % kinds.Length].Expression})::{kinds[i % kinds.Length].Type} AS c{i}"));
            connection.Execute($"CREATE OR REPLACE TABLE data AS SELECT {list}, 0 AS src, i AS ord FROM range(500) t(i)");
            var table = new PreparedTable("data", [.. Enumerable.Range(0, columns).Select(i => new PreparedColumn($"column {i}", kinds[i % kinds.Length].Type, IsJson: false))]);
            return new Profiler(connection, table, 500).Profile(0, CancellationToken.None).Columns;
        }

        // Which of the two zeros a group shows is chance.
        static (string Value, long Count)[] Values(ColumnProfile column) => [.. column.TopValues!.Select(value => (value.Value == "-0.0" ? "0.0" : value.Value, value.Count))];
    }
}
