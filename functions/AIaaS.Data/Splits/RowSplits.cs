using System.Globalization;
using AIaaS.Data.Cleaning;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Splits;

/// <summary>
/// Deals the rows of the table out to the holdout and the folds by hashes of the rows, so that equal rows stay together, that the same
/// rows are dealt the same way whatever their order, and that new rows move the others as little as the method allows.
/// </summary>
internal sealed class RowSplits
{
    private const int Holdout = -1;
    private const int MostFolds = 1000;

    /// <summary>Classes of so many rows get their share by a threshold on the hash, without sorting and without moving a row later on.</summary>
    private const int LargeClass = 10_000;

    private readonly PreparationContext _context;
    private readonly SplitPlan _plan;
    private bool _inOrder;

    private RowSplits(PreparationContext context) => (_context, _plan) = (context, context.Parameters.Split);

    private DuckDbConnection Connection => _context.Connection;

    private CancellationToken CancellationToken => _context.CancellationToken;

    /// <summary>Writes <see cref="DataSplits.RowsFileName"/> into a folder, row for row with the table.</summary>
    /// <exception cref="DatasetException">The plan asks for something that these data do not allow.</exception>
    public static DataSplits Write(PreparationContext context, string folder) => new RowSplits(context).Write(folder);

    private DataSplits Write(string folder)
    {
        if (_plan.Holdout is not (> 0 and < 1))
            throw CleaningColumns.Unusable("split.holdout", "it is a share between 0 and 1, such as 0.2.");
        if (_plan.Folds is < 1 or > MostFolds)
            throw CleaningColumns.Unusable("split.folds", CleaningColumns.Invariant($"it is a number from 1 to {MostFolds}."));
        if (_plan is { Group: not null, Time: not null })
            throw CleaningColumns.Unusable("split", "rows are split by group or by time, not by both. Remove split.group or split.time.");
        if (_plan.Stratify == true && (_plan.Group ?? _plan.Time) is not null)
            throw CleaningColumns.Unusable("split.stratify", "groups and times cannot be cut to give each part its share of every class. Remove split.stratify.");

        (string method, string? column) = Deal();
        long[] rows = CountParts();
        Connection.Execute($"COPY (SELECT fold FROM folds{(_inOrder ? "" : " ORDER BY r")}) TO {Sql.Literal(Path.Combine(folder, DataSplits.RowsFileName))} (FORMAT parquet, COMPRESSION zstd)", CancellationToken);
        Connection.Execute(_inOrder ? "DROP VIEW folds" : "DROP TABLE folds", CancellationToken);
        Connection.Execute("DROP TABLE keyed", CancellationToken);
        return new DataSplits { Method = method, HoldoutRows = rows[0], FoldRows = rows[1..], Column = column, Seed = _plan.Seed };
    }

    /// <summary>Makes the table or view <c>folds (r, fold)</c> of the table <c>keyed</c>.</summary>
    private (string Method, string? Column) Deal()
    {
        string rowHash = RowHash.OfRow(_context.Table, _plan.Seed);
        if (_plan.Time is { } time)
        {
            int at = CleaningColumns.Find(_context, "split.time", [time])[0];
            DealByTime(at);
            return ("time", _context.Table.Columns[at].Name);
        }
        if (_plan.Group is { } group)
        {
            int at = CleaningColumns.Find(_context, "split.group", [group])[0];
            // Rows without a group are groups of their own.
            Key("NULL", CleaningColumns.Invariant($"CASE WHEN c{at} IS NULL THEN {rowHash} ELSE {RowHash.Of(_plan.Seed, [at])} END"));
            if (!DealByHash())
                throw CleaningColumns.Unusable("split.group", $"the column {_context.Table.Columns[at].Name} has one value, so that nothing would be left to judge by. Choose another column.");
            return ("grouped", _context.Table.Columns[at].Name);
        }
        if (StratifiedBy() is { } target)
        {
            Key(CleaningColumns.Invariant($"coalesce(c{target}::VARCHAR, '')"), rowHash);
            DealByClass();
            return ("stratified", null);
        }
        Key("NULL", rowHash);
        DealByHash();
        return ("hash", null);
    }

    private int? StratifiedBy()
    {
        int target = CleaningColumns.Target(_context);
        if (_plan.Stratify == false)
            return null;
        bool hasClasses = target >= 0 && _context.Task == LearningTask.Classification;
        if (_plan.Stratify == true && !hasClasses)
            throw CleaningColumns.Unusable("split.stratify", "there is no target with classes to give each part its share of. Remove it, or set target and task.");
        return hasClasses ? target : null;
    }

    private void Key(string key, string hash) =>
        Connection.Execute($"CREATE OR REPLACE TABLE keyed AS SELECT rowid AS r, {key} AS k, {hash} AS h FROM {_context.Table.Table}", CancellationToken);

    /// <summary>By thresholds on the hash alone: no row moves because of others. False where all are alike, and all are trained on.</summary>
    private bool DealByHash()
    {
        string threshold = RowHash.Below(_plan.Holdout);
        ulong least, most;
        using (DuckDbResult result = Connection.Query($"SELECT min(h), max(h), count(*) FILTER (h < {threshold}), count(*) FROM keyed", CancellationToken))
        {
            result.Read();
            (least, most) = (result.Vector(0).Values<ulong>()[0], result.Vector(1).Values<ulong>()[0]);
            // So few that a part is empty: the lowest goes to the holdout, or the highest to training.
            if (result.Vector(2).Int64(0) == 0)
                threshold = CleaningColumns.Invariant($"{(least == most ? 0 : least + 1)}::UBIGINT");
            else if (result.Vector(2).Int64(0) == result.Vector(3).Int64(0))
                threshold = CleaningColumns.Invariant($"{(least == most ? 0 : most)}::UBIGINT");
        }
        // Row for row as keyed: there is nothing to sort and nothing to keep.
        _inOrder = true;
        Connection.Execute($"CREATE OR REPLACE VIEW folds AS SELECT r, CASE WHEN h < {threshold} THEN {Holdout} ELSE (h % {Count(_plan.Folds)})::INTEGER END AS fold FROM keyed", CancellationToken);
        return least != most;
    }

