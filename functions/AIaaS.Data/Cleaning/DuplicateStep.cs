using System.Numerics;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Cleaning;

/// <summary>Finds rows that repeat an earlier one, in every column or in those of a key, and drops them where it is asked to.</summary>
internal sealed class DuplicateStep : ICleaningStep
{
    /// <summary>Rows whose marks fit into 64 MiB; beyond that the engine counts hashes on disk.</summary>
    private const long MostMarked = 16_000_000;

    /// <summary>512 KiB of marks, which a few thousand rows hardly share: comparing rows of a wide table takes long to plan.</summary>
    private const long FewestWords = 1 << 16;

    /// <summary>Of rows that repeat again and again so many are told apart, so that they are listed once.</summary>
    private const int MostKnown = 1_000_000;

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
        string hash = $"(hash({columns}) >> 1)::BIGINT";
        connection.Execute("CREATE OR REPLACE TEMP TABLE repeated (h BIGINT)", cancellationToken);
        long rows = connection.QueryInt64($"SELECT count(*) FROM {table}", cancellationToken);
        if (rows <= MostMarked)
            MarkRepeated(connection, $"SELECT {hash} FROM {table}", rows, cancellationToken);
        else
            connection.Execute($"INSERT INTO repeated SELECT h FROM (SELECT {hash} AS h FROM {table}) GROUP BY h HAVING count(*) > 1", cancellationToken);
        long duplicates = 0;
        if (connection.QueryInt64("SELECT count(*) FROM repeated", cancellationToken) > 0)
        {
            connection.Execute(
                $"""
                CREATE TABLE duplicates AS SELECT r FROM (
                    SELECT rowid AS r, row_number() OVER (PARTITION BY {columns} ORDER BY rowid) AS n
                    FROM {table} WHERE {hash} IN (SELECT h FROM repeated))
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

    /// <summary>
    /// Puts every hash that occurs again into the table <c>repeated</c>, with a few that do not: 32 to 64 bits a row, one of which each hash sets, tell
    /// whether it, or another one of its bit, was there before. That takes a fraction of the time and memory of counting them.
    /// </summary>
    private static void MarkRepeated(DuckDbConnection connection, string hashes, long rows, CancellationToken cancellationToken)
    {
        var seen = new ulong[BitOperations.RoundUpToPowerOf2((ulong)Math.Max(rows / 2, FewestWords))];
        var known = new HashSet<long>();
        var repeated = new List<long>();
        using (DuckDbResult result = connection.Query(hashes, cancellationToken))
        {
            while (result.Read())
            {
                foreach (long hash in result.Vector(0).Values<long>())
                {
                    ref ulong word = ref seen[(hash >> 6) & (seen.Length - 1)];
                    ulong bit = 1UL << (int)(hash & 63);
                    if ((word & bit) == 0)
                        word |= bit;
                    else if (known.Count >= MostKnown || known.Add(hash))
                        repeated.Add(hash);
                }
            }
        }
        using var appender = new DuckDbAppender(connection, "repeated");
        foreach (long hash in repeated)
            appender.Append(hash).EndRow();
        appender.Close();
    }
}
