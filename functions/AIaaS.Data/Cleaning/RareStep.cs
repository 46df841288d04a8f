using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Cleaning;

/// <summary>Merges categories of few rows into one.</summary>
internal sealed class RareStep : ICleaningStep
{
    private const string Field = "clean.rare.columns";

    /// <summary>Bounds how many categories can be frequent.</summary>
    private const double LeastShare = 0.001;

    public string Name => "rare-categories";

    public string? Apply(PreparationContext context)
    {
        if (context.Parameters.Clean.Rare is not { } plan)
            return null;
        if (plan.Below is not (>= LeastShare and <= 0.5))
            throw CleaningColumns.Unusable("clean.rare.below", CleaningColumns.Invariant($"it is a share from {LeastShare} to 0.5."));
        if (string.IsNullOrWhiteSpace(plan.Into))
            throw CleaningColumns.Unusable("clean.rare.into", "the category that rare ones become needs a name.");
        IReadOnlyList<PreparedColumn> columns = context.Table.Columns;
        IReadOnlyList<int> meant = plan.Columns is null
            ? [.. CleaningColumns.Categories(context).Where(i => i != CleaningColumns.Target(context))]
            : CleaningColumns.Find(context, Field, plan.Columns);
        if (meant.FirstOrDefault(i => columns[i].Type != "VARCHAR" || columns[i].IsJson, -1) is var other and >= 0)
            throw CleaningColumns.Unusable(Field, $"the column {columns[other].Name} holds no categories ({columns[other].Type}). Remove it from {Field}.");

        double fewest = plan.Below * context.CountRows();
        var rewrite = new TableRewrite(context);
        long values = 0, categories = 0;
        var changed = new List<int>();
        foreach (int column in meant)
        {
            (List<string> kept, long merged, long rows) = Examine(context, column, fewest, plan.Into);
            if (merged == 0)
                continue;
            values += rows;
            categories += merged;
            changed.Add(column);
            string isKept = kept.Count == 0 ? "false" : CleaningColumns.Invariant($"c{column} IN ({string.Join(", ", kept.Select(Sql.Literal))})");
            rewrite.Set(column, CleaningColumns.Invariant($"CASE WHEN c{column} IS NULL OR {isKept} THEN c{column} ELSE {Sql.Literal(plan.Into)} END"));
        }
        rewrite.Apply(context.CancellationToken);
        return changed.Count == 0
            ? CleaningColumns.Invariant($"No category has fewer rows than {plan.Below:P1} of all.")
            : CleaningColumns.Invariant($"Merged {categories} categories of {values} values into {plan.Into}, in {CleaningColumns.Names(context, changed)}.");
    }

    private static (List<string> Kept, long Merged, long Rows) Examine(PreparationContext context, int column, double fewest, string into)
    {
        var kept = new List<string>();
        long merged = 0, rows = 0;
        string sql = CleaningColumns.Invariant(
            $"""
            SELECT CASE WHEN n >= {fewest:R} OR v = {Sql.Literal(into)} THEN v END AS kept, count(*), sum(n)::BIGINT
            FROM (SELECT c{column} AS v, count(*) AS n FROM {context.Table.Table} WHERE c{column} IS NOT NULL GROUP BY v) GROUP BY kept
            """);
        using DuckDbResult result = context.Connection.Query(sql, context.CancellationToken);
        while (result.Read())
        {
            for (int row = 0; row < result.RowCount; row++)
            {
                if (result.Vector(0).IsValid(row))
                    kept.Add(result.Vector(0).Text(row));
                else
                    (merged, rows) = (result.Vector(1).Int64(row), result.Vector(2).Int64(row));
            }
        }
        return (kept, merged, rows);
    }
}
