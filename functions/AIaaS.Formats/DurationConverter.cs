using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AIaaS.Formats;

/// <summary>Durations as people write them: <c>30s</c>, <c>10m</c>, <c>1h30m</c>, <c>7d</c>; whole numbers with units from large to small.</summary>
public sealed class DurationConverter : JsonConverter<TimeSpan>
{
    private static readonly (char Unit, TimeSpan Length)[] Units =
        [('d', TimeSpan.FromDays(1)), ('h', TimeSpan.FromHours(1)), ('m', TimeSpan.FromMinutes(1)), ('s', TimeSpan.FromSeconds(1))];

    public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType is JsonTokenType.String && Parse(reader.GetString()!) is { } duration
            ? duration
            : throw new JsonException("A duration is a text such as '30s', '10m' or '1h30m'.");

    public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) => writer.WriteStringValue(Format(value));

    /// <returns>Null where the text is no duration.</returns>
    public static TimeSpan? Parse(string text)
    {
        var total = TimeSpan.Zero;
        var next = 0;
        for (var rest = text.AsSpan(); !rest.IsEmpty;)
        {
            var digits = rest.IndexOfAnyExceptInRange('0', '9');
            if (digits is < 1 or > 9)
                return null;
            var letter = rest[digits];
            var unit = Array.FindIndex(Units, next, u => u.Unit == letter);
            if (unit < 0)
                return null;
            var count = int.Parse(rest[..digits], NumberStyles.None, CultureInfo.InvariantCulture);
            if (count > (TimeSpan.MaxValue - total) / Units[unit].Length)
                return null;
            total += count * Units[unit].Length;
            next = unit + 1;
            rest = rest[(digits + 1)..];
        }

        return next == 0 ? null : total;
    }

    public static string Format(TimeSpan value)
    {
        var parts = new List<string>();
        foreach (var (unit, length) in Units)
        {
            var count = (long)(value / length);
            value -= count * length;
            if (count > 0)
                parts.Add(string.Create(CultureInfo.InvariantCulture, $"{count}{unit}"));
        }

        return parts.Count > 0 ? string.Concat(parts) : "0s";
    }
}
