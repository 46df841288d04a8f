using AIaaS.Data.DuckDb;
using AIaaS.Data.Expressions;
using AIaaS.Data.Masking;
using AIaaS.Data.Preparation;

namespace AIaaS.Data.Cleaning;

/// <summary>Runs users' expressions over the table, within bounds.</summary>
internal sealed class RowExpressions(PreparationContext context)
{
    private readonly Dictionary<int, long> _longest = [];

    /// <exception cref="DatasetException">The expression is refused; the message names the offending part.</exception>
    public ScalarExpression Parse(string field, string text, IReadOnlyList<PreparedColumn> columns)
    {
        var expression = ScalarExpression.Parse(context.Connection, field, text, columns, context.CancellationToken);
        int[] texts = [.. expression.Columns.Where(i => i < context.Table.Columns.Count && columns[i].Type == "VARCHAR" && !_longest.ContainsKey(i))];
        foreach ((int column, long length) in CleaningColumns.Measure(context, texts, c => $"max(length({c}))"))
            _longest[column] = length;
        expression.CheckLengths(expression.Columns.Where(_longest.ContainsKey).ToDictionary(i => i, i => _longest[i]));
        return expression;
    }

    /// <summary>The type of the last of some columns that are derived one after the other.</summary>
    public DuckDbType TypeOf(string field, IReadOnlyList<string> selected)
    {
        try
        {
            using DuckDbResult result = context.Connection.Query($"SELECT {string.Join(", ", selected)} FROM {context.Table.Table} LIMIT 0", context.CancellationToken);
            return result.ColumnType(selected.Count - 1);
        }
        catch (DuckDbException exception)
        {
            throw Failed(field, exception);
        }
    }

    /// <summary>Runs a statement of which expressions are a part, for as long as they may take.</summary>
    public void Run(string field, Action<CancellationToken> statement)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        limited.CancelAfter(context.ExpressionTimeLimit);
        try
        {
            statement(limited.Token);
        }
        catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
        {
            throw new DatasetException(DatasetReasons.TooSlow, CleaningColumns.Invariant(
                $"{field}: it took longer than {context.ExpressionTimeLimit.TotalSeconds:0.###} seconds over all rows and was stopped. Simplify the expression."));
        }
        catch (DuckDbException exception)
        {
            throw Failed(field, exception);
        }
    }

    private static DatasetException Failed(string field, DuckDbException exception)
    {
        // The engine quotes the value it could not use, which may be nobody else's business.
        var masker = new SensitiveMasker(new HashSet<Formats.SensitiveKind>(Enum.GetValues<Formats.SensitiveKind>()), salt: null);
        string message = masker.Mask(exception.Message.Split('\n')[0], SensitiveHints.None);
        return ScalarExpression.Refused(field, $"it cannot be computed: {message.TrimEnd('.')}. TRY_CAST and try_strptime give a missing value where a value does not fit");
    }
}
