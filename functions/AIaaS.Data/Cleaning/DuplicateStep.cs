using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Cleaning;

/// <summary>Finds rows that repeat an earlier one, in every column or in those of a key, and drops them where it is asked to.</summary>
internal sealed class DuplicateStep : ICleaningStep
{
    public string Name => "drop-duplicates";

    public string? Apply(PreparationContext context)
    {
        DuplicatePlan plan = context.Parameters.Clean.Duplicates;
        string columns = context.Table.ColumnList;
        string among = "in every column";
        if (plan.Key is { } key)
        {
            if (key.Count == 0)
                throw CleaningColumns.Unusable("clean.duplicates.key", "a key needs at least one column. Name some, or leave the key out for whole rows.");
            IReadOnlyList<int> found = CleaningColumns.Find(context, "clean.duplicates.key", key);
            columns = string.Join(", ", found.Select(i => CleaningColumns.Invariant($"c{i}")));
            among = $"in {CleaningColumns.Names(context, found)}";
        }
        bool drop = plan.Action == DuplicateHandling.Drop;
        context.Connection.InTransaction(() =>
            context.DuplicateRows = Find(context.Connection, context.Table.Table, columns, drop, context.CancellationToken));
        return drop ? CleaningColumns.Invariant($"Dropped {context.DuplicateRows} rows that repeat an earlier row {among}.") : null;
    }

    private static long Find(DuckDbConnection connection, string table, string columns, bool drop, CancellationToken cancellationToken)
    {
        // Hashes find the few rows that must be compared in full; mostly there are none.
        connection.Execute($"CREATE TABLE repeated AS SELECT h FROM (SELECT hash({columns}) AS h FROM {table}) GROUP BY h HAVING count(*) > 1", cancellationToken);
        long duplicates = 0;
        if (connection.QueryInt64("SELECT count(*) FROM repeated", cancellationToken) > 0)
        {
            connection.Execute(
                $"""
                CREATE TABLE duplicates AS SELECT r FROM (
                    SELECT rowid AS r, row_number() OVER (PARTITION BY {columns} ORDER BY rowid) AS n
                    FROM {table} WHERE hash({columns}) IN (SELECT h FROM repeated))
                WHERE n > 1
                """, cancellationToken);
            duplicates = connection.QueryInt64("SELECT count(*) FROM duplicates", cancellationToken);
            if (drop && duplicates > 0)
                connection.Execute($"DELETE FROM {table} WHERE rowid IN (SELECT r FROM duplicates)", cancellationToken);
            connection.Execute("DROP TABLE duplicates", cancellationToken);
        }
        connection.Execute("DROP TABLE repeated", cancellationToken);
        return duplicates;
    }
}
