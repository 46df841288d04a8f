namespace AIaaS.Data.Anomalies;

/// <summary>A column of a table as a number that rows can be compared by.</summary>
/// <param name="Expression">SQL of a number, boolean or time, or a hash where the column is a category.</param>
/// <param name="IsCategory">Whether its values are told apart and nothing more.</param>
internal sealed record FeatureColumn(string Expression, bool IsCategory)
{
    /// <param name="column">The column in SQL.</param>
    /// <param name="type">Its type in DuckDB's words.</param>
    /// <param name="isProse">Whether a text is one of its own in nearly every row; such texts count by their length.</param>
    public static FeatureColumn Of(string column, string type, bool isProse = false) => type switch
    {
        "VARCHAR" when isProse => new($"length({column})", IsCategory: false),
        // A hash is as good as the text to know it by, and a missing value is a category too.
        "VARCHAR" => new($"hash({column})", IsCategory: true),
        _ => new(column, IsCategory: false),
    };
}
