using System.Globalization;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Cleaning;

/// <summary>Does about missing values what the plan asks; the target is never filled in.</summary>
internal sealed class MissingStep : ICleaningStep
{
    private const string Field = "clean.missing.columns";

    /// <summary>Above this many rows the median is approximate (t-digest), as in the profile.</summary>
    private const long ExactRows = 1_000_000;

    public string Name => "missing-values";

    public string? Apply(PreparationContext context)
    {
        MissingPlan plan = context.Parameters.Clean.Missing;
        if (plan.Action == MissingAction.Auto)
            return null;
        bool isNamed = plan.Columns is not null;
        int target = CleaningColumns.Target(context);
        IReadOnlyList<int> columns = isNamed
            ? CleaningColumns.Find(context, Field, plan.Columns!)
            : [.. Enumerable.Range(0, context.Table.Columns.Count).Where(i => i != target)];
        if (columns.Contains(target) && plan.Action != MissingAction.DropRow)
        {
            throw CleaningColumns.Unusable(Field, $"{context.Table.Columns[target].Name} is the target, which is neither filled in nor dropped: a model would learn what nobody observed. Remove it from {Field}, or drop the rows without it (drop-row).");
        }
        long rows = context.CountRows();
        var missing = CleaningColumns.Measure(context, columns, c => $"count(*) - count({c})").Where(pair => pair.Value > 0).ToDictionary();
        return plan.Action switch
        {
            MissingAction.DropRow => DropRows(context, missing),
            MissingAction.DropColumn => DropColumns(context, plan, missing, rows),
            MissingAction.Mean => Fill(context, Numeric(context, columns, missing, isNamed, "mean"), "the mean", (column, values) => Number(column, values.Mean)),
            MissingAction.Median => Fill(context, Numeric(context, columns, missing, isNamed, "median"), "the median", (column, values) => Number(column, values.Median)),
            MissingAction.Mode => FillMode(context, missing),
            MissingAction.Constant => FillConstant(context, plan, missing),
            _ => FillForward(context, missing),
        };
    }

    private static string DropRows(PreparationContext context, Dictionary<int, long> missing)
    {
        long dropped = 0;
        foreach (int[] batch in missing.Keys.Order().Chunk(CleaningColumns.Batch))
        {
            dropped += context.Connection.Execute(
                $"DELETE FROM {context.Table.Table} WHERE {string.Join(" OR ", batch.Select(i => CleaningColumns.Invariant($"c{i} IS NULL")))}", context.CancellationToken);
        }
        return dropped == 0
            ? "No value was missing."
            : CleaningColumns.Invariant($"Dropped {dropped} rows in which a value of {CleaningColumns.Names(context, missing.Keys.Order())} is missing.");
    }

    private static string DropColumns(PreparationContext context, MissingPlan plan, Dictionary<int, long> missing, long rows)
    {
        if (plan.Above is not (>= 0 and < 1))
            throw CleaningColumns.Unusable("clean.missing.above", "it is a share from 0 to below 1.");
        int[] dropped = [.. missing.Where(pair => pair.Value > plan.Above * rows).Select(pair => pair.Key).Order()];
        if (dropped.Length == 0)
            return CleaningColumns.Invariant($"No column misses more than {plan.Above:P0} of its values.");
        if (dropped.Length == context.Table.Columns.Count)
            throw CleaningColumns.Unusable("clean.missing.above", CleaningColumns.Invariant($"every column misses more than {plan.Above:P0} of its values. Raise the share."));
        string detail = CleaningColumns.Invariant($"Dropped {dropped.Length} columns that miss more than {plan.Above:P0} of their values: {CleaningColumns.Names(context, dropped)}.");
        var rewrite = new TableRewrite(context);
        foreach (int column in dropped)
            rewrite.Drop(column);
        rewrite.Apply(context.CancellationToken);
        return detail;
    }

    /// <summary>The numeric columns with missing values; a text that was named is refused.</summary>
    private static Dictionary<int, long> Numeric(PreparationContext context, IReadOnlyList<int> columns, Dictionary<int, long> missing, bool isNamed, string what)
    {
        if (isNamed && columns.FirstOrDefault(i => !context.Table.Columns[i].IsNumeric, -1) is var other and >= 0)
        {
            throw CleaningColumns.Unusable(Field,
                $"the column {context.Table.Columns[other].Name} holds no numbers ({context.Table.Columns[other].Type}), so it has no {what}. Fill it with mode or constant, or remove it from {Field}.");
        }
        return missing.Where(pair => context.Table.Columns[pair.Key].IsNumeric).ToDictionary();
    }

    private static string Fill(PreparationContext context, Dictionary<int, long> missing, string what, Func<PreparedColumn, (double? Mean, double? Median), string?> fill)
    {
        var values = new Dictionary<int, string>();
        bool exact = context.CountRows() <= ExactRows;
        foreach (int[] batch in missing.Keys.Order().Chunk(CleaningColumns.Batch))
        {
            IEnumerable<string> expressions = batch.SelectMany(i => (string[])
            [
                CleaningColumns.Invariant($"avg(c{i}::DOUBLE)"),
                CleaningColumns.Invariant($"{(exact ? "quantile_cont" : "approx_quantile")}(c{i}::DOUBLE, 0.5)"),
            ]);
            using DuckDbResult result = context.Connection.Query($"SELECT {string.Join(", ", expressions)} FROM {context.Table.Table}", context.CancellationToken);
            result.Read();
            for (int j = 0; j < batch.Length; j++)
            {
                if (fill(context.Table.Columns[batch[j]], (Value(result.Vector(2 * j)), Value(result.Vector(2 * j + 1)))) is { } value)
                    values[batch[j]] = value;
            }
        }
        return Rewrite(context, missing, values, what);

        static double? Value(DuckDbVector vector) => vector.IsValid(0) ? vector.Values<double>()[0] : null;
    }

