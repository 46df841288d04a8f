using AIaaS.Data.DuckDb;
using AIaaS.Data.Expressions;
using AIaaS.Data.Preparation;

namespace AIaaS.Data.Tests.Expressions;

public sealed class ScalarExpressionTests : IDisposable
{
    private static readonly PreparedColumn[] Columns =
    [
        new("a", "BIGINT", false), new("b", "DOUBLE", false), new("name", "VARCHAR", false), new("the \"odd\" one", "VARCHAR", false), new("day", "DATE", false), new("ok", "BOOLEAN", false),
    ];

    private readonly DuckDbDatabase _database = DuckDbDatabase.Open(new DuckDbOptions { AllowedDirectories = [] });
    private readonly DuckDbConnection _connection;

    public ScalarExpressionTests()
    {
        _connection = _database.Connect();
        _connection.Execute("CREATE TABLE data AS SELECT 7 AS c0, 2.5::DOUBLE AS c1, 'Anna' AS c2, 'x' AS c3, DATE '2024-02-29' AS c4, true AS c5");
    }

    public void Dispose()
    {
        _connection.Dispose();
        _database.Dispose();
    }

    [Theory]
    [InlineData("a + b * 2 - -1", "13.0")]
    [InlineData("a // 2 + a % 4", "6")]
    [InlineData("A > 5 AND NOT (b BETWEEN 3 AND 4) OR ok", "true")]
    [InlineData("name LIKE 'A%a'", "true")]
    [InlineData("name NOT LIKE 'a_n_'", "true")]
    [InlineData("name ILIKE 'a_n_'", "true")]
    [InlineData("name LIKE '.*'", "false")]
    [InlineData("name IN ('Bob', 'Anna') AND a NOT IN (1, 2)", "true")]
    [InlineData("CASE WHEN a > 5 THEN 'high' ELSE 'low' END", "high")]
    [InlineData("CASE name WHEN 'Bob' THEN 1 WHEN 'Anna' THEN 2 END", "2")]
    [InlineData("coalesce(NULL, name)", "Anna")]
    [InlineData("if(a = 7, 1.50, 2)", "1.50")]
    [InlineData("TRY_CAST(name AS INTEGER) IS NULL", "true")]
    [InlineData("a::VARCHAR || ' it''s'", "7 it's")]
    [InlineData("\"the \"\"odd\"\" one\"", "x")]
    [InlineData("year(day) * 100 + extract(month FROM day)", "202402")]
    [InlineData("date_diff('day', day, DATE '2024-03-10')", "10")]
    [InlineData("day + INTERVAL 1 DAY = DATE '2024-03-01'", "true")]
    [InlineData("regexp_replace(name, 'n+', 'm')", "Ama")]
    [InlineData("lpad(left(name, 2), 4, '-')", "--An")]
    [InlineData("name.upper()", null)]
    [InlineData("round(ln(exp(b)), 3) = 2.5", "true")]
    [InlineData("name IS DISTINCT FROM 'x'", "true")]
    [InlineData("greatest(a, 3, 1e1)", "10.0")]
    [InlineData("(a) -- the a", "7")]
    [InlineData("date_trunc('month', day)::DATE::VARCHAR", "2024-02-01")]
    public void What_is_allowed_means_what_it_says(string text, string? expected)
    {
        if (expected is null)
        {
            Assert.Throws<DatasetException>(() => Parse(text));
            return;
        }

        using DuckDbResult result = _connection.Query($"SELECT ({Parse(text).Sql})::VARCHAR FROM data");

        Assert.True(result.Read());
        Assert.Equal(expected, result.Vector(0).Text(0));
    }

