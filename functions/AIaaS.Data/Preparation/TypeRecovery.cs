using System.Globalization;
using System.Text.RegularExpressions;
using AIaaS.Data.DuckDb;
using AIaaS.Formats;

namespace AIaaS.Data.Preparation;

/// <summary>
/// Makes numbers and times of text columns of delimited files that were written for people: thousands separators, currency and
/// percent signs, decimal commas, dates other than ISO 8601. How a column is written is decided over all of its values; what
/// could be read in two ways stays text and is reported.
/// </summary>
internal sealed partial class TypeRecovery(PreparationContext context)
{
    private const int Batch = 50;
    private const int SampleRows = 20_000;
    private const int SampleValues = 100;

    /// <summary>The share of values that decides a column's type, as when delimited files are read; the rows of the others are quarantined.</summary>
    private const double DecidingShare = 0.99;

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

    private static readonly string[] Times = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S"];

    private static readonly DateOrder[] DateOrders =
    [
        new("day/month/year", @"[0-9]{1,2}([/.-])[0-9]{1,2}[/.-][0-9]{4}", ["%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y"]),
        new("month/day/year", @"[0-9]{1,2}([/-])[0-9]{1,2}[/-][0-9]{4}", ["%m/%d/%Y", "%m-%d-%Y"]),
        new("year/month/day", @"[0-9]{4}[/.][0-9]{1,2}[/.][0-9]{1,2}", ["%Y/%m/%d", "%Y.%m.%d"]),
        new("with the month's name", "[0-9]{1,2}[ -][A-Za-z]{3,9}[ ,-]{1,2}[0-9]{4}|[A-Za-z]{3,9} [0-9]{1,2},? [0-9]{4}",
            ["%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%d-%B-%Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y"]),
    ];

    public void Recover(IReadOnlyList<int> columns)
    {
        var numbers = new List<int>();
        var dates = new List<int>();
        foreach (int[] batch in columns.Chunk(Batch))
            Sort(batch, numbers, dates);
        foreach (int column in numbers)
            RecoverNumber(column);
        foreach (int column in dates)
            RecoverDate(column);
    }

    /// <summary>Whether a value that is no plain number is one written for people.</summary>
    public static bool IsWrittenForPeople(string value) => NumberPattern().IsMatch(value);

    /// <summary>Finds the columns that are worth a look by some of their values.</summary>
    private void Sort(int[] batch, List<int> numbers, List<int> dates)
    {
        int[] seen = new int[batch.Length], numberLike = new int[batch.Length], dateLike = new int[batch.Length];
        string list = string.Join(", ", batch.Select(i => Invariant($"c{i}")));
        using (DuckDbResult result = context.Connection.Query(Invariant($"SELECT {list} FROM {context.Table.Table} LIMIT {SampleRows}"), context.CancellationToken))
        {
            while (result.Read())
            {
                for (int i = 0; i < batch.Length; i++)
                {
                    DuckDbVector vector = result.Vector(i);
                    for (int row = 0; row < vector.Count && seen[i] < SampleValues; row++)
                    {
                        if (!vector.IsValid(row))
                            continue;
                        string value = vector.Text(row);
                        seen[i]++;
                        numberLike[i] += NumberPattern().IsMatch(value) ? 1 : 0;
                        dateLike[i] += DatePattern().IsMatch(value) ? 1 : 0;
                    }
                }
            }
        }
        numbers.AddRange(batch.Where((_, i) => seen[i] > 0 && numberLike[i] >= 0.9 * seen[i]));
        dates.AddRange(batch.Where((_, i) => seen[i] > 0 && dateLike[i] >= 0.9 * seen[i]));
    }

