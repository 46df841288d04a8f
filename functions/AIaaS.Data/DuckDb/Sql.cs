namespace AIaaS.Data.DuckDb;

/// <summary>Quoting, for the places where a parameter is not allowed.</summary>
internal static class Sql
{
    public static string Literal(string text)
    {
        string quoted = $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";
        // Statements end at a character 0, so such a text is put together.
        return text.Contains('\0') ? $"({quoted.Replace("\0", "' || chr(0) || '", StringComparison.Ordinal)})" : quoted;
    }

    public static string List(IEnumerable<string> texts) => $"[{string.Join(", ", texts.Select(Literal))}]";

    public static string Identifier(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
