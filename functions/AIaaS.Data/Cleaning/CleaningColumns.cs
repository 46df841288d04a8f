using System.Globalization;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Cleaning;

/// <summary>Finds the columns that a plan means.</summary>
internal static class CleaningColumns
{
    /// <summary>Aggregates of so many columns are asked for at once: planning costs more than the work where tables are wide.</summary>
    public const int Batch = 200;

    private const int Named = 10;

    /// <summary>The columns with the given names; names that differ in case only are found too.</summary>
    /// <exception cref="DatasetException">There is no such column; the message names the field.</exception>
    public static IReadOnlyList<int> Find(PreparationContext context, string field, IEnumerable<string> names)
    {
        IReadOnlyList<PreparedColumn> columns = context.Table.Columns;
        var found = new List<int>();
        foreach (string name in names)
        {
            int at = IndexOf(columns, name);
            if (at < 0)
            {
                throw new DatasetException(DatasetReasons.UnknownColumn,
                    $"{field}: there is no column {name}. The columns are {List(columns.Select(column => column.Name), 50)}. Correct the name, or remove it from {field}.");
            }
            if (!found.Contains(at))
                found.Add(at);
        }
        return found;
    }

    public static int IndexOf(IReadOnlyList<PreparedColumn> columns, string name)
    {
        int other = -1;
        for (int i = 0; i < columns.Count; i++)
        {
            if (columns[i].Name == name)
                return i;
            if (other < 0 && columns[i].Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                other = i;
        }
        return other;
    }

    /// <summary>The target's column; -1 where it is not known.</summary>
    public static int Target(PreparationContext context) => context.Target is { } target ? IndexOf(context.Table.Columns, target) : -1;

    /// <summary>Kinds of the columns, as the profile will see them.</summary>
    public static IReadOnlyDictionary<int, ColumnKind> Kinds(PreparationContext context, IEnumerable<int> columns)
    {
        const int PerColumn = 5;
        long rows = context.CountRows();
        var kinds = new Dictionary<int, ColumnKind>();
        foreach (int[] batch in columns.Chunk(Batch))
        {
            IEnumerable<string> expressions = batch.SelectMany(i =>
            {
                string c = Invariant($"c{i}");
                bool isText = context.Table.Columns[i].Type == "VARCHAR";
                return (string[])
                [
                    $"count({c})",
                    .. DistinctValues.Expressions(c, rows),
                    isText ? $"coalesce(avg(length({c})), 0)" : "0::DOUBLE",
                    isText ? $"coalesce(avg(length({c}) - length(replace({c}, ' ', '')) + 1), 0)" : "0::DOUBLE",
                ];
            });
            using DuckDbResult result = context.Connection.Query($"SELECT {string.Join(", ", expressions)} FROM {context.Table.Table}", context.CancellationToken);
            result.Read();
            for (int j = 0; j < batch.Length; j++)
            {
                int at = j * PerColumn;
                long count = result.Vector(at).Int64(0);
                // Few different values, or none among those looked at, are more than one and no key.
                long distinct = DistinctValues.Estimate(rows, count, result.Vector(at + 1).Int64(0), result.Vector(at + 2).Int64(0)) ?? Math.Min(count, 2);
                kinds[batch[j]] = ColumnKinds.Infer(context.Table.Columns[batch[j]], new ColumnSummary
                {
                    Count = count,
                    Distinct = distinct,
                    Lengths = new(0, result.Vector(at + 3).Values<double>()[0], 0),
                    MeanWords = result.Vector(at + 4).Values<double>()[0],
                });
            }
        }
        return kinds;
    }

    /// <summary>The text columns that are categories.</summary>
    public static IReadOnlyList<int> Categories(PreparationContext context)
    {
        IReadOnlyList<PreparedColumn> columns = context.Table.Columns;
        IReadOnlyDictionary<int, ColumnKind> kinds = Kinds(context, Enumerable.Range(0, columns.Count).Where(i => columns[i].Type == "VARCHAR" && !columns[i].IsJson));
        return [.. kinds.Where(pair => pair.Value is ColumnKind.Category or ColumnKind.Constant).Select(pair => pair.Key).Order()];
    }

    /// <summary>One integer for each column, of aggregates in batches.</summary>
    public static IReadOnlyDictionary<int, long> Measure(PreparationContext context, IEnumerable<int> columns, Func<string, string> aggregate)
    {
        var measured = new Dictionary<int, long>();
        foreach (int[] batch in columns.Chunk(Batch))
        {
            using DuckDbResult result = context.Connection.Query(
                $"SELECT {string.Join(", ", batch.Select(i => $"({aggregate(Invariant($"c{i}"))})::BIGINT"))} FROM {context.Table.Table}", context.CancellationToken);
            result.Read();
            for (int j = 0; j < batch.Length; j++)
                measured[batch[j]] = result.Vector(j).IsValid(0) ? result.Vector(j).Int64(0) : 0;
        }
        return measured;
    }

    /// <summary>Names for a message, the first of them.</summary>
    public static string List(IEnumerable<string> names, int most = Named)
    {
        string[] all = [.. names];
        return string.Join(", ", all.Take(most)) + (all.Length > most ? Invariant($", … ({all.Length} in all)") : "");
    }

    public static string Names(PreparationContext context, IEnumerable<int> columns) => List(columns.Select(i => context.Table.Columns[i].Name));

    public static DatasetException Unusable(string field, string why) => new(DatasetReasons.UnusableStep, $"{field}: {why}");

    public static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
