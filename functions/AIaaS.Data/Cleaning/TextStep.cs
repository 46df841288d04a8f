using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Cleaning;

/// <summary>Takes blanks around texts away and brings spellings to one case; what is blank is missing afterwards.</summary>
internal sealed class TextStep : ICleaningStep
{
    private const string Field = "clean.text.columns";

    /// <summary>Spellings of one column that are brought together; columns with more are no categories.</summary>
    private const int MostSpellings = 1_000;

    public string Name => "normalize-text";

    public string? Apply(PreparationContext context)
    {
        TextPlan plan = context.Parameters.Clean.Text;
        if (plan is { Trim: false, Case: CaseHandling.Keep })
            return null;
        IReadOnlyList<PreparedColumn> columns = context.Table.Columns;
        IReadOnlyList<int>? named = plan.Columns is null ? null : CleaningColumns.Find(context, Field, plan.Columns);
        if (named?.FirstOrDefault(i => columns[i].Type != "VARCHAR" || columns[i].IsJson, -1) is { } other and >= 0)
            throw CleaningColumns.Unusable(Field, $"the column {columns[other].Name} holds no texts ({columns[other].Type}). Remove it from {Field}.");

        var expressions = new SortedDictionary<int, string>();
        long trimmed = 0;
        if (plan.Trim)
        {
            IEnumerable<int> texts = (named ?? [.. Enumerable.Range(0, columns.Count).Where(i => columns[i].Type == "VARCHAR" && !columns[i].IsJson)]).Where(i => !columns[i].IsTrimmed);
            foreach ((int column, long changed) in CleaningColumns.Measure(context, texts, c => $"count(*) FILTER ({c} <> {Trimmed(c)})"))
            {
                if (changed == 0)
                    continue;
                trimmed += changed;
                expressions[column] = $"nullif({Trimmed(CleaningColumns.Invariant($"c{column}"))}, '')";
            }
        }
        long folded = plan.Case == CaseHandling.Keep ? 0 : Fold(context, plan.Case, named ?? CleaningColumns.Categories(context), expressions);

        var rewrite = new TableRewrite(context);
        foreach ((int column, string expression) in expressions)
            rewrite.Set(column, expression);
        rewrite.Apply(context.CancellationToken);
        if (expressions.Count == 0)
            return plan.Case == CaseHandling.Keep ? null : "No text needed a change.";
        string[] did =
        [
            .. trimmed > 0 ? (string[])[CleaningColumns.Invariant($"Took blanks around {trimmed} values away.")] : [],
            .. folded > 0 ? (string[])[CleaningColumns.Invariant($"Changed the case of {folded} values.")] : [],
            $"Columns: {CleaningColumns.Names(context, expressions.Keys)}.",
        ];
        return string.Join(' ', did);
    }

    private static long Fold(PreparationContext context, CaseHandling handling, IReadOnlyList<int> columns, SortedDictionary<int, string> expressions)
    {
        if (handling == CaseHandling.MostFrequent)
            return columns.Sum(column => FoldToMostFrequent(context, column, expressions));
        string function = handling == CaseHandling.Lower ? "lower" : "upper";
        long folded = 0;
        foreach ((int column, long changed) in CleaningColumns.Measure(context, columns, c => $"count(*) FILTER ({c} <> {function}({c}))"))
        {
            if (changed == 0)
                continue;
            folded += changed;
            expressions[column] = $"{function}({expressions.GetValueOrDefault(column, CleaningColumns.Invariant($"c{column}"))})";
        }
        return folded;
    }

    /// <summary>Of the spellings that differ in case only, all become the most frequent; of equally frequent ones the first in order.</summary>
    private static long FoldToMostFrequent(PreparationContext context, int column, SortedDictionary<int, string> expressions)
    {
        string value = expressions.GetValueOrDefault(column, CleaningColumns.Invariant($"c{column}"));
        string spellings =
            $"""
            SELECT v, n, first_value(v) OVER (PARTITION BY lower(v) ORDER BY n DESC, v) AS kept
            FROM (SELECT {value} AS v, count(*) AS n FROM {context.Table.Table} WHERE {value} IS NOT NULL GROUP BY ALL)
            """;
        var changes = new List<string>();
        long folded = 0;
        using (DuckDbResult result = context.Connection.Query($"SELECT v, kept, n FROM ({spellings}) WHERE v <> kept ORDER BY v LIMIT {MostSpellings + 1}", context.CancellationToken))
        {
            while (result.Read())
            {
                for (int row = 0; row < result.RowCount; row++)
                {
                    changes.Add($"WHEN {Sql.Literal(result.Vector(0).Text(row))} THEN {Sql.Literal(result.Vector(1).Text(row))}");
                    folded += result.Vector(2).Int64(row);
                }
            }
        }
        if (changes.Count > MostSpellings)
        {
            throw CleaningColumns.Unusable("clean.text.case",
                CleaningColumns.Invariant($"the column {context.Table.Columns[column].Name} has more than {MostSpellings} spellings to bring together. Choose lower or upper, or name other columns in clean.text.columns."));
        }
        if (changes.Count > 0)
            expressions[column] = $"CASE {value} {string.Join(' ', changes)} ELSE {value} END";
        return folded;
    }

    private static string Trimmed(string column) => $"trim({column}, E' \\t\\r\\n')";
}