    private void RecoverNumber(int column)
    {
        string c = Invariant($"c{column}");
        string name = context.Table.Columns[column].Name;
        string sign = $"nullif(regexp_extract({c}, {Sql.Literal(Currency)}), '')";
        string digits = $"length(regexp_replace({c}, '[^0-9]', '', 'g'))";
        long present, point, comma, either, percents, codes, signs, prefixed, grouped, leastDigits, mostDigits;
        string? currency;
        using (DuckDbResult result = context.Connection.Query(
            $"""
            SELECT count({c}), count(*) FILTER ({Matches(c, Point)}), count(*) FILTER ({Matches(c, Comma)}), count(*) FILTER (suffix({c}, '%')),
                count(*) FILTER ({Matches(c, "[-+]?0[0-9]+")}), count(DISTINCT {sign}), min({sign}), count(*) FILTER ({Matches(c, "[-+(]?[$£¥₹].*")}),
                count(*) FILTER ({Matches(c, $".*[0-9](?:[.'’]|{Space})[0-9]{{3}}.*")}), min({digits}), max({digits}), count(*) FILTER ({Matches(c, $"{Point}|{Comma}")})
            FROM {context.Table.Table}
            """, context.CancellationToken))
        {
            result.Read();
            present = result.Vector(0).Int64(0);
            point = result.Vector(1).Int64(0);
            comma = result.Vector(2).Int64(0);
            percents = result.Vector(3).Int64(0);
            codes = result.Vector(4).Int64(0);
            signs = result.Vector(5).Int64(0);
            currency = result.Vector(6).IsValid(0) ? result.Vector(6).Text(0) : null;
            prefixed = result.Vector(7).Int64(0);
            grouped = result.Vector(8).Int64(0);
            leastDigits = result.Vector(9).Int64(0);
            mostDigits = result.Vector(10).Int64(0);
            either = result.Vector(11).Int64(0);
        }
        // Telephone numbers and addresses of machines look grouped too, but have as many digits in every row.
        if (codes > 0 || (currency is null && percents == 0 && grouped >= DecidingShare * present && leastDigits == mostDigits))
            return;
        if (signs > 1)
        {
            Report(name, "The amounts are in several currencies, so the column stays text. Convert them to one, and leave the sign out.");
            return;
        }
        if (percents > 0 && percents < DecidingShare * present)
        {
            Report(name, "Some values are percentages and some are not, so the column stays text. Write all of them in one way.");
            return;
        }
        // A leading dollar, pound, yen or rupee sign goes with decimal points wherever it is used.
        bool? isPoint = Decide(present, point, comma) ?? (point == comma && point >= DecidingShare * present && prefixed > 0 ? true : null);
        if (isPoint is null)
        {
            if (either >= DecidingShare * present)
                Report(name, "The commas or points could separate thousands or decimals, or do both, so the column stays text. Write the numbers without thousands separators, as in 1234.5.");
            return;
        }
        string pattern = isPoint.Value ? Point : Comma;
        string bare = isPoint.Value ? $"regexp_replace({c}, '[^0-9.]', '', 'g')" : $"replace(regexp_replace({c}, '[^0-9,]', '', 'g'), ',', '.')";
        string value = $"CASE WHEN {Matches(c, pattern)} THEN CASE WHEN regexp_matches({c}, '[-−(]') THEN -1 ELSE 1 END * TRY_CAST({bare} AS DOUBLE) END";
        bool isInteger = context.Connection.QueryInt64(
            $"SELECT count(*) FROM (SELECT {value} AS v FROM {context.Table.Table}) WHERE v <> trunc(v) OR abs(v) >= 9007199254740992", context.CancellationToken) == 0;
        string[] signsLeftOut = [.. new[] { isPoint.Value ? null : "decimal commas", currency is null ? null : $"the sign {currency}", percents > 0 ? "percent signs (12% becomes 12)" : null }.OfType<string>()];
        Retype(column, value, isInteger ? "BIGINT" : "DOUBLE", "recover-numbers", "not-a-number",
            $"read as numbers{(signsLeftOut.Length == 0 ? ", thousands separators left out" : $": {string.Join(", ", signsLeftOut)}")}");
    }