    [Theory]
    [InlineData("(SELECT 1)", "subquery")]
    [InlineData("a IN (SELECT 1)", "subquery")]
    [InlineData("EXISTS (SELECT 1)", "subquery")]
    [InlineData("(SELECT content FROM read_text('/etc/passwd'))", "subquery")]
    [InlineData("1 FROM read_csv('/etc/passwd')", "FROM")]
    [InlineData("1 FROM data", "FROM")]
    [InlineData("1 WHERE true", "WHERE")]
    [InlineData("1 UNION SELECT 2", "UNION")]
    [InlineData("1 LIMIT 1", "LIMIT")]
    [InlineData("1 ORDER BY 1", "ORDER BY")]
    [InlineData("DISTINCT a", "DISTINCT")]
    [InlineData("a GROUP BY a", "GROUP BY")]
    [InlineData("a HAVING true", "HAVING")]
    [InlineData("a QUALIFY true", "QUALIFY")]
    [InlineData("a USING SAMPLE 1", "SAMPLE")]
    [InlineData("1; DROP TABLE data", "")]
    [InlineData("1; SELECT 2", "second statement")]
    [InlineData("1, 2", "2 expressions")]
    [InlineData("a AS other", "other")]
    [InlineData("a other", "other")]
    [InlineData("*", "*")]
    [InlineData("data.*", "*")]
    [InlineData("COLUMNS('.*')", "COLUMNS")]
    [InlineData("COLUMNS(x -> true)", "COLUMNS")]
    [InlineData("#1", "#1")]
    [InlineData("?", "parameter")]
    [InlineData("$1", "parameter")]
    [InlineData("data.c0", "data.c0")]
    [InlineData("c0", "no column c0")]
    [InlineData("rowid", "no column rowid")]
    [InlineData("nothing + 1", "no column nothing")]
    [InlineData("current_date", "another value each time")]
    [InlineData("current_user", "current_user")]
    [InlineData("sum(a)", "sum")]
    [InlineData("count(*)", "count")]
    [InlineData("max(a)", "max")]
    [InlineData("sum(a) OVER ()", "sum")]
    [InlineData("row_number() OVER (ORDER BY a)", "row_number")]
    [InlineData("lag(a) OVER ()", "lag")]
    [InlineData("random()", "another value each time")]
    [InlineData("uuid()", "uuid")]
    [InlineData("now()", "now")]
    [InlineData("today()", "today")]
    [InlineData("age(day)", "age")]
    [InlineData("nextval('s')", "nextval")]
    [InlineData("getenv('HOME')", "getenv")]
    [InlineData("current_setting('memory_limit')", "current_setting")]
    [InlineData("getvariable('x')", "getvariable")]
    [InlineData("version()", "version")]
    [InlineData("current_database()", "current_database")]
    [InlineData("read_text('/etc/passwd')", "read_text")]
    [InlineData("read_blob('/etc/passwd')", "read_blob")]
    [InlineData("glob('/*')", "glob")]
    [InlineData("json_execute_serialized_sql('x')", "json_execute_serialized_sql")]
    [InlineData("query('SELECT 1')", "query")]
    [InlineData("pragma_version()", "pragma_version")]
    [InlineData("system.main.getenv('HOME')", "system.main.getenv")]
    [InlineData("other.lower(name)", "other.lower")]
    [InlineData("\"getenv\"('HOME')", "getenv")]
    [InlineData("GetEnv('HOME')", "getenv")]
    [InlineData("sensitive_hidden(name)", "sensitive_hidden")]
    [InlineData("row_hash(1, a)", "row_hash")]
    [InlineData("repeat(name, 1000000000)", "repeat")]
    [InlineData("range(1000000000)", "range")]
    [InlineData("list_value(1, 2)", "list_value")]
    [InlineData("[1, 2]", "list_value")]
    [InlineData("{'a': 1}", "struct_pack")]
    [InlineData("MAP {'a': 1}", "map")]
    [InlineData("name[1]", "[")]
    [InlineData("name[1:2]", "[")]
    [InlineData("list_transform([1], x -> x + 1)", "list_transform")]
    [InlineData("printf('%1000000000d', a)", "printf")]
    [InlineData("format('{:1000000000}', a)", "format")]
    [InlineData("a!", "!")]
    [InlineData("name COLLATE nocase", "COLLATE")]
    [InlineData("day AT TIME ZONE 'UTC'", "timezone")]
    [InlineData("TRY(a)", "TRY")]
    [InlineData("name::BLOB", "BLOB")]
    [InlineData("name::JSON", "JSON")]
    [InlineData("[a]::INTEGER[]", "list")]
    [InlineData("lower(DISTINCT name)", "DISTINCT")]
    [InlineData("lower(name ORDER BY a)", "ORDER BY")]
    [InlineData("name GLOB '*'", "~~~")]
    [InlineData("name LIKE name", "LIKE")]
    [InlineData("regexp_matches(name, name)", "regexp_matches")]
    [InlineData("regexp_replace(name, 'a', name)", "regexp_replace")]
    [InlineData("replace(name, 'a', name)", "replace")]
    [InlineData("lpad(name, a, ' ')", "lpad")]
    [InlineData("strftime(day, name)", "strftime")]
    [InlineData("lower()", "lower")]
    [InlineData("lower(name, name)", "lower")]
    [InlineData("a +", "no expression")]
    [InlineData("a) OR (b", "no expression")]
    [InlineData("'open", "no expression")]
    [InlineData("a /* open", "no expression")]
    [InlineData("", "empty")]
    [InlineData("  ", "empty")]
    [InlineData("a\0b", "code 0")]
    [InlineData("SELECT a", "no expression")]
    [InlineData("99999999999999999999999999", "digits")]
    [InlineData("ATTACH 'x'", "attach")]
    [InlineData("INTERVAL '1 day'", "INTERVAL")]
    public void What_would_leave_the_row_is_refused_by_name(string text, string part)
    {
        DatasetException refused = Assert.Throws<DatasetException>(() => Parse(text));

        Assert.Equal(DatasetReasons.BadExpression, refused.Reason);
        Assert.StartsWith("clean.filter: ", refused.Message, StringComparison.Ordinal);
        Assert.Contains(part, refused.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("(", "1", ")", 1900)]
    [InlineData("NOT ", "true", "", 900)]
    [InlineData("- ", "a", "", 1900)]
    [InlineData("abs(", "a", ")", 700)]
    [InlineData("1 + ", "1", "", 900)]
    [InlineData("[", "1", "]", 1900)]
    [InlineData("(SELECT ", "1", ")", 400)]
    [InlineData("CASE WHEN true THEN ", "1", " END", 150)]
    public void Deep_expressions_are_refused_and_crash_nothing(string open, string inner, string close, int depth)
    {
        string text = string.Concat(Enumerable.Repeat(open, depth)) + inner + string.Concat(Enumerable.Repeat(close, depth));

        // Parentheses alone leave no trace in the tree.
        if (open == "(")
            Assert.Equal("1", Parse(text).Sql);
        else
            Assert.Equal(DatasetReasons.BadExpression, Assert.Throws<DatasetException>(() => Parse(text)).Reason);
    }

    [Fact]
    public void A_text_that_grows_beyond_all_bounds_is_refused()
    {
        string bomb = "name";
        for (int i = 0; i < 8; i++)
            bomb = $"replace({bomb}, 'a', 'aaaaaaaaaa')";

        DatasetException refused = Assert.Throws<DatasetException>(() => Parse(bomb).CheckLengths(new Dictionary<int, long> { [2] = 20, [3] = 5 }));

        Assert.Contains("replace could make texts of", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lpad(name, 1000000000, ' ')")]
    [InlineData("regexp_replace(name, '.', '\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0', 'g')")]
    [InlineData("concat(name, name, name, name, name)")]
    public void Long_columns_may_not_grow_much(string text) =>
        Assert.Throws<DatasetException>(() => Parse(text).CheckLengths(new Dictionary<int, long> { [2] = 200_000 }));

    [Theory]
    [InlineData("concat(name, ' ', name)")]
    [InlineData("replace(left(name, 100), 'a', 'aaaaaaaaaa')")]
    [InlineData("substring(name, 1, 10)")]
    public void Usual_expressions_over_long_columns_are_fine(string text) =>
        Parse(text).CheckLengths(new Dictionary<int, long> { [2] = 2_000_000 });

    [Fact]
    public void Random_tokens_are_parsed_or_refused_and_never_more()
    {
        string[] tokens = ["a", "b", "name", "(", ")", ",", "+", "-", "*", "'x'", "1", "SELECT", "FROM", "lower", "CASE", "WHEN", "THEN", "END", "::", "INTEGER", ";", "--", "\n", "\"", "[", "]", "->", "AND", "NOT", "IN", "LIKE", "$1", "?", "{", "}", "NULL", ".", "OVER", "COLUMNS", "WITH"];
        var random = new Random(11);
        for (int i = 0; i < 3000; i++)
        {
            string text = string.Join(' ', Enumerable.Range(0, random.Next(1, 12)).Select(_ => tokens[random.Next(tokens.Length)]));
            try
            {
                ScalarExpression expression = Parse(text);
                // What was let through is one column over the table, whatever it was.
                using DuckDbStatement statement = _connection.Prepare($"SELECT {expression.Sql} FROM data");
            }
            catch (DatasetException refused)
            {
                Assert.Equal(DatasetReasons.BadExpression, refused.Reason);
            }
            catch (DuckDbException exception)
            {
                // Types are the engine's to judge: 'x' + a.
                Assert.DoesNotContain("Parser", exception.Message, StringComparison.Ordinal);
            }
        }
    }

    private ScalarExpression Parse(string text) => ScalarExpression.Parse(_connection, "clean.filter", text, Columns, CancellationToken.None);
}
