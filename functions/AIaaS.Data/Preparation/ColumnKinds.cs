using AIaaS.Formats;

namespace AIaaS.Data.Preparation;

/// <summary>Infers what a column means from its type, its name and its values.</summary>
internal static class ColumnKinds
{
    private const int FewestForIdentifier = 20;

    private static readonly HashSet<string> KeyNames = new(StringComparer.OrdinalIgnoreCase)
    {
        "id", "ids", "idx", "index", "key", "uuid", "guid", "rowid", "rownum", "rownumber", "row_number", "row_id", "serial", "record", "unnamed: 0",
    };

    public static ColumnKind Infer(PreparedColumn column, ColumnSummary summary)
    {
        if (column.IsJson)
            return ColumnKind.Json;
        if (column.IsImage)
            return ColumnKind.Image;
        if (summary.Distinct <= 1)
            return ColumnKind.Constant;
        // Approximate counts of distinct values err by a few percent; that of a key does not.
        bool distinct = summary.Count >= FewestForIdentifier && summary.Distinct >= 0.98 * summary.Count;
        return column.Type switch
        {
            "BOOLEAN" => ColumnKind.Boolean,
            "DATE" or "TIMESTAMP" => ColumnKind.Datetime,
            "DOUBLE" => ColumnKind.Number,
            "BIGINT" => distinct && IsKeyName(column.Name) ? ColumnKind.Identifier : ColumnKind.Integer,
            _ when distinct && summary.MeanWords < 1.5 && summary.Lengths?.Mean <= 64 => ColumnKind.Identifier,
            _ when IsProse(summary) => ColumnKind.Text,
            _ => ColumnKind.Category,
        };
    }

    /// <summary>Mostly different values of several words, or long ones.</summary>
    private static bool IsProse(ColumnSummary summary) =>
        summary.Distinct > 20 && summary.Distinct > 0.2 * summary.Count && (summary.MeanWords >= 2.5 || summary.Lengths?.Mean > 50);

    /// <summary><c>id</c>, <c>customer_id</c>, <c>customer id</c>, <c>customerId</c>, <c>customerID</c> and the like.</summary>
    private static bool IsKeyName(string name) =>
        KeyNames.Contains(name)
        || (name.Length > 2 && name.EndsWith("id", StringComparison.OrdinalIgnoreCase) && name[^3] is '_' or '-' or ' ' or '.')
        || (name.Length > 2 && char.IsLower(name[^3]) && (name.EndsWith("Id", StringComparison.Ordinal) || name.EndsWith("ID", StringComparison.Ordinal)));
}
