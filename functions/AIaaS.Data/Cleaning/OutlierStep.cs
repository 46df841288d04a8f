using System.Globalization;
using AIaaS.Data.Anomalies;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Cleaning;

/// <summary>Finds values far from the others of their column, or rows unlike the others, and does about them what the plan asks.</summary>
internal sealed class OutlierStep : ICleaningStep
{
    private const string Field = "clean.outliers.columns";
    private const string FlagColumn = "is_outlier";
    private const string Reason = "outlier";

    /// <summary>Above this many rows quartiles are approximate (t-digest), as in the profile.</summary>
    private const long ExactRows = 1_000_000;

    public string Name => "outliers";

    public string? Apply(PreparationContext context)
    {
        if (context.Parameters.Clean.Outliers is not { } plan)
            return null;
        if (plan is { Method: OutlierMethod.IsolationForest, Action: OutlierAction.Clip })
        {
            throw CleaningColumns.Unusable("clean.outliers.action",
                "an isolation forest judges whole rows, which have no bound to clip to. Choose drop, quarantine or flag, or the method z-score or iqr.");
        }
        if (plan.Threshold is { } given && !(double.IsFinite(given) && given > 0 && (plan.Method != OutlierMethod.IsolationForest || given < 1)))
        {
            throw CleaningColumns.Unusable("clean.outliers.threshold", plan.Method == OutlierMethod.IsolationForest
                ? "a score is between 0 and 1; 0.65 is usual."
                : "it is a number above 0.");
        }
        IReadOnlyList<int> columns = Columns(context, plan);
        if (columns.Count == 0)
            return "No column holds numbers to judge by.";
        return plan.Method == OutlierMethod.IsolationForest ? ByRow(context, plan, columns) : ByValue(context, plan, columns);
    }

    private static IReadOnlyList<int> Columns(PreparationContext context, OutlierPlan plan)
    {
        IReadOnlyList<PreparedColumn> columns = context.Table.Columns;
        if (plan.Columns is { } named)
        {
            IReadOnlyList<int> found = CleaningColumns.Find(context, Field, named);
            if (found.FirstOrDefault(i => !columns[i].IsNumeric, -1) is var other and >= 0)
                throw CleaningColumns.Unusable(Field, $"the column {columns[other].Name} holds no numbers ({columns[other].Type}). Remove it from {Field}.");
            return found;
        }
        int target = CleaningColumns.Target(context);
        IReadOnlyDictionary<int, ColumnKind> kinds = CleaningColumns.Kinds(context, Enumerable.Range(0, columns.Count).Where(i => columns[i].IsNumeric && i != target));
        return [.. kinds.Where(pair => pair.Value is ColumnKind.Number or ColumnKind.Integer).Select(pair => pair.Key).Order()];
    }

    private static string ByRow(PreparationContext context, OutlierPlan plan, IReadOnlyList<int> columns)
    {
        const string Table = "outliers";
        double threshold = plan.Threshold ?? 0.65;
        long found = 0;
        string detail = "";
        context.Connection.InTransaction(() =>
        {
            found = RowAnomalies.Write(context, columns, context.Parameters.Split.Seed, threshold, Table);
            detail = CleaningColumns.Invariant($"{found} rows have an isolation forest score above {threshold}, judged by {columns.Count} columns; {Done(plan.Action)}");
            string predicate = $"rowid IN (SELECT row FROM {Table})";
            if (plan.Action == OutlierAction.Quarantine)
                RejectedRows.Move(context, predicate, Reason);
            else if (plan.Action == OutlierAction.Drop)
                context.Connection.Execute($"DELETE FROM {context.Table.Table} WHERE {predicate}", context.CancellationToken);
            else
                Flag(context, predicate);
            context.Connection.Execute($"DROP TABLE {Table}", context.CancellationToken);
        });
        return detail;
    }

