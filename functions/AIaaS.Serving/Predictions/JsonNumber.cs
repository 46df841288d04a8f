using System.Buffers.Text;

namespace AIaaS.Serving.Predictions;

/// <summary>Numbers as JSON writes them, to the nearest double.</summary>
internal static class JsonNumber
{
    private static readonly double[] PowersOfTen = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14];

    /// <summary>Reads the number that a text begins with; infinity where no double is as large.</summary>
    /// <returns>Its length in bytes, 0 where the text begins with none that JSON has.</returns>
    /// <remarks>
    /// Where the digits make an integer below 2^53 and the point moves them by at most 22 places, both that integer and the power of
    /// ten are doubles, so that one division rounds right (W. D. Clinger, "How to read floating point numbers accurately", 1990).
    /// </remarks>
    public static int Read(ReadOnlySpan<byte> text, out double number)
    {
        // Fifteen digits stay below 2^53.
        const int MostDigits = 15;
        number = 0;
        var position = text is [(byte)'-', ..] ? 1 : 0;
        var begin = position;
        long digits = 0;
        for (; position < text.Length && (uint)(text[position] - '0') is <= 9 and var digit; position++)
            digits = (digits * 10) + digit;
        var count = position - begin;
        if (count == 0 || (count > 1 && text[begin] == '0'))
            return 0;
        var decimals = 0;
        if (position < text.Length && text[position] == '.')
        {
            var point = ++position;
            for (; position < text.Length && (uint)(text[position] - '0') is <= 9 and var digit; position++)
                digits = (digits * 10) + digit;
            decimals = position - point;
            if (decimals == 0)
                return 0;
        }

        if (position < text.Length && (text[position] | 0x20) == 'e')
            return ReadExponent(text, position + 1, out number);
        if (count + decimals > MostDigits)
            return Parse(text[..position], out number);
        var magnitude = decimals == 0 ? digits : digits / PowersOfTen[decimals];
        number = begin == 0 ? magnitude : -magnitude;
        return position;
    }

    private static int ReadExponent(ReadOnlySpan<byte> text, int position, out double number)
    {
        if (position < text.Length && text[position] is (byte)'+' or (byte)'-')
            position++;
        var end = position;
        while (end < text.Length && (uint)(text[end] - '0') <= 9)
            end++;
        number = 0;
        return end == position ? 0 : Parse(text[..end], out number);
    }

    private static int Parse(ReadOnlySpan<byte> text, out double number) =>
        Utf8Parser.TryParse(text, out number, out var length) && length == text.Length ? length : 0;
}
