using System.Globalization;
using System.Text.Json;

namespace AIaaS.Serving.Predictions;

/// <summary>Times in requests.</summary>
internal static class Timestamps
{
    // As RFC 3339 allows for readability, and as data files and databases write them.
    private static readonly string[] WithSpace = ["yyyy-MM-dd HH:mm:ss.FFFFFFFK", "yyyy-MM-dd HH:mmK"];

    /// <summary>Reads RFC 3339 (and ISO 8601 dates); without an offset a time is in UTC, as in preparation.</summary>
    /// <param name="reader">At a string.</param>
    /// <param name="seconds">Seconds since 1970-01-01T00:00:00Z.</param>
    public static bool TryRead(ref Utf8JsonReader reader, out double seconds)
    {
        seconds = 0;
        if (!TryReadIso(ref reader, out var utc) && !TryReadWithSpace(ref reader, out utc))
            return false;
        seconds = (utc - DateTime.UnixEpoch).TotalSeconds;
        return true;
    }

    private static bool TryReadIso(ref Utf8JsonReader reader, out DateTime utc)
    {
        try
        {
            // A time with an offset comes in this machine's time zone, which may have had that hour twice.
            if (!reader.TryGetDateTime(out utc))
                return false;
            if (utc.Kind == DateTimeKind.Local && reader.TryGetDateTimeOffset(out var exact))
                utc = exact.UtcDateTime;
            return true;
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair, escaped.
            utc = default;
            return false;
        }
    }

    private static bool TryReadWithSpace(ref Utf8JsonReader reader, out DateTime utc)
    {
        utc = default;
        return JsonTokens.LengthOf(ref reader) <= 40 && DateTime.TryParseExact(
            JsonTokens.TextOf(ref reader), WithSpace, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out utc);
    }
}
