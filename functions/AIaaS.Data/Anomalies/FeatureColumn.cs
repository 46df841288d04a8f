namespace AIaaS.Data.Anomalies;

/// <summary>A column of a table as a number that rows can be compared by.</summary>
/// <param name="Expression">SQL of type FLOAT, or a hash where the column is a category.</param>
/// <param name="IsCategory">Whether its values are told apart and nothing more.</param>
internal sealed record FeatureColumn(string Expression, bool IsCategory)
{
    private const string Most = "3.4028234663852886e38";

    /// <param name="column">The column in SQL.</param>
    /// <param name="type">Its type in DuckDB's words.</param>
    /// <param name="isProse">Whether a text is one of its own in nearly every row; such texts count by their length.</param>
    public static FeatureColumn Of(string column, string type, bool isProse = false) => type switch
    {
        "VARCHAR" when isProse => new($"length({column})::FLOAT", IsCategory: false),
        // A hash is as good as the text to know it by, and a missing value is a category too.
        "VARCHAR" => new($"hash({column})", IsCategory: true),
        "DATE" or "TIMESTAMP" => new($"epoch({column})::FLOAT", IsCategory: false),
        // DuckDB refuses doubles that no float holds. (Its greatest and least would take missing values for the bounds.)
        "DOUBLE" => new($"(CASE WHEN {column} > {Most} THEN {Most} WHEN {column} < -{Most} THEN -{Most} ELSE {column} END)::FLOAT", IsCategory: false),
        _ => new($"{column}::FLOAT", IsCategory: false),
    };
}
