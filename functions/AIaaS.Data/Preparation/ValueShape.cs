namespace AIaaS.Data.Preparation;

/// <summary>What one field of a delimited file can be read as.</summary>
[Flags]
internal enum ValueShapes
{
    None = 0,
    Number = 1,

    /// <summary>A number written without fraction or exponent, of at most 15 digits (exact as a double).</summary>
    Integer = 2,
    Boolean = 4,

    /// <summary>An ISO 8601 date, with or without a time.</summary>
    Datetime = 8,

    /// <summary>Digits that are a code and no quantity: a leading zero, or more digits than a double holds.</summary>
    Code = 16,
}

internal static class ValueShape
{
    /// <summary>Classifies a field without surrounding blanks; what it accepts, DuckDB's casts accept.</summary>
    public static ValueShapes Of(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty)
            return ValueShapes.None;
        byte first = (byte)(text[0] | 0x20);
        if (first is (byte)'t' or (byte)'f')
            return Matches(text, "true"u8) || Matches(text, "false"u8) ? ValueShapes.Boolean : ValueShapes.None;
        if (IsDigit(text[0]) && text.Length >= 8 && IsDatetime(text))
            return ValueShapes.Datetime;
        return OfNumber(text);
    }

    private static ValueShapes OfNumber(ReadOnlySpan<byte> text)
    {
        ReadOnlySpan<byte> rest = text[0] is (byte)'+' or (byte)'-' ? text[1..] : text;
        if (Matches(rest, "inf"u8) || Matches(rest, "infinity"u8))
            return ValueShapes.Number;
        int digits = Digits(ref rest, out bool leadingZero);
        if (rest.IsEmpty)
        {
            return digits == 0 ? ValueShapes.None
                : leadingZero || digits > 15 ? ValueShapes.Code
                : ValueShapes.Number | ValueShapes.Integer;
        }
        if (rest[0] == '.')
        {
            rest = rest[1..];
            digits += Digits(ref rest, out _);
        }
        if (digits == 0 || leadingZero)
            return ValueShapes.None;
        if (!rest.IsEmpty && rest[0] is (byte)'e' or (byte)'E')
        {
            rest = rest[1..];
            if (!rest.IsEmpty && rest[0] is (byte)'+' or (byte)'-')
                rest = rest[1..];
            if (Digits(ref rest, out _) == 0)
                return ValueShapes.None;
        }
        return rest.IsEmpty ? ValueShapes.Number : ValueShapes.None;
    }

    /// <summary><c>yyyy-MM-dd</c>, then nothing or <c>T</c> or a blank and <c>HH:mm[:ss[.f…][Z|±HH[:mm]]]</c>.</summary>
    private static bool IsDatetime(ReadOnlySpan<byte> text)
    {
        if (!Take(ref text, 4, 4, out _) || !Take(ref text, '-') || !Take(ref text, 1, 2, out int month) || month is < 1 or > 12
            || !Take(ref text, '-') || !Take(ref text, 1, 2, out int day) || day is < 1 or > 31)
            return false;
        if (text.IsEmpty)
            return true;
        if (!(Take(ref text, 'T') || Take(ref text, ' '))
            || !Take(ref text, 1, 2, out int hour) || hour > 23 || !Take(ref text, ':') || !Take(ref text, 2, 2, out int minute) || minute > 59)
            return false;
        if (text.IsEmpty)
            return true;
        if (!Take(ref text, ':') || !Take(ref text, 2, 2, out int second) || second > 59)
            return false;
        if (Take(ref text, '.') && !Take(ref text, 1, 9, out _))
            return false;
        if (text.IsEmpty || text is [(byte)'Z'])
            return true;
        return (Take(ref text, '+') || Take(ref text, '-')) && Take(ref text, 2, 2, out _)
            && (text.IsEmpty || (Take(ref text, ':') && Take(ref text, 2, 2, out _) && text.IsEmpty));
    }

    private static bool Take(ref ReadOnlySpan<byte> text, char expected)
    {
        if (text.IsEmpty || text[0] != expected)
            return false;
        text = text[1..];
        return true;
    }

    private static bool Take(ref ReadOnlySpan<byte> text, int least, int most, out int value)
    {
        value = 0;
        int count = 0;
        while (count < most && count < text.Length && IsDigit(text[count]))
            value = value * 10 + (text[count++] - '0');
        text = text[count..];
        return count >= least;
    }

    private static int Digits(ref ReadOnlySpan<byte> text, out bool leadingZero)
    {
        int count = 0;
        while (count < text.Length && IsDigit(text[count]))
            count++;
        leadingZero = count > 1 && text[0] == '0';
        text = text[count..];
        return count;
    }

    private static bool IsDigit(byte value) => value is >= (byte)'0' and <= (byte)'9';

    private static bool Matches(ReadOnlySpan<byte> text, ReadOnlySpan<byte> lower) =>
        System.Text.Ascii.EqualsIgnoreCase(text, lower);
}
