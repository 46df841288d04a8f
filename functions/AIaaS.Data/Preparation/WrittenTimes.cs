using System.Text.RegularExpressions;
using AIaaS.Data.DuckDb;

namespace AIaaS.Data.Preparation;

/// <summary>How many values of a text column are times in each of the ways people write them. Tallies of several sources add up.</summary>
internal sealed partial class WrittenTimes
{
    public const string Ambiguity = "The dates could be day/month or month/day in every row, or are mixed, so the column stays text. Write them as in 2024-05-31.";

    private static readonly string[] Times = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S"];

    private static readonly DateOrder[] Orders =
    [
        new("day/month/year", @"[0-9]{1,2}([/.-])[0-9]{1,2}[/.-][0-9]{4}", ["%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y"]),
        new("month/day/year", @"[0-9]{1,2}([/-])[0-9]{1,2}[/-][0-9]{4}", ["%m/%d/%Y", "%m-%d-%Y"]),
        new("year/month/day", @"[0-9]{4}[/.][0-9]{1,2}[/.][0-9]{1,2}", ["%Y/%m/%d", "%Y.%m.%d"]),
        new("with the month's name", "[0-9]{1,2}[ -][A-Za-z]{3,9}[ ,-]{1,2}[0-9]{4}|[A-Za-z]{3,9} [0-9]{1,2},? [0-9]{4}",
            ["%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%d-%B-%Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y"]),
    ];

    private readonly long _present;
    private readonly long _dotted;
    private readonly long[] _ofOrder;

    private WrittenTimes(long present, long dotted, long[] ofOrder) => (_present, _dotted, _ofOrder) = (present, dotted, ofOrder);

    /// <summary>Whether nearly all are times, though days and months may be either way round.</summary>
    public bool AreTimes => _ofOrder.Max() >= TypeRecovery.DecidingShare * _present;

    /// <summary>Whether a value may be a time.</summary>
    public static bool IsOne(string value) => Pattern().IsMatch(value);

    public static WrittenTimes Count(DuckDbConnection connection, TextColumn column, CancellationToken cancellationToken)
    {
        using DuckDbResult result = connection.Query(
            $"""
            SELECT count(v), count(*) FILTER (regexp_full_match(v, '[0-9]{"{1,2}"}\..*')), {string.Join(", ", Orders.Select(order => $"count({order.Parse("v")})"))}
            FROM {column.From}
            """, cancellationToken);
        result.Read();
        return new(result.Vector(0).Int64(0), result.Vector(1).Int64(0), [.. Enumerable.Range(0, Orders.Length).Select(i => result.Vector(2 + i).Int64(0))]);
    }

    public static WrittenTimes operator +(WrittenTimes a, WrittenTimes b) =>
        new(a._present + b._present, a._dotted + b._dotted, [.. a._ofOrder.Zip(b._ofOrder, (x, y) => x + y)]);

    /// <summary>The order that nearly all values have; null where there is none, or two.</summary>
    public int? Order()
    {
        int best = Array.IndexOf(_ofOrder, _ofOrder.Max());
        bool isEither = best < 2 && TypeRecovery.Decide(_present, _ofOrder[0], _ofOrder[1]) is null && _dotted < _present;
        return AreTimes && !isEither ? best : null;
    }

    /// <summary>Reads the column as times in that order.</summary>
    public Recovery Read(DuckDbConnection connection, TextColumn column, int order, CancellationToken cancellationToken)
    {
        bool isDate = connection.QueryInt64($"SELECT count(*) FROM (SELECT {Orders[order].Parse("v")} AS t FROM {column.From}) WHERE t::DATE <> t", cancellationToken) == 0;
        return new(column, isDate ? "DATE" : "TIMESTAMP", Orders[order].Parse, _present, _present - _ofOrder[order], "recover-times", "not-a-time", $"read as times, {Orders[order].Name}");
    }

    [GeneratedRegex(@"\A(?:[0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]{1,4}|[0-9]{1,2}[ -][A-Za-z]{3,9}[ ,-]{1,2}[0-9]{4}|[A-Za-z]{3,9} [0-9]{1,2},? [0-9]{4})(?:[ T][0-9]{1,2}:.*)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();

    /// <summary>A way to write a date.</summary>
    /// <param name="Name">For people.</param>
    /// <param name="Pattern">What it looks like, without a time.</param>
    /// <param name="Formats">In the words of <c>strptime</c>.</param>
    private sealed record DateOrder(string Name, string Pattern, string[] Formats)
    {
        public string Parse(string column) =>
            $"CASE WHEN regexp_full_match({column}, {Sql.Literal($"(?:{Pattern})(?:[ T].*)?")}) THEN try_strptime({column}, {Sql.List(Formats.SelectMany(format => Times.Select(time => format + time)))}) END";
    }
}
