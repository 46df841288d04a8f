using System.Globalization;
using AIaaS.Data.DuckDb;
using AIaaS.Formats;

namespace AIaaS.Data.Preparation;

/// <summary>Moves rows of the table to quarantine.</summary>
internal static class RejectedRows
{
    /// <summary>Moves the rows for which a predicate holds; returns how many.</summary>
    /// <param name="context">The table, the quarantine and where the rows came from.</param>
    /// <param name="predicateSql">Over the columns <c>c0</c>, <c>c1</c>, … and <c>rowid</c> of the table.</param>
    /// <param name="reason">As in <see cref="QuarantinedRow.Reason"/>.</param>
    /// <param name="column">The name of the column to blame, if it is one.</param>
    public static long Move(PreparationContext context, string predicateSql, string reason, string? column = null)
    {
        DuckDbConnection connection = context.Connection;
        string table = context.Table.Table;
        connection.Execute($"CREATE OR REPLACE TEMP TABLE rejected AS SELECT rowid AS r FROM {table} WHERE {predicateSql}", context.CancellationToken);
        long count = connection.QueryInt64("SELECT count(*) FROM rejected", context.CancellationToken);
        if (count > 0)
        {
            Quarantine(context, reason, column);
            connection.Execute($"DELETE FROM {table} WHERE rowid IN (SELECT r FROM rejected)", context.CancellationToken);
        }
        connection.Execute("DROP TABLE rejected", context.CancellationToken);
        return count;
    }

    private static void Quarantine(PreparationContext context, string reason, string? column)
    {
        IReadOnlyList<PreparedColumn> columns = context.Table.Columns;
        int at = column is null ? -1 : Enumerable.Range(0, columns.Count).First(i => columns[i].Name == column);
        string value = at < 0 ? "NULL::VARCHAR" : Invariant($"c{at}::VARCHAR");
        // What was masked must not come back by way of the file.
        bool isMasked = context.Parameters.Clean.Mask is { Kinds.Count: > 0 } or { Columns.Count: > 0 };
        bool needsJson = isMasked || context.Sources.Count == 0 || context.Sources.Any(source => source.OpenLocator is null);
        string json = needsJson
            ? $"json_object({string.Join(", ", columns.Select((c, i) => Invariant($"{Sql.Literal(c.Name)}, c{i}")))})::VARCHAR"
            : "NULL::VARCHAR";

        int source = -1;
        RowOrigin origin = new("");
        IRowLocator? locator = null;
        try
        {
            using DuckDbResult result = context.Connection.Query(
                $"SELECT src, ord, {value}, {json} FROM {context.Table.Table} WHERE rowid IN (SELECT r FROM rejected) ORDER BY src, ord", context.CancellationToken);
            while (result.Read())
            {
                for (int row = 0; row < result.RowCount; row++)
                {
                    if (result.Vector(0).Int64(row) != source)
                    {
                        source = (int)result.Vector(0).Int64(row);
                        locator?.Dispose();
                        origin = source < context.Sources.Count ? context.Sources[source] : new("");
                        locator = origin.OpenLocator?.Invoke();
                    }
                    LocatedRow? found = locator?.At(result.Vector(1).Int64(row));
                    context.Quarantine.Add(new QuarantinedRow
                    {
                        File = origin.Name,
                        Line = found?.Line,
                        Column = column,
                        Value = TextOrNull(result.Vector(2), row),
                        Reason = reason,
                        Raw = isMasked || found is null ? TextOrNull(result.Vector(3), row) : found.Value.Raw,
                    });
                }
            }
        }
        finally
        {
            locator?.Dispose();
        }
    }

    private static string? TextOrNull(DuckDbVector vector, int row) => vector.IsValid(row) ? vector.Text(row) : null;

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