    /// <summary>
    /// In each class the rows with the lowest hashes are held out: of a large one those below the share, of another the nearest number to its share, and for a class whose share is less
    /// than a row one with that probability, drawn by the class's own hash. Every class keeps a row to learn from.
    /// </summary>
    private void DealByClass()
    {
        string share = _plan.Holdout.ToString("R", CultureInfo.InvariantCulture);
        Connection.Execute(
            $"""
            CREATE OR REPLACE TABLE classes AS
            SELECT k, u, n, first, last, CASE WHEN first = last THEN 0 WHEN n * {share} >= 1 THEN round(n * {share}) WHEN (u >> 11)::DOUBLE / 9007199254740992 < n * {share} THEN 1 ELSE 0 END AS held
            FROM (SELECT k, row_hash({Count(_plan.Seed)}, k) AS u, count(*) AS n, min(h) AS first, max(h) AS last FROM keyed GROUP BY k)
            """, CancellationToken);
        // So few rows of each class that none was drawn: one of the largest class is.
        Connection.Execute(
            """
            UPDATE classes SET held = 1 WHERE (SELECT max(held) FROM classes) = 0
            AND k = (SELECT k FROM classes WHERE first < last ORDER BY n DESC, k LIMIT 1)
            """, CancellationToken);
        MakeFolds(
            $"""
            SELECT r, CASE WHEN h < {RowHash.Below(_plan.Holdout)} AND h < last THEN {Holdout} ELSE (h % {Count(_plan.Folds)})::INTEGER END AS fold
            FROM keyed JOIN classes USING (k) WHERE n >= {LargeClass}
            UNION ALL
            SELECT r, CASE WHEN rank <= held AND h < last THEN {Holdout} ELSE ((dense + u % 1000003) % {Count(_plan.Folds)})::INTEGER END
            FROM (
                SELECT r, h, u, held, last, rank() OVER same AS rank, dense_rank() OVER same AS dense
                FROM keyed JOIN classes USING (k) WHERE n < {LargeClass} WINDOW same AS (PARTITION BY k ORDER BY h))
            """);
        Connection.Execute("DROP TABLE classes", CancellationToken);
    }

    /// <summary>The latest rows are held out, and the others cut into folds, the earliest first; rows of one time stay together, rows without one come first.</summary>
    private void DealByTime(int column)
    {
        PreparedColumn about = _context.Table.Columns[column];
        if (!about.IsNumeric && about.Type is not ("DATE" or "TIMESTAMP"))
            throw CleaningColumns.Unusable("split.time", $"the column {about.Name} holds no times or numbers ({about.Type}). Choose another column, or derive one with strptime.");
        string c = CleaningColumns.Invariant($"c{column}");
        Key(about.IsNumeric ? $"{c}::DOUBLE" : $"epoch_us({c})", "NULL");
        long present = Connection.QueryInt64("SELECT count(k) FROM keyed", CancellationToken);
        bool oneTime = present == 0 || Connection.QueryInt64("SELECT (min(k) = max(k) AND count(k) = count(*))::BIGINT FROM keyed", CancellationToken) == 1;
        if (oneTime)
            throw CleaningColumns.Unusable("split.time", $"the column {about.Name} has one value, so that no rows are later than others. Choose another column.");
        long rows = _context.CountRows();
        long held = Math.Clamp((long)Math.Round(rows * _plan.Holdout, MidpointRounding.AwayFromZero), 1, present);
        // The earliest time is never held out, unless rows without a time are there to learn from.
        Connection.Execute(
            $"""
            CREATE OR REPLACE TABLE cut AS SELECT CASE WHEN t > least OR missing > 0 THEN t ELSE later END AS t FROM (
                SELECT (SELECT k FROM keyed WHERE k IS NOT NULL ORDER BY k DESC LIMIT 1 OFFSET {Count(held - 1)}) AS t,
                    min(k) AS least, count(*) - count(k) AS missing, min(k) FILTER (k > (SELECT min(k) FROM keyed)) AS later FROM keyed)
            """, CancellationToken);
        MakeFolds(
            $"""
            SELECT r, {Holdout} AS fold FROM keyed WHERE k >= (SELECT t FROM cut)
            UNION ALL
            SELECT r, ((rank() OVER (ORDER BY k NULLS FIRST) - 1) * {Count(_plan.Folds)} // count(*) OVER ())::INTEGER FROM keyed WHERE k IS NULL OR k < (SELECT t FROM cut)
            """);
        Connection.Execute("DROP TABLE cut", CancellationToken);
    }

    private void MakeFolds(string select)
    {
        Connection.Execute($"CREATE OR REPLACE TABLE folds AS {select}", CancellationToken);
    }

    /// <summary>Rows held out, and of each fold.</summary>
    private long[] CountParts()
    {
        long[] rows = new long[_plan.Folds + 1];
        using DuckDbResult result = Connection.Query("SELECT fold, count(*) FROM folds GROUP BY fold", CancellationToken);
        while (result.Read())
        {
            for (int row = 0; row < result.RowCount; row++)
                rows[result.Vector(0).Int64(row) + 1] = result.Vector(1).Int64(row);
        }
        return rows;
    }

    private static string Count(long number) => number.ToString(CultureInfo.InvariantCulture);
}
