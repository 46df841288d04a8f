using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;

namespace AIaaS.Data.Cleaning;

/// <summary>Adds columns computed from the others; later ones may use earlier ones.</summary>
internal sealed class DeriveStep : ICleaningStep
{
    private const int LongestName = 200;

    public string Name => "derive";

    public string? Apply(PreparationContext context)
    {
        IReadOnlyDictionary<string, string> derive = context.Parameters.Clean.Derive;
        if (derive.Count == 0)
            return null;
        var expressions = new RowExpressions(context);
        var columns = new List<PreparedColumn>(context.Table.Columns);
        var rewrite = new TableRewrite(context);
        var selected = new List<string>();
        foreach ((string name, string text) in derive)
        {
            string field = $"clean.derive.{name}";
            if (string.IsNullOrWhiteSpace(name) || name.Length > LongestName)
                throw CleaningColumns.Unusable("clean.derive", CleaningColumns.Invariant($"a derived column needs a name of 1 to {LongestName} characters."));
            if (columns.Any(column => column.Name.Equals(name, StringComparison.OrdinalIgnoreCase)))
                throw CleaningColumns.Unusable(field, $"there is a column {name} already. Choose another name.");
            string sql = expressions.Parse(field, text, columns).Sql;
            selected.Add(CleaningColumns.Invariant($"{sql} AS c{columns.Count}"));
            (string type, string converted) = Stored(field, expressions.TypeOf(field, selected), sql);
            selected[^1] = CleaningColumns.Invariant($"({converted})::{type} AS c{columns.Count}");
            columns.Add(new(name, type, IsJson: false));
            rewrite.Add(name, type, converted);
        }
        string all = derive.Count == 1 ? $"clean.derive.{derive.Keys.First()}" : "clean.derive";
        try
        {
            expressions.Run(all, rewrite.Apply);
        }
        catch (DatasetException) when (derive.Count > 1)
        {
            // Which of them it was is known once each is run alone; those before it come along, as it may need them.
            for (int i = 0; i < selected.Count; i++)
            {
                string columnsSoFar = string.Join(", ", selected.Take(i + 1));
                string last = CleaningColumns.Invariant($"c{context.Table.Columns.Count + i}");
                expressions.Run($"clean.derive.{derive.Keys.ElementAt(i)}", token =>
                    context.Connection.QueryInt64($"SELECT count({last}) FROM (SELECT {columnsSoFar} FROM {context.Table.Table})", token));
            }
            throw;
        }
        if (context.Target is null && context.Parameters.Target is { } target && CleaningColumns.IndexOf(context.Table.Columns, target) is var at and >= 0)
            context.Target = context.Table.Columns[at].Name;
        return $"Added {CleaningColumns.List(derive.Keys)}.";
    }

    /// <summary>The type in which a result is kept, and the expression that makes it one of the table's values.</summary>
    private static (string Type, string Expression) Stored(string field, DuckDbType type, string sql) => type switch
    {
        DuckDbType.Boolean => ("BOOLEAN", sql),
        DuckDbType.TinyInt or DuckDbType.SmallInt or DuckDbType.Integer or DuckDbType.BigInt or DuckDbType.UTinyInt or DuckDbType.USmallInt or DuckDbType.UInteger => ("BIGINT", sql),
        DuckDbType.UBigInt or DuckDbType.HugeInt or DuckDbType.UHugeInt or DuckDbType.Decimal => ("DOUBLE", sql),
        DuckDbType.Float or DuckDbType.Double => ("DOUBLE", $"CASE WHEN isfinite({sql}) THEN {sql} END"),
        DuckDbType.Date => ("DATE", sql),
        DuckDbType.Timestamp or DuckDbType.TimestampSeconds or DuckDbType.TimestampMilliseconds or DuckDbType.TimestampNanoseconds => ("TIMESTAMP", sql),
        DuckDbType.Varchar => ("VARCHAR", $"nullif({sql}, '')"),
        DuckDbType.Interval => throw CleaningColumns.Unusable(field, "it gives a span of time, which no column holds. Take date_diff('day', a, b), or add the span to a time."),
        _ => throw CleaningColumns.Unusable(field, $"it gives values of the type {type}, which no column holds. Cast it to a number, text, date or time."),
    };
}
