using System.Globalization;
using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Data.Reports;

/// <summary>Figures as people read them.</summary>
internal static class Words
{
    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    public static string Count(long count, string one, string many) => $"{Count(count)} {(count == 1 ? one : many)}";

    /// <summary>A share in percent; what is not quite nothing, or not quite all, does not look so.</summary>
    public static string Percent(double share)
    {
        if (!double.IsFinite(share))
            return "–";
        if (share is > 0 and < 0.001)
            return "< 0.1%";
        if (share is > 0.999 and < 1)
            return "> 99.9%";
        return share is 0 or 1 || share >= 0.1
            ? (share * 100).ToString("0.#", CultureInfo.InvariantCulture) + "%"
            : (share * 100).ToString("0.0", CultureInfo.InvariantCulture) + "%";
    }

    public static string Number(double value)
    {
        double size = Math.Abs(value);
        if (size is >= 1e15 or (> 0 and < 1e-4))
            return value.ToString("0.###e+0", CultureInfo.InvariantCulture);
        if (value == Math.Truncate(value) || size >= 10_000)
            return value.ToString("N0", CultureInfo.InvariantCulture);
        // Four digits that count.
        int decimals = Math.Clamp(3 - (int)Math.Floor(Math.Log10(size)), 0, 8);
        return value.ToString("0." + new string('#', decimals), CultureInfo.InvariantCulture);
    }

    /// <summary>A value of a histogram's axis.</summary>
    public static string Axis(ColumnProfile column, double value)
    {
        if (column.Kind != ColumnKind.Datetime || column.Histogram is not { } histogram)
            return Number(value);
        bool days = histogram.Edges[^1] - histogram.Edges[0] >= 20 * 86_400;
        double seconds = Math.Clamp(value, -62_135_596_800, 253_402_300_799);
        return DateTime.UnixEpoch.AddSeconds(seconds).ToString(days ? "yyyy-MM-dd" : "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
    }

    public static string Value(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number when value.TryGetDouble(out double number) => Number(number),
        JsonValueKind.String => Time(value.GetString()!),
        _ => value.ToString(),
    };

    public static string Kind(ColumnKind kind) => kind switch
    {
        ColumnKind.Datetime => "date or time",
        ColumnKind.Json => "JSON",
        _ => kind.ToString().ToLowerInvariant(),
    };

    public static string Measure(AssociationMeasure measure) => measure switch
    {
        AssociationMeasure.Pearson => "Pearson correlation",
        AssociationMeasure.CorrelationRatio => "correlation ratio",
        _ => "Cramér’s V",
    };

    /// <summary>An enumeration's name as words: <c>OutOfRange</c> is "out of range".</summary>
    public static string Of<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString()).Replace('-', ' ');

    private static string Time(string text) =>
        text.EndsWith("T00:00:00Z", StringComparison.Ordinal) ? text[..^10] : text;
}
