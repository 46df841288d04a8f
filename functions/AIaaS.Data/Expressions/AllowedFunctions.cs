namespace AIaaS.Data.Expressions;

/// <summary>How long a function's result may be, in terms of its arguments.</summary>
internal enum TextGrowth
{
    /// <summary>No text, or a short one.</summary>
    Short,

    /// <summary>No longer than its first argument.</summary>
    First,

    /// <summary>No longer than its longest argument.</summary>
    Longest,

    /// <summary>As long as its arguments together.</summary>
    Sum,

    /// <summary>As often its separator as there are arguments, and the arguments.</summary>
    Joined,

    /// <summary>Its second argument says.</summary>
    Padded,

    /// <summary>Its second argument may become the third everywhere.</summary>
    Replaced,

    /// <summary>The same, for a pattern.</summary>
    PatternReplaced,
}

/// <param name="Fewest">Arguments at least.</param>
/// <param name="Most">Arguments at most.</param>
/// <param name="Growth">How long its result may be.</param>
/// <param name="Constants">The arguments that must be written out, a bit for each: what costs time or memory must be known beforehand.</param>
internal sealed record AllowedFunction(int Fewest, int Most, TextGrowth Growth = TextGrowth.Short, int Constants = 0);

/// <summary>
/// The functions of expressions: of one row, without effects, the same each time, and linear in what they are given. Everything else is
/// refused, so that a new version of the engine brings nothing that nobody looked at.
/// </summary>
internal static class AllowedFunctions
{
    private const int Many = 50;

    /// <summary>Operators, which are functions in the tree, by the number of their arguments.</summary>
    public static readonly IReadOnlyDictionary<string, AllowedFunction> Operators = new Dictionary<string, AllowedFunction>
    {
        ["+"] = new(1, 2),
        ["-"] = new(1, 2),
        ["*"] = new(2, 2),
        ["/"] = new(2, 2),
        ["//"] = new(2, 2),
        ["%"] = new(2, 2),
        ["^"] = new(2, 2),
        ["**"] = new(2, 2),
        ["||"] = new(2, 2, TextGrowth.Sum),
    };

    public static readonly IReadOnlyDictionary<string, AllowedFunction> ByName = Describe();

    /// <summary>Names that people try, and why they are not there.</summary>
    public static string? WhyNot(string name) => name switch
    {
        "sum" or "avg" or "mean" or "count" or "min" or "max" or "median" or "mode" or "stddev" or "variance" or "first" or "last" or "any_value" or "string_agg" or "quantile"
            => "it is about several rows, and an expression sees one",
        "random" or "setseed" or "uuid" or "gen_random_uuid" or "now" or "today" or "current_timestamp" or "current_date" or "current_time" or "get_current_time"
            or "get_current_timestamp" or "transaction_timestamp" or "nextval" or "currval" or "txid_current"
            => "it gives another value each time",
        "repeat" or "range" or "generate_series" or "format" or "printf" or "list_value" or "struct_pack" or "map" or "unnest" => "it may make values of any size",
        _ => null,
    };

    private static Dictionary<string, AllowedFunction> Describe()
    {
        var functions = new Dictionary<string, AllowedFunction>(StringComparer.OrdinalIgnoreCase);
        Add("abs sign ceil ceiling floor sqrt cbrt exp ln log2 log10 sin cos tan asin acos atan degrees radians isnan isinf isfinite", new(1, 1));
        Add("round trunc log", new(1, 2));
        Add("pow power mod atan2", new(2, 2));
        Add("pi", new(0, 0));
        Add("greatest least", new(1, Many, TextGrowth.Longest));
        Add("nullif", new(2, 2, TextGrowth.First));
        Add("ifnull", new(2, 2, TextGrowth.Longest));

        Add("length len strlen ascii unicode md5 sha256", new(1, 1));
        Add("lower upper lcase ucase reverse", new(1, 1, TextGrowth.First));
        Add("trim ltrim rtrim", new(1, 2, TextGrowth.First));
        Add("left right", new(2, 2, TextGrowth.First));
        Add("substr substring", new(2, 3, TextGrowth.First));
        Add("split_part", new(3, 3, TextGrowth.First));
        Add("translate", new(3, 3, TextGrowth.First));
        Add("contains starts_with ends_with prefix suffix instr strpos position", new(2, 2));
        Add("concat", new(1, Many, TextGrowth.Sum));
        Add("concat_ws", new(2, Many, TextGrowth.Joined));
        Add("lpad rpad", new(3, 3, TextGrowth.Padded, Constants: 0b110));
        Add("replace", new(3, 3, TextGrowth.Replaced, Constants: 0b110));
        Add("regexp_matches regexp_full_match", new(2, 3, Constants: 0b110));
        Add("regexp_extract", new(2, 4, TextGrowth.First, Constants: 0b1110));
        Add("regexp_replace", new(3, 4, TextGrowth.PatternReplaced, Constants: 0b1110));

        Add("year month day dayofmonth dayofweek isodow dayofyear week weekofyear quarter hour minute second millisecond epoch dayname monthname last_day", new(1, 1));
        Add("date_part datepart date_trunc datetrunc", new(2, 2, Constants: 0b1));
        Add("date_diff datediff date_sub datesub", new(3, 3, Constants: 0b1));
        Add("date_add", new(2, 2));
        Add("strftime strptime try_strptime", new(2, 2, Constants: 0b10));
        Add("make_date", new(3, 3));
        Add("make_timestamp", new(6, 6));
        Add("to_years to_months to_weeks to_days to_hours to_minutes to_seconds", new(1, 1));
        return functions;

        void Add(string names, AllowedFunction function)
        {
            foreach (string name in names.Split(' '))
                functions.Add(name, function);
        }
    }
}
