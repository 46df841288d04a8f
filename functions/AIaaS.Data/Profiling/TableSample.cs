using System.Globalization;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;

namespace AIaaS.Data.Profiling;

/// <summary>The same rows of a table each time it is read, chosen by a hash of their place; all of them where they are few.</summary>
/// <remarks>Columns are read in groups, so that a table of any width takes bounded memory.</remarks>
internal sealed class TableSample
{
    private const int MostRows = 100_000;
    private const int FewestRows = 10_000;

    /// <summary>Values looked at in all: a wide table is judged by fewer of its rows.</summary>
    private const long MostValues = 50_000_000;

    private const int ValuesAtOnce = 4_000_000;

    private readonly DuckDbConnection _connection;
    private readonly Func<IReadOnlyList<string>, string> _select;

    private TableSample(DuckDbConnection connection, long rows, long limit, Func<IReadOnlyList<string>, string> select)
    {
        _connection = connection;
        _select = select;
        Rows = rows;
        IsWhole = limit >= rows;
        Expected = (int)Math.Min(rows, limit);
    }

    /// <summary>Rows of the whole table.</summary>
    public long Rows { get; }

    /// <summary>Whether it is all of the rows.</summary>
    public bool IsWhole { get; }

    private int Expected { get; }

    public static TableSample Of(DuckDbConnection connection, PreparedTable table, long rows)
    {
        long limit = Limit(table.Columns.Count);
        string where = limit >= rows ? "" : $" WHERE hash(src, ord) <= {Threshold(limit, rows)}";
        return new(connection, rows, limit, expressions => $"SELECT {string.Join(", ", expressions)} FROM {table.Table}{where}");
    }

    public static TableSample OfParquet(DuckDbConnection connection, string path, long rows, int columns)
    {
        long limit = Limit(columns);
        string source = $"read_parquet({Sql.Literal(path)}, hive_partitioning=false)";
        return new(connection, rows, limit, expressions =>
        {
            if (limit >= rows)
                return $"SELECT {string.Join(", ", expressions)} FROM {source}";
            string inner = string.Join(", ", expressions.Select((expression, i) => Invariant($"{expression} AS b{i}")));
            string outer = string.Join(", ", expressions.Select((_, i) => Invariant($"b{i}")));
            return $"SELECT {outer} FROM (SELECT {inner}, row_number() OVER () AS r FROM {source}) WHERE hash(r) <= {Threshold(limit, rows)}";
        });
    }

    /// <summary>Columns in the order asked for, each as soon as its group is read; row for row the same in every call.</summary>
    public IEnumerable<SampledColumn> Read(IReadOnlyList<SampleColumn> columns, CancellationToken cancellationToken)
    {
        int group = Math.Clamp(ValuesAtOnce / Math.Max(1, Expected), 4, 200);
        foreach (SampleColumn[] batch in columns.Chunk(group))
        {
            SampledColumn[] sampled = [.. batch.Select(column => new SampledColumn(column.IsNumber))];
            using (DuckDbResult result = _connection.Query(_select([.. batch.Select(column => column.Expression)]), cancellationToken))
            {
                while (result.Read())
                {
                    for (int i = 0; i < sampled.Length; i++)
                        sampled[i].Add(result.Vector(i));
                }
            }
            foreach (SampledColumn column in sampled)
                yield return column;
        }
    }

    private static long Limit(int columns) => Math.Clamp(MostValues / Math.Max(1, columns), FewestRows, MostRows);

    private static string Threshold(long limit, long rows) =>
        ((UInt128)ulong.MaxValue * (ulong)limit / (ulong)rows).ToString(CultureInfo.InvariantCulture);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <param name="Expression">In SQL: a DOUBLE where <see cref="IsNumber"/>, else a VARCHAR.</param>
/// <param name="IsNumber">Whether it is read as numbers, else as texts.</param>
internal readonly record struct SampleColumn(string Expression, bool IsNumber);
