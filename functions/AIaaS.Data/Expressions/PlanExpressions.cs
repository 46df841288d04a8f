using AIaaS.Data.DuckDb;
using AIaaS.Formats;

namespace AIaaS.Data.Expressions;

/// <summary>Checks a plan's expressions before there are data: whether their columns exist and have fitting types is told by those.</summary>
public static class PlanExpressions
{
    /// <exception cref="DatasetException">An expression is none, or not an allowed one; the message names the field and the offending part.</exception>
    public static void Check(CleaningPlan plan, CancellationToken cancellationToken = default)
    {
        if (plan.Derive.Count == 0 && plan.Filter is null)
            return;
        // The engine parses; it is given nothing to reach.
        using var database = DuckDbDatabase.Open(new DuckDbOptions { Threads = 1, MemoryLimit = 64 << 20, AllowedDirectories = [] });
        using DuckDbConnection connection = database.Connect();
        foreach ((string column, string text) in plan.Derive)
            Check($"clean.derive.{column}", text);
        if (plan.Filter is { } filter)
            Check("clean.filter", filter);

        void Check(string field, string text) =>
            ScalarExpression.Parse(connection, field, text, columns: null, cancellationToken).CheckLengths(new Dictionary<int, long>());
    }
}