    private void RecoverDate(int column)
    {
        string c = Invariant($"c{column}");
        string name = context.Table.Columns[column].Name;
        string[] parsed = [.. DateOrders.Select(order => order.Parse(c))];
        long[] counts = new long[parsed.Length];
        long present, dotted;
        using (DuckDbResult result = context.Connection.Query(
            $"SELECT count({c}), count(*) FILTER ({Matches(c, @"[0-9]{1,2}\..*")}), {string.Join(", ", parsed.Select(expression => $"count({expression})"))} FROM {context.Table.Table}", context.CancellationToken))
        {
            result.Read();
            present = result.Vector(0).Int64(0);
            dotted = result.Vector(1).Int64(0);
            for (int i = 0; i < counts.Length; i++)
                counts[i] = result.Vector(2 + i).Int64(0);
        }
        int best = Array.IndexOf(counts, counts.Max());
        if (counts[best] < DecidingShare * present)
            return;
        if (best < 2 && Decide(present, counts[0], counts[1]) is null && dotted < present)
        {
            Report(name, "The dates could be day/month or month/day in every row, or are mixed, so the column stays text. Write them as in 2024-05-31.");
            return;
        }
        bool isDate = context.Connection.QueryInt64($"SELECT count(*) FROM (SELECT {parsed[best]} AS v FROM {context.Table.Table}) WHERE v::DATE <> v", context.CancellationToken) == 0;
        Retype(column, parsed[best], isDate ? "DATE" : "TIMESTAMP", "recover-times", "not-a-time", $"read as times, {DateOrders[best].Name}");
    }

    /// <summary>True for the first way of reading, false for the second, null where neither rules the other out.</summary>
    private static bool? Decide(long present, long first, long second)
    {
        long most = Math.Max(first, second), least = Math.Min(first, second);
        return most >= DecidingShare * present && least < most && (most == present || least < DecidingShare * present) ? first > second : null;
    }

    private void Retype(int column, string value, string type, string step, string reason, string what)
    {
        PreparedColumn old = context.Table.Columns[column];
        long before = context.CountRows();
        long rejected = RejectedRows.Move(context, $"c{column.ToString(CultureInfo.InvariantCulture)} IS NOT NULL AND ({value}) IS NULL", reason, old.Name);
        context.Connection.Execute(Invariant($"ALTER TABLE {context.Table.Table} ALTER c{column} TYPE {type} USING ({value})::{type}"), context.CancellationToken);
        PreparedColumn[] columns = [.. context.Table.Columns];
        columns[column] = old with { Type = type };
        context.Table = context.Table with { Columns = columns };
        long present = context.Connection.QueryInt64(Invariant($"SELECT count(c{column}) FROM {context.Table.Table}"), context.CancellationToken);
        context.Steps.Add(new(step, before, before - rejected,
            Invariant($"{old.Name}: {present} values {what}{(rejected > 0 ? Invariant($"; put aside {rejected} rows whose value is none") : "")}.")));
    }

    private void Report(string column, string detail) => context.Findings.Add(new(Severity.Warning, column, detail));

    private static string Matches(string column, string pattern) => $"regexp_full_match({column}, {Sql.Literal(pattern)})";

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex($@"\A(?:{Point}|{Comma})\z", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex NumberPattern();

    [GeneratedRegex(@"\A(?:[0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]{1,4}|[0-9]{1,2}[ -][A-Za-z]{3,9}[ ,-]{1,2}[0-9]{4}|[A-Za-z]{3,9} [0-9]{1,2},? [0-9]{4})(?:[ T][0-9]{1,2}:.*)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex DatePattern();

    /// <summary>A way to write a date.</summary>
    /// <param name="Name">For people.</param>
    /// <param name="Pattern">What it looks like, without a time.</param>
    /// <param name="Formats">In the words of <c>strptime</c>.</param>
    private sealed record DateOrder(string Name, string Pattern, string[] Formats)
    {
        public string Parse(string column) =>
            $"CASE WHEN {Matches(column, $"(?:{Pattern})(?:[ T].*)?")} THEN try_strptime({column}, {Sql.List(Formats.SelectMany(format => Times.Select(time => format + time)))}) END";
    }
}
