using AIaaS.Data.DuckDb;
using AIaaS.Data.Expressions;
using AIaaS.Data.Preparation;

namespace AIaaS.Data.Cleaning;

/// <summary>Leaves out the rows for which a condition is not true; a condition over missing values is not true.</summary>
internal sealed class FilterStep : ICleaningStep
{
    private const string Field = "clean.filter";

    public string Name => "filter";

    public string? Apply(PreparationContext context)
    {
        if (context.Parameters.Clean.Filter is not { } text)
            return null;
        var expressions = new RowExpressions(context);
        ScalarExpression filter = expressions.Parse(Field, text, context.Table.Columns);
        if (expressions.TypeOf(Field, [filter.Sql]) is var type and not DuckDbType.Boolean)
            throw CleaningColumns.Unusable(Field, $"it gives values of the type {type}, and a filter is true or false. Compare it with something.");
        long dropped = 0;
        expressions.Run(Field, token => dropped = context.Connection.Execute($"DELETE FROM {context.Table.Table} WHERE {filter.Sql} IS NOT TRUE", token));
        return CleaningColumns.Invariant($"Left out {dropped} rows for which the filter is not true.");
    }
}
