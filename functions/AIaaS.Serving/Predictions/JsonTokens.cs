using System.Text;
using System.Text.Json;

namespace AIaaS.Serving.Predictions;

/// <summary>The reader's token as it is written.</summary>
internal static class JsonTokens
{
    private static readonly double[] PowersOfTen = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

    /// <summary>Its length in bytes, which bounds the length of a string unescaped.</summary>
    public static int LengthOf(ref Utf8JsonReader reader) =>
        reader.HasValueSequence ? checked((int)reader.ValueSequence.Length) : reader.ValueSpan.Length;

    /// <summary>Its text, with a replacement character for each byte that is not valid UTF-8.</summary>
    public static string TextOf(ref Utf8JsonReader reader) =>
        reader.HasValueSequence ? Encoding.UTF8.GetString(reader.ValueSequence) : Encoding.UTF8.GetString(reader.ValueSpan);

    /// <summary>The reader's number; the same double as <see cref="Utf8JsonReader.GetDouble"/> gives, sooner for plain decimals.</summary>
    /// <remarks>
    /// Where the digits make an integer below 2^53 and the point moves them by at most 22 places, both that integer and the power of
    /// ten are doubles, so that one division rounds right (W. D. Clinger, "How to read floating point numbers accurately", 1990).
    /// </remarks>
    public static double NumberOf(ref Utf8JsonReader reader)
    {
        // Fifteen digits stay below 2^53.
        const int MostDigits = 15;
        var text = reader.ValueSpan;
        if (reader.HasValueSequence || text.Length > MostDigits + 2)
            return reader.GetDouble();
        var position = text[0] == '-' ? 1 : 0;
        long digits = 0;
        var (count, point) = (0, -1);
        for (; position < text.Length; position++)
        {
            var digit = text[position] - '0';
            if ((uint)digit <= 9)
            {
                digits = (digits * 10) + digit;
                count++;
            }
            else if (digit == '.' - '0')
            {
                point = count;
            }
            else
            {
                return reader.GetDouble();
            }
        }

        if (count > MostDigits)
            return reader.GetDouble();
        var number = point < 0 ? digits : digits / PowersOfTen[count - point];
        return text[0] == '-' ? -number : number;
    }
}
