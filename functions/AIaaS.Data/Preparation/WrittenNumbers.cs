using System.Text.RegularExpressions;
using AIaaS.Data.DuckDb;

namespace AIaaS.Data.Preparation;

/// <summary>How many values of a text column look like numbers, in which of the ways people write them. Tallies of several sources add up.</summary>
internal sealed partial class WrittenNumbers
{
    private const string Sign = "[-+−]?";
    private const string Currency = "[$€£¥₹₩₽₺₪฿₫₴₦]|USD|EUR|GBP|JPY|CHF|CNY|INR|SEK|NOK|DKK|PLN|CZK|CAD|AUD|kr|zł|Kč|Ft";
    private const string Space = "[ \u00A0\u202F]";
    private const string Whole = "(?:0|[1-9][0-9]*)";
    private const string Grouped = $"[1-9][0-9]{{0,2}}(?:(?:{Space}[0-9]{{3}})+|(?:['’][0-9]{{3}})+|";
    private const string PointNumber = $@"(?:{Grouped}(?:,[0-9]{{3}})+)(?:\.[0-9]+)?|{Whole}(?:\.[0-9]+)?|\.[0-9]+)";
    private const string CommaNumber = $@"(?:{Grouped}(?:\.[0-9]{{3}})+)(?:,[0-9]+)?|{Whole}(?:,[0-9]+)?)";
    private const string Before = $"(?:{Currency})?{Space}?";
    private const string After = $"{Space}?(?:%|{Currency})?";
    private const string Point = $@"{Sign}{Before}{Sign}{PointNumber}{After}|\({Before}{PointNumber}{After}\)";
    private const string Comma = $@"{Sign}{Before}{Sign}{CommaNumber}{After}|\({Before}{CommaNumber}{After}\)";

    private long _point;
    private long _comma;
    private long _either;
    private long _percents;
    private long _codes;
    private long _prefixed;
    private long _grouped;
    private long _plain;
    private long _separated;
    private long _leastDigits;
    private long _mostDigits;
    private string[] _currencies = [];

    private long Present { get; init; }

    /// <summary>Why amounts cannot be put into one column, whatever their points and commas mean; null where they can.</summary>
    public string? Mixture => _currencies.Length > 1
        ? "The amounts are in several currencies, so the column stays text. Convert them to one, and leave the sign out."
        : _percents > 0 && _percents < TypeRecovery.DecidingShare * Present
            ? "Some values are percentages and some are not, so the column stays text. Write all of them in one way."
            : null;

    /// <summary>Whether nearly all are numbers, though not whether commas or points are their decimals.</summary>
    public bool IsAmbiguous => _either >= TypeRecovery.DecidingShare * Present;

    public const string Ambiguity =
        "The commas or points could separate thousands or decimals, or do both, so the column stays text. Write the numbers without thousands separators, as in 1234.5.";

    /// <summary>
    /// Whether they are codes rather than numbers: with leading zeros, or digits alone, which stayed text because they are too long. Telephone numbers and
    /// addresses of machines look grouped too, but have as many digits in every row.
    /// </summary>
    public bool AreCodes => _codes > 0 || _plain == Present
        || (_currencies.Length == 0 && _percents == 0 && _grouped >= TypeRecovery.DecidingShare * Present && _leastDigits == _mostDigits);

    /// <summary>Whether a value that is no plain number is one written for people.</summary>
    public static bool IsOne(string value) => Pattern().IsMatch(value);