    private static string FillMode(PreparationContext context, Dictionary<int, long> missing)
    {
        var values = new Dictionary<int, string>();
        foreach (int[] batch in missing.Keys.Where(i => !context.Table.Columns[i].IsJson).Order().Chunk(50))
        {
            string source = context.Table.Table;
            if (context.Table.Columns.Count > CleaningColumns.Batch)
            {
                // A reference to a table costs by its width, and there is one for each column.
                source = "slice";
                context.Connection.Execute(
                    $"CREATE OR REPLACE TABLE slice AS SELECT {string.Join(", ", batch.Select(i => CleaningColumns.Invariant($"c{i}")))} FROM {context.Table.Table}", context.CancellationToken);
            }
            string sql = string.Join(" UNION ALL ", batch.Select(i => CleaningColumns.Invariant(
                $"(SELECT {i} AS i, c{i}::VARCHAR AS v FROM {source} WHERE c{i} IS NOT NULL GROUP BY c{i} ORDER BY count(*) DESC, c{i} LIMIT 1)")));
            using DuckDbResult result = context.Connection.Query(sql, context.CancellationToken);
            while (result.Read())
            {
                for (int row = 0; row < result.RowCount; row++)
                    values[(int)result.Vector(0).Int64(row)] = Sql.Literal(result.Vector(1).Text(row));
            }
        }
        context.Connection.Execute("DROP TABLE IF EXISTS slice", context.CancellationToken);
        return Rewrite(context, missing, values, "the most frequent value");
    }

    private static string FillConstant(PreparationContext context, MissingPlan plan, Dictionary<int, long> missing)
    {
        const string ValueField = "clean.missing.value";
        if (plan.Value is not { } constant || constant.Length == 0)
            throw CleaningColumns.Unusable(ValueField, "the action constant needs a value to fill in. Give one.");
        var values = new Dictionary<int, string>();
        foreach (int column in missing.Keys.Order())
        {
            PreparedColumn about = context.Table.Columns[column];
            if (about.IsJson)
                continue;
            string literal = Sql.Literal(constant);
            if (about.Type != "VARCHAR" && context.Connection.QueryInt64($"SELECT (TRY_CAST({literal} AS {about.Type}) IS NOT NULL AND coalesce(isfinite(TRY_CAST({literal} AS DOUBLE)), true))::BIGINT", context.CancellationToken) == 0)
            {
                throw CleaningColumns.Unusable(ValueField,
                    $"'{constant}' is no value of the column {about.Name} ({about.Type}). Give another value, or name the columns that it suits in {Field}.");
            }
            values[column] = literal;
        }
        return Rewrite(context, missing, values, "the constant");
    }

    private static string FillForward(PreparationContext context, Dictionary<int, long> missing)
    {
        var rewrite = new TableRewrite(context);
        foreach (int column in missing.Keys)
        {
            // A running aggregate without an order is computed as the rows stream by, in their order, and keeps no rows.
            rewrite.Set(column, CleaningColumns.Invariant($"arg_max(c{column}, rowid) OVER (ROWS UNBOUNDED PRECEDING)"));
        }
        rewrite.Apply(context.CancellationToken);
        long left = CleaningColumns.Measure(context, missing.Keys, c => $"count(*) - count({c})").Values.Sum();
        return missing.Count == 0
            ? "No value was missing."
            : CleaningColumns.Invariant($"Filled {missing.Values.Sum() - left} missing values with the last one above, in {CleaningColumns.Names(context, missing.Keys.Order())}; {left} have none above.");
    }

    private static string Rewrite(PreparationContext context, Dictionary<int, long> missing, Dictionary<int, string> values, string what)
    {
        var rewrite = new TableRewrite(context);
        foreach ((int column, string value) in values)
            rewrite.Set(column, CleaningColumns.Invariant($"coalesce(c{column}, ({value})::{context.Table.Columns[column].Type})"));
        rewrite.Apply(context.CancellationToken);
        return values.Count == 0
            ? "No value was missing that could be filled in."
            : CleaningColumns.Invariant($"Filled {values.Keys.Sum(column => missing[column])} missing values with {what}, in {CleaningColumns.Names(context, values.Keys.Order())}.");
    }

    /// <summary>Integers stay integers, so that a version's columns do not change their type by a mean.</summary>
    private static string? Number(PreparedColumn column, double? value) => value is not { } number ? null
        : column.Type == "BIGINT" ? ((long)Math.Round(number, MidpointRounding.AwayFromZero)).ToString(CultureInfo.InvariantCulture)
        : number.ToString("R", CultureInfo.InvariantCulture);
}
