using System.Text.Json;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;

namespace AIaaS.Data.Expressions;

/// <summary>
/// An expression of a user, checked and written anew. Its text is parsed by the engine itself (<c>json_serialize_sql</c>, which runs
/// nothing), each node of the tree must be one that is known and harmless, and what is executed is written from the tree: nothing
/// of the user's text reaches the engine but names, which become <c>c0</c>, <c>c1</c>, …, and constants, which are quoted again.
/// </summary>
internal sealed class ScalarExpression
{
    private const int LongestText = 4000;

    private readonly JsonElement _tree;
    private readonly string _field;
    private readonly IReadOnlyList<PreparedColumn>? _columns;

    private ScalarExpression(string field, JsonElement tree, IReadOnlyList<PreparedColumn>? columns)
    {
        _field = field;
        _tree = tree;
        _columns = columns;
        var writer = new ExpressionWriter(field, columns);
        Sql = writer.Write(tree);
        Columns = writer.Used;
    }

    /// <summary>Over the columns <c>c0</c>, <c>c1</c>, ….</summary>
    public string Sql { get; }

    /// <summary>The columns it looks at.</summary>
    public IReadOnlySet<int> Columns { get; }

    /// <param name="connection">The engine, which parses.</param>
    /// <param name="field">Where the expression stands, for messages: for instance <c>clean.filter</c>.</param>
    /// <param name="text">The expression.</param>
    /// <param name="columns">What names in it mean; null to check it before that is known, and never run it.</param>
    /// <param name="cancellationToken">Stops the parsing.</param>
    /// <exception cref="DatasetException">It is no expression, or not an allowed one; the message names the offending part.</exception>
    public static ScalarExpression Parse(DuckDbConnection connection, string field, string text, IReadOnlyList<PreparedColumn>? columns, CancellationToken cancellationToken)
    {
        if (string.IsNullOrWhiteSpace(text))
            throw Refused(field, "the expression is empty. Write one, or leave the field out");
        if (text.Length > LongestText)
            throw Refused(field, FormattableString.Invariant($"the expression has {text.Length} characters; at most {LongestText} are taken"));
        if (text.Contains('\0'))
            throw Refused(field, "the expression holds a character with the code 0. Remove it");

        string json;
        using (DuckDbStatement statement = connection.Prepare("SELECT json_serialize_sql($1::VARCHAR)").Bind(1, $"SELECT {text}"))
        using (DuckDbResult result = statement.Query(cancellationToken))
        {
            result.Read();
            json = result.Vector(0).Text(0);
        }
        using JsonDocument document = ParseTree(field, json);
        try
        {
            return new ScalarExpression(field, Only(field, document.RootElement).Clone(), columns);
        }
        catch (Exception exception) when (exception is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            // A tree that is not of the known form is not let through, whatever the engine made of it.
            throw Refused(field, "the expression has a part that is not understood. Simplify it");
        }
    }

    /// <summary>Refuses an expression whose texts could become too long for the memory.</summary>
    /// <param name="longest">The longest text, in characters, of each text column it looks at.</param>
    public void CheckLengths(IReadOnlyDictionary<int, long> longest) => new ExpressionLengths(_field, _columns, longest).Check(_tree);

    internal static DatasetException Refused(string field, string why) => new(DatasetReasons.BadExpression, $"{field}: {why}.") { Field = field };

    private static JsonDocument ParseTree(string field, string json)
    {
        try
        {
            return JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 256 });
        }
        catch (JsonException)
        {
            throw Refused(field, "the expression is nested too deeply. Simplify it");
        }
    }

    /// <summary>The one expression of the one plain statement.</summary>
    private static JsonElement Only(string field, JsonElement root)
    {
        if (root.GetProperty("error").GetBoolean())
        {
            string message = root.GetProperty("error_message").GetString()!;
            throw Refused(field, root.GetProperty("error_type").GetString() == "parser"
                ? $"this is no expression: {message.Split('\n')[0]}"
                : "statements are not allowed here, only an expression over the columns");
        }
        if (root.GetProperty("statements").GetArrayLength() != 1)
            throw Refused(field, "a second statement is not allowed; write one expression without ;");
        JsonElement statement = root.GetProperty("statements")[0].GetProperty("node");
        if (statement.GetProperty("type").GetString() != "SELECT_NODE")
            throw Refused(field, "a set operation such as UNION is not allowed; write one expression over the columns");
        if (statement.GetProperty("from_table").GetProperty("type").GetString() != "EMPTY")
            throw Refused(field, "FROM is not allowed; the expression is computed over the rows of the data set");
        foreach ((string part, string name) in (ReadOnlySpan<(string, string)>)
            [("where_clause", "WHERE"), ("having", "HAVING"), ("qualify", "QUALIFY"), ("sample", "USING SAMPLE")])
        {
            if (statement.GetProperty(part).ValueKind != JsonValueKind.Null)
                throw Refused(field, $"{name} is not allowed; write one expression over the columns");
        }
        if (statement.GetProperty("group_expressions").GetArrayLength() > 0 || statement.GetProperty("group_sets").GetArrayLength() > 0
            || statement.GetProperty("aggregate_handling").GetString() != "STANDARD_HANDLING")
        {
            throw Refused(field, "GROUP BY is not allowed; write one expression over the columns");
        }
        if (statement.GetProperty("modifiers").GetArrayLength() > 0)
            throw Refused(field, "DISTINCT, ORDER BY and LIMIT are not allowed; write one expression over the columns");
        if (statement.GetProperty("cte_map").GetProperty("map").GetArrayLength() > 0)
            throw Refused(field, "WITH is not allowed; write one expression over the columns");
        JsonElement list = statement.GetProperty("select_list");
        if (list.GetArrayLength() != 1)
            throw Refused(field, FormattableString.Invariant($"there are {list.GetArrayLength()} expressions, separated by commas; write one"));
        return list[0];
    }
}