    public static WrittenNumbers Count(DuckDbConnection connection, TextColumn column, CancellationToken cancellationToken)
    {
        const string c = "v";
        string sign = $"nullif(regexp_extract({c}, {Sql.Literal(Currency)}), '')";
        string digits = $"length(regexp_replace({c}, '[^0-9]', '', 'g'))";
        using DuckDbResult result = connection.Query(
            $"""
            SELECT count({c}), count(*) FILTER ({Matches(c, Point)}), count(*) FILTER ({Matches(c, Comma)}), count(*) FILTER (suffix({c}, '%')),
                count(*) FILTER ({Matches(c, "[-+]?0[0-9]+")}), count(*) FILTER ({Matches(c, "[-+(]?[$£¥₹].*")}),
                count(*) FILTER ({Matches(c, $".*[0-9](?:[.'’]|{Space})[0-9]{{3}}.*")}), coalesce(min({digits}), 0), coalesce(max({digits}), 0),
                count(*) FILTER ({Matches(c, $"{Point}|{Comma}")}), count(*) FILTER ({Matches(c, "[-+]?[0-9]+")}), string_agg(DISTINCT {sign}, ' ' ORDER BY {sign}),
                count(*) FILTER (regexp_matches({c}, '[.,]'))
            FROM {column.From}
            """, cancellationToken);
        result.Read();
        return new()
        {
            Present = result.Vector(0).Int64(0),
            _point = result.Vector(1).Int64(0),
            _comma = result.Vector(2).Int64(0),
            _percents = result.Vector(3).Int64(0),
            _codes = result.Vector(4).Int64(0),
            _prefixed = result.Vector(5).Int64(0),
            _grouped = result.Vector(6).Int64(0),
            _leastDigits = result.Vector(7).Int64(0),
            _mostDigits = result.Vector(8).Int64(0),
            _either = result.Vector(9).Int64(0),
            _plain = result.Vector(10).Int64(0),
            _currencies = result.Vector(11).IsValid(0) ? result.Vector(11).Text(0).Split(' ') : [],
            _separated = result.Vector(12).Int64(0),
        };
    }

    /// <summary>What a column that was read as numbers says of the same column in other sources.</summary>
    public static WrittenNumbers Plain(long present, bool areIntegers) =>
        new() { Present = present, _point = present, _comma = areIntegers ? present : 0, _either = present, _separated = areIntegers ? 0 : present };

    public static WrittenNumbers operator +(WrittenNumbers a, WrittenNumbers b) => new()
    {
        Present = a.Present + b.Present,
        _point = a._point + b._point,
        _comma = a._comma + b._comma,
        _percents = a._percents + b._percents,
        _prefixed = a._prefixed + b._prefixed,
        _either = a._either + b._either,
        _grouped = a._grouped + b._grouped,
        _separated = a._separated + b._separated,
        _currencies = [.. a._currencies.Union(b._currencies)],
    };

    /// <summary>Whether points are the decimals, else commas; null where neither rules the other out.</summary>
    public bool? HasPoints()
    {
        // A leading dollar, pound, yen or rupee sign goes with decimal points wherever it is used. Without points and commas nothing is open.
        bool isSettled = _prefixed > 0 || (_separated == 0 && (_grouped < Present || _currencies.Length > 0));
        return TypeRecovery.Decide(Present, _point, _comma) ?? (_point == _comma && _point >= TypeRecovery.DecidingShare * Present && isSettled ? true : null);
    }

    /// <summary>Reads the column as numbers of that kind.</summary>
    public Recovery Read(DuckDbConnection connection, TextColumn column, bool hasPoints, CancellationToken cancellationToken)
    {
        string pattern = hasPoints ? Point : Comma;
        string Value(string c)
        {
            string bare = hasPoints ? $"regexp_replace({c}, '[^0-9.]', '', 'g')" : $"replace(regexp_replace({c}, '[^0-9,]', '', 'g'), ',', '.')";
            return $"CASE WHEN {Matches(c, pattern)} THEN CASE WHEN regexp_matches({c}, '[-−(]') THEN -1 ELSE 1 END * TRY_CAST({bare} AS DOUBLE) END";
        }
        bool isInteger = connection.QueryInt64(
            $"SELECT count(*) FROM (SELECT {Value("v")} AS n FROM {column.From}) WHERE n <> trunc(n) OR abs(n) >= 9007199254740992", cancellationToken) == 0;
        string[] leftOut = [.. new[] { hasPoints ? null : "decimal commas", _currencies is [var currency, ..] ? $"the sign {currency}" : null, _percents > 0 ? "percent signs (12% becomes 12)" : null }.OfType<string>()];
        return new(column, isInteger ? "BIGINT" : "DOUBLE", Value, Present, Present - (hasPoints ? _point : _comma), "recover-numbers", "not-a-number",
            $"read as numbers{(leftOut.Length == 0 ? ", thousands separators left out" : $": {string.Join(", ", leftOut)}")}");
    }

    private static string Matches(string column, string pattern) => $"regexp_full_match({column}, {Sql.Literal(pattern)})";

    [GeneratedRegex($@"\A(?:{Point}|{Comma})\z", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Pattern();
}
