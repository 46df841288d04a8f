using System.Globalization;
using AIaaS.Data.DuckDb;

namespace AIaaS.Data.Preparation;

/// <summary>
/// Counts different values: all of them in tables of up to <see cref="ExactRows"/> rows, and beyond that those whose hash falls into a 64th of all
/// hashes, with the rows that hold them. The count is then off by a few percent at most, and a key is known for one, which the sketches of the engine,
/// off by up to a fifth, do not tell.
/// </summary>
internal static class DistinctValues
{
    /// <summary>Above this many rows counts are approximate.</summary>
    public const long ExactRows = 1_000_000;

    private const int Share = 64;

    /// <summary>With so few values among the chosen hashes the count is too rough, and counting all of them is cheap.</summary>
    private const long FewSampled = 1_000;

    /// <summary>Up to this many rows one ordered map per column is cheaper than a hash table per column.</summary>
    public const long SmallRows = 10_000;

    private static readonly string Threshold = (ulong.MaxValue / Share).ToString(CultureInfo.InvariantCulture);

    /// <summary>Two aggregates over a column: the values that are counted, and the rows that hold them.</summary>
    public static string[] Expressions(string column, long rows) => rows switch
    {
        <= SmallRows => [$"coalesce(cardinality(histogram({column})), 0)::BIGINT", "0::BIGINT"],
        <= ExactRows => [$"count(DISTINCT {column})", "0::BIGINT"],
        _ => [$"count(DISTINCT {column}) FILTER (hash({column}) <= {Threshold})", $"count({column}) FILTER (hash({column}) <= {Threshold})"],
    };

    /// <summary>The number of different values; null where all of them are to be counted after all.</summary>
    /// <param name="rows">Of the table.</param>
    /// <param name="count">Present values.</param>
    /// <param name="values">The first aggregate.</param>
    /// <param name="holders">The second.</param>
    public static long? Estimate(long rows, long count, long values, long holders)
    {
        if (rows <= ExactRows)
            return values;
        if (values < FewSampled)
            return null;
        // Where most values occur once, the share of those that do not is what is known best.
        double estimate = 2 * values > holders ? count * ((double)values / holders) : values * (double)Share;
        return Math.Min(count, (long)estimate);
    }

    /// <summary>Counts all values of some columns.</summary>
    public static IEnumerable<(int Column, long Distinct)> Count(DuckDbConnection connection, string table, int[] columns, CancellationToken cancellationToken)
    {
        if (columns.Length == 0)
            yield break;
        string counts = string.Join(", ", columns.Select(i => string.Create(CultureInfo.InvariantCulture, $"count(DISTINCT c{i})")));
        using DuckDbResult result = connection.Query($"SELECT {counts} FROM {table}", cancellationToken);
        result.Read();
        for (int i = 0; i < columns.Length; i++)
            yield return (columns[i], result.Vector(i).Int64(0));
    }
}
