using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;

namespace AIaaS.Data.Expressions;

/// <summary>Writes SQL from the tree of an expression; what it does not know it refuses.</summary>
/// <param name="field">Where the expression stands, for messages.</param>
/// <param name="columns">What names mean; null where that is not known yet, and any name is taken.</param>
internal sealed class ExpressionWriter(string field, IReadOnlyList<PreparedColumn>? columns)
{
    private const int MostNodes = 300;
    private const int Deepest = 40;
    private const int LongestPattern = 200;
    private const int LongestConstant = 1000;

    private static readonly HashSet<string> CastTypes =
        ["BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "FLOAT", "DOUBLE", "DECIMAL", "VARCHAR", "DATE", "TIMESTAMP"];

    private static readonly Dictionary<string, string> Comparisons = new()
    {
        ["COMPARE_EQUAL"] = "=",
        ["COMPARE_NOTEQUAL"] = "<>",
        ["COMPARE_LESSTHAN"] = "<",
        ["COMPARE_GREATERTHAN"] = ">",
        ["COMPARE_LESSTHANOREQUALTO"] = "<=",
        ["COMPARE_GREATERTHANOREQUALTO"] = ">=",
        ["COMPARE_DISTINCT_FROM"] = "IS DISTINCT FROM",
        ["COMPARE_NOT_DISTINCT_FROM"] = "IS NOT DISTINCT FROM",
    };

    private readonly HashSet<int> _used = [];
    private int _nodes;
    private int _depth;

    public IReadOnlySet<int> Used => _used;

    public string Write(JsonElement node)
    {
        if (++_nodes > MostNodes)
            throw Refused(Invariant($"the expression has more than {MostNodes} parts. Simplify it"));
        if (++_depth > Deepest)
            throw Refused("the expression is nested too deeply. Simplify it");
        string alias = node.GetProperty("alias").GetString()!;
        if (alias.Length > 0)
            throw Refused($"the name {alias} after AS is not allowed; a derived column has its name in front of its expression");
        string sql = node.GetProperty("class").GetString() switch
        {
            "COLUMN_REF" => Column(node),
            "CONSTANT" => Constant(node),
            "FUNCTION" => Function(node),
            "OPERATOR" => Operator(node),
            "COMPARISON" => Comparison(node),
            "CONJUNCTION" => Conjunction(node),
            "BETWEEN" => $"({Child(node, "input")} BETWEEN {Child(node, "lower")} AND {Child(node, "upper")})",
            "CASE" => Case(node),
            "CAST" => Cast(node),
            "SUBQUERY" => throw Refused("a subquery (SELECT …) is not allowed; an expression sees the columns of one row"),
            "WINDOW" => throw Refused($"the window function {node.GetProperty("function_name").GetString()}(…) OVER is not allowed; an expression sees one row"),
            "STAR" => throw Refused(node.GetProperty("columns").GetBoolean() ? "COLUMNS(…) is not allowed; name the columns" : "* is not allowed; name the columns"),
            "LAMBDA" => throw Refused("a lambda (x -> …) is not allowed"),
            "PARAMETER" => throw Refused("a parameter (? or $1) is not allowed; write the value"),
            "POSITIONAL_REFERENCE" => throw Refused($"the position #{node.GetProperty("index").GetRawText()} is not allowed; name the column"),
            "COLLATE" => throw Refused($"COLLATE {node.GetProperty("collation").GetString()} is not allowed; compare lower(…) instead"),
            var other => throw Refused($"a part of the kind {other?.ToLowerInvariant()} is not allowed"),
        };
        _depth--;
        return sql;
    }

    /// <summary>The text of a constant; null where the node is none.</summary>
    public static string? TextOf(JsonElement node) =>
        node.GetProperty("class").GetString() == "CONSTANT" && node.GetProperty("value") is var value && !value.GetProperty("is_null").GetBoolean()
        && value.GetProperty("type").GetProperty("id").GetString() == "VARCHAR"
            ? value.GetProperty("value").GetString()
            : null;

    /// <summary>The value of an integer constant; null where the node is none.</summary>
    public static long? IntegerOf(JsonElement node) =>
        node.GetProperty("class").GetString() == "CONSTANT" && node.GetProperty("value") is var value && !value.GetProperty("is_null").GetBoolean()
        && value.GetProperty("value") is { ValueKind: JsonValueKind.Number } number && number.TryGetInt64(out long integer)
        && value.GetProperty("type").GetProperty("id").GetString() is "INTEGER" or "BIGINT"
            ? integer
            : null;

    public static int? ColumnOf(JsonElement node, IReadOnlyList<PreparedColumn> columns)
    {
        string name = node.GetProperty("column_names")[0].GetString()!;
        for (int i = 0; i < columns.Count; i++)
        {
            if (columns[i].Name == name)
                return i;
        }
        for (int i = 0; i < columns.Count; i++)
        {
            if (columns[i].Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                return i;
        }
        return null;
    }

    private string Column(JsonElement node)
    {
        JsonElement names = node.GetProperty("column_names");
        string written = string.Join('.', names.EnumerateArray().Select(name => name.GetString()));
        if (names.GetArrayLength() != 1)
            throw Refused($"{written} is not allowed: columns have plain names. Put a name with a point into double quotes");
        if (columns is null)
            return Sql.Identifier(written);
        if (ColumnOf(node, columns) is not { } at)
        {
            throw Refused(AllowedFunctions.WhyNot(written.ToLowerInvariant()) is { } why
                ? $"{written} is not allowed: {why}"
                : $"there is no column {written}. The columns are {string.Join(", ", columns.Take(50).Select(column => column.Name))}{(columns.Count > 50 ? ", …" : "")}; texts stand in single quotes");
        }
        _used.Add(at);
        return Invariant($"c{at}");
    }

    private string Constant(JsonElement node)
    {
        JsonElement value = node.GetProperty("value");
        if (value.GetProperty("is_null").GetBoolean())
            return "NULL";
        JsonElement type = value.GetProperty("type");
        JsonElement held = value.GetProperty("value");
        switch (type.GetProperty("id").GetString())
        {
            case "VARCHAR":
                string text = held.GetString()!;
                if (text.Length > LongestConstant)
                    throw Refused(Invariant($"a text of {text.Length} characters is too long; at most {LongestConstant} are taken"));
                return Sql.Literal(text);
            case "BOOLEAN":
                return held.GetBoolean() ? "true" : "false";
            case "TINYINT" or "SMALLINT" or "INTEGER" or "BIGINT":
                return held.GetInt64().ToString(CultureInfo.InvariantCulture);
            case "DECIMAL" when held.ValueKind == JsonValueKind.Number:
                JsonElement info = type.GetProperty("type_info");
                return Decimal(held.GetInt64(), info.GetProperty("scale").GetInt32());
            case "DOUBLE" when held.ValueKind == JsonValueKind.Number:
                return $"{held.GetDouble().ToString("R", CultureInfo.InvariantCulture)}::DOUBLE";
            case var other:
                throw Refused($"a constant of the type {other} is not allowed. Numbers have at most 18 digits; write a larger one with an exponent, such as 1e20");
        }
    }

    private static string Decimal(long value, int scale)
    {
        string digits = BigInteger.Abs(value).ToString(CultureInfo.InvariantCulture).PadLeft(scale + 1, '0');
        return $"{(value < 0 ? "-" : "")}{digits[..^scale]}.{digits[^scale..]}";
    }

    private string Function(JsonElement node)
    {
        string name = node.GetProperty("function_name").GetString()!.ToLowerInvariant();
        string schema = node.GetProperty("schema").GetString()!;
        string catalog = node.GetProperty("catalog").GetString()!;
        if (catalog.Length > 0 || schema is not ("" or "main"))
            throw Refused($"{string.Join('.', new[] { catalog, schema, name }.Where(part => part.Length > 0))}(…) is not allowed: functions have plain names");
        if (node.GetProperty("distinct").GetBoolean() || node.GetProperty("filter").ValueKind != JsonValueKind.Null
            || node.GetProperty("order_bys").GetProperty("orders").GetArrayLength() > 0 || node.GetProperty("export_state").GetBoolean())
        {
            throw Refused($"DISTINCT, FILTER and ORDER BY inside {name}(…) are not allowed");
        }
        JsonElement[] arguments = [.. node.GetProperty("children").EnumerateArray()];
        if (name is "~~" or "!~~" or "~~*" or "!~~*")
            return Like(name, arguments);
        bool isOperator = node.GetProperty("is_operator").GetBoolean();
        if (!(isOperator ? AllowedFunctions.Operators : AllowedFunctions.ByName).TryGetValue(name, out AllowedFunction? function))
        {
            throw Refused($"the {(isOperator ? "operator" : "function")} {name} is not allowed"
                + (AllowedFunctions.WhyNot(name) is { } why ? $": {why}" : "; the documentation of cleaning lists those that are"));
        }
        if (arguments.Length < function.Fewest || arguments.Length > function.Most)
            throw Refused(Invariant($"{name} has {arguments.Length} arguments, and takes {function.Fewest}{(function.Most > function.Fewest ? $" to {function.Most}" : "")}"));
        for (int i = 0; i < arguments.Length; i++)
        {
            if ((function.Constants >> i & 1) == 0)
                continue;
            if (arguments[i].GetProperty("class").GetString() != "CONSTANT")
                throw Refused(Invariant($"argument {i + 1} of {name} must be written out, not computed"));
            if (name.StartsWith("regexp_", StringComparison.Ordinal) && TextOf(arguments[i]) is { Length: > LongestPattern })
                throw Refused(Invariant($"the pattern of {name} is too long; at most {LongestPattern} characters are taken"));
        }
        string[] written = [.. arguments.Select(Write)];
        if (!isOperator)
            return $"{Sql.Identifier(name)}({string.Join(", ", written)})";
        return written.Length == 1 ? $"({name} {written[0]})" : $"({written[0]} {name} {written[1]})";
    }

    /// <summary>LIKE as a regular expression, whose time is linear in the text whatever the pattern.</summary>
    private string Like(string name, JsonElement[] arguments)
    {
        string pattern = TextOf(arguments[1]) ?? throw Refused("the pattern of LIKE must be written out, not computed");
        if (pattern.Length > LongestPattern)
            throw Refused(Invariant($"the pattern of LIKE is too long; at most {LongestPattern} characters are taken"));
        var regex = new StringBuilder();
        foreach (char c in pattern)
            regex.Append(c switch { '%' => ".*", '_' => ".", _ => RegexEscape(c) });
        string options = name.EndsWith('*') ? "is" : "s";
        string match = $"regexp_full_match({Write(arguments[0])}, {Sql.Literal(regex.ToString())}, '{options}')";
        return name.StartsWith('!') ? $"(NOT {match})" : match;

        static string RegexEscape(char c) => c < 128 && !char.IsAsciiLetterOrDigit(c) ? $"\\x{(int)c:x2}" : c.ToString();
    }

    private string Operator(JsonElement node)
    {
        string type = node.GetProperty("type").GetString()!;
        if (type is "ARRAY_EXTRACT" or "ARRAY_SLICE" or "STRUCT_EXTRACT")
            throw Refused("[…] is not allowed: columns hold single values. Use substring for parts of texts");
        if (type is not ("OPERATOR_NOT" or "OPERATOR_IS_NULL" or "OPERATOR_IS_NOT_NULL" or "OPERATOR_COALESCE" or "COMPARE_IN" or "COMPARE_NOT_IN"))
            throw Refused($"the operator {type.Replace("OPERATOR_", "", StringComparison.Ordinal)} is not allowed");
        string[] written = [.. node.GetProperty("children").EnumerateArray().Select(Write)];
        return type switch
        {
            "OPERATOR_NOT" => $"(NOT {written[0]})",
            "OPERATOR_IS_NULL" => $"({written[0]} IS NULL)",
            "OPERATOR_IS_NOT_NULL" => $"({written[0]} IS NOT NULL)",
            "OPERATOR_COALESCE" => $"coalesce({string.Join(", ", written)})",
            _ => $"({written[0]} {(type == "COMPARE_IN" ? "IN" : "NOT IN")} ({string.Join(", ", written.Skip(1))}))",
        };
    }

    private string Comparison(JsonElement node)
    {
        string type = node.GetProperty("type").GetString()!;
        return Comparisons.TryGetValue(type, out string? sign)
            ? $"({Child(node, "left")} {sign} {Child(node, "right")})"
            : throw Refused($"the comparison {type} is not allowed");
    }

    private string Conjunction(JsonElement node) =>
        $"({string.Join(node.GetProperty("type").GetString() == "CONJUNCTION_AND" ? " AND " : " OR ", node.GetProperty("children").EnumerateArray().Select(Write))})";

    private string Case(JsonElement node)
    {
        IEnumerable<string> branches = node.GetProperty("case_checks").EnumerateArray().Select(check => $"WHEN {Child(check, "when_expr")} THEN {Child(check, "then_expr")}");
        return $"(CASE {string.Join(' ', branches)} ELSE {Child(node, "else_expr")} END)";
    }

    private string Cast(JsonElement node)
    {
        JsonElement type = node.GetProperty("cast_type");
        string name = type.GetProperty("id").GetString()!;
        if (!CastTypes.Contains(name))
        {
            // A type that the parser does not know says its name apart.
            if (name == "UNBOUND" && type.GetProperty("type_info").TryGetProperty("name", out JsonElement unbound))
                name = unbound.GetString()!;
            throw Refused($"a cast to {name} is not allowed. Cast to one of {string.Join(", ", CastTypes.Order(StringComparer.Ordinal))}");
        }
        if (type.GetProperty("type_info") is { ValueKind: JsonValueKind.Object } info)
        {
            if (name == "DECIMAL")
                name = Invariant($"DECIMAL({info.GetProperty("width").GetInt32()}, {info.GetProperty("scale").GetInt32()})");
            else if (info.TryGetProperty("collation", out JsonElement collation) && collation.GetString() is { Length: > 0 } wanted)
                throw Refused($"COLLATE {wanted} is not allowed; compare lower(…) instead");
        }
        return $"{(node.GetProperty("try_cast").GetBoolean() ? "TRY_CAST" : "CAST")}({Child(node, "child")} AS {name})";
    }

    private string Child(JsonElement node, string name) => Write(node.GetProperty(name));

    private DatasetException Refused(string why) => ScalarExpression.Refused(field, why);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