    private static string ByValue(PreparationContext context, OutlierPlan plan, IReadOnlyList<int> columns)
    {
        IReadOnlyDictionary<int, (double Low, double High)> bounds = Bounds(context, plan, columns);
        var found = CleaningColumns.Measure(context, bounds.Keys.Order(), c => $"count(*) FILTER ({Outside(c, bounds[int.Parse(c.AsSpan(1), CultureInfo.InvariantCulture)])})")
            .Where(pair => pair.Value > 0).ToDictionary();
        string detail = CleaningColumns.Invariant($"{found.Values.Sum()} values are outliers");
        detail += found.Count == 0 ? "." : $", in {CleaningColumns.Names(context, found.Keys.Order())}; {Done(plan.Action)}";
        if (columns.Count > bounds.Count)
            detail += $" Most values of {CleaningColumns.Names(context, columns.Except(bounds.Keys))} are the same, so that nothing was judged there.";
        string[] conditions = [.. found.Keys.Order().Select(i => Outside(CleaningColumns.Invariant($"c{i}"), bounds[i]))];
        switch (plan.Action)
        {
            case OutlierAction.Clip:
                Clip(context, found.Keys, bounds);
                break;
            case OutlierAction.Quarantine:
                foreach (int column in found.Keys.Order())
                    RejectedRows.Move(context, Outside(CleaningColumns.Invariant($"c{column}"), bounds[column]), Reason, context.Table.Columns[column].Name);
                break;
            case OutlierAction.Drop:
                foreach (string[] batch in conditions.Chunk(CleaningColumns.Batch))
                    context.Connection.Execute($"DELETE FROM {context.Table.Table} WHERE {string.Join(" OR ", batch)}", context.CancellationToken);
                break;
            default:
                Flag(context, conditions.Length == 0 ? "false" : string.Join(" OR ", conditions));
                break;
        }
        return detail;
    }

    /// <summary>What is beyond is an outlier; columns without a spread to measure by have no bounds.</summary>
    private static Dictionary<int, (double Low, double High)> Bounds(PreparationContext context, OutlierPlan plan, IReadOnlyList<int> columns)
    {
        var bounds = new Dictionary<int, (double, double)>();
        bool isZScore = plan.Method == OutlierMethod.ZScore;
        string quantile = context.CountRows() <= ExactRows ? "quantile_cont" : "approx_quantile";
        foreach (int[] batch in columns.Chunk(CleaningColumns.Batch))
        {
            IEnumerable<string> expressions = batch.SelectMany(i => isZScore
                ? (string[])[CleaningColumns.Invariant($"avg(c{i}::DOUBLE)"), CleaningColumns.Invariant($"stddev_samp(c{i}::DOUBLE)")]
                : [CleaningColumns.Invariant($"{quantile}(c{i}::DOUBLE, 0.25)"), CleaningColumns.Invariant($"{quantile}(c{i}::DOUBLE, 0.75)")]);
            using DuckDbResult result = context.Connection.Query($"SELECT {string.Join(", ", expressions)} FROM {context.Table.Table}", context.CancellationToken);
            result.Read();
            for (int j = 0; j < batch.Length; j++)
            {
                if (!result.Vector(2 * j).IsValid(0) || !result.Vector(2 * j + 1).IsValid(0))
                    continue;
                double first = result.Vector(2 * j).Values<double>()[0], second = result.Vector(2 * j + 1).Values<double>()[0];
                double spread = isZScore ? second : second - first;
                double reach = (plan.Threshold ?? (isZScore ? 3 : 1.5)) * spread;
                if (spread > 0 && double.IsFinite(reach))
                    bounds[batch[j]] = isZScore ? (first - reach, first + reach) : (first - reach, second + reach);
            }
        }
        return bounds;
    }

    private static void Clip(PreparationContext context, IEnumerable<int> columns, IReadOnlyDictionary<int, (double Low, double High)> bounds)
    {
        var rewrite = new TableRewrite(context);
        foreach (int column in columns)
        {
            (double low, double high) = bounds[column];
            // An integer stays one, and within.
            if (context.Table.Columns[column].Type == "BIGINT")
                (low, high) = (Math.Ceiling(low), Math.Floor(high));
            rewrite.Set(column, CleaningColumns.Invariant($"CASE WHEN c{column} < {low:R} THEN {low:R} WHEN c{column} > {high:R} THEN {high:R} ELSE c{column} END"));
        }
        rewrite.Apply(context.CancellationToken);
    }

    private static void Flag(PreparationContext context, string condition)
    {
        string name = FlagColumn;
        for (int number = 2; CleaningColumns.IndexOf(context.Table.Columns, name) >= 0; number++)
            name = CleaningColumns.Invariant($"{FlagColumn}_{number}");
        var rewrite = new TableRewrite(context);
        rewrite.Add(name, "BOOLEAN", $"coalesce({condition}, false)");
        rewrite.Apply(context.CancellationToken);
    }

    private static string Outside(string column, (double Low, double High) bounds) =>
        CleaningColumns.Invariant($"({column} < {bounds.Low:R}::DOUBLE OR {column} > {bounds.High:R}::DOUBLE)");

    private static string Done(OutlierAction action) => action switch
    {
        OutlierAction.Clip => "they became the nearest bound.",
        OutlierAction.Drop => "the rows were dropped.",
        OutlierAction.Quarantine => "the rows are in quarantine.",
        _ => $"the column {FlagColumn} tells them.",
    };
}
