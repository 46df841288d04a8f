namespace AIaaS.Data.Masking;

/// <summary>The arithmetic by which numbers prove themselves. Digits are given without separators.</summary>
internal static class CheckDigits
{
    /// <summary>ISO/IEC 7812 (Luhn 1960): payment cards.</summary>
    public static bool Luhn(ReadOnlySpan<char> digits)
    {
        int sum = 0;
        for (int i = 0; i < digits.Length; i++)
        {
            int digit = digits[^(i + 1)] - '0';
            if (i % 2 == 1)
                digit = digit > 4 ? digit * 2 - 9 : digit * 2;
            sum += digit;
        }
        return sum % 10 == 0;
    }

    /// <summary>ISO 13616: the four leading characters moved to the end, letters as 10 to 35, the remainder by 97 is 1.</summary>
    public static bool Iban(ReadOnlySpan<char> compact)
    {
        int remainder = 0;
        for (int i = 0; i < compact.Length; i++)
        {
            char c = char.ToUpperInvariant(compact[(i + 4) % compact.Length]);
            remainder = char.IsAsciiDigit(c) ? (remainder * 10 + (c - '0')) % 97 : (remainder * 100 + (c - 'A' + 10)) % 97;
        }
        return remainder == 1;
    }

    /// <summary>German tax identification number: ISO/IEC 7064 MOD 11,10, and of the first ten digits exactly one comes two or three times.</summary>
    public static bool GermanTaxNumber(ReadOnlySpan<char> digits)
    {
        if (digits.Length != 11 || digits[0] == '0')
            return false;
        Span<int> counts = stackalloc int[10];
        counts.Clear();
        int product = 10;
        foreach (char c in digits[..10])
        {
            counts[c - '0']++;
            int sum = (c - '0' + product) % 10;
            product = (sum == 0 ? 10 : sum) * 2 % 11;
        }
        int repeated = 0;
        foreach (int count in counts)
        {
            if (count > 3)
                return false;
            repeated += count > 1 ? 1 : 0;
        }
        int check = 11 - product;
        return repeated == 1 && (check == 10 ? 0 : check) == digits[10] - '0';
    }

    /// <summary>Dutch citizen service number: weights 9 to 2 and -1, divisible by 11.</summary>
    public static bool DutchCitizenNumber(ReadOnlySpan<char> digits)
    {
        if (digits.Length != 9)
            return false;
        int sum = -(digits[8] - '0');
        for (int i = 0; i < 8; i++)
            sum += (9 - i) * (digits[i] - '0');
        return sum % 11 == 0 && digits.ContainsAnyExcept('0');
    }

    /// <summary>United States social security number: areas 000, 666 and 900 up, group 00 and serial 0000 were never given.</summary>
    public static bool UnitedStatesSocialSecurity(ReadOnlySpan<char> digits) =>
        digits.Length == 9
        && digits[0] != '9' && digits[..3] is not ("000" or "666")
        && digits[3..5] is not "00" && digits[5..] is not "0000";

    /// <summary>Spanish DNI and NIE: the letter that the number's remainder by 23 stands for.</summary>
    public static bool SpanishIdentity(ReadOnlySpan<char> text)
    {
        if (text.Length != 9)
            return false;
        int number = char.ToUpperInvariant(text[0]) switch { 'X' => 0, 'Y' => 1, 'Z' => 2, >= '0' and <= '9' and var c => c - '0', _ => -1 };
        if (number < 0)
            return false;
        foreach (char c in text[1..8])
        {
            if (!char.IsAsciiDigit(c))
                return false;
            number = number * 10 + (c - '0');
        }
        return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] == char.ToUpperInvariant(text[8]);
    }

    /// <summary>United Kingdom national insurance number: two letters of those in use, six digits, A to D.</summary>
    public static bool BritishInsurance(ReadOnlySpan<char> text)
    {
        if (text.Length != 9)
            return false;
        Span<char> prefix = [char.ToUpperInvariant(text[0]), char.ToUpperInvariant(text[1])];
        if (!char.IsAsciiLetterUpper(prefix[0]) || !char.IsAsciiLetterUpper(prefix[1])
            || "DFIQUV".Contains(prefix[0]) || "DFIOQUV".Contains(prefix[1])
            || prefix is "BG" or "GB" or "NK" or "KN" or "TN" or "NT" or "ZZ")
        {
            return false;
        }
        foreach (char c in text[2..8])
        {
            if (!char.IsAsciiDigit(c))
                return false;
        }
        return char.ToUpperInvariant(text[8]) is >= 'A' and <= 'D';
    }

    /// <summary>Italian fiscal code: letters and digits in their places (digits may be letters where codes collided), and the check letter.</summary>
    public static bool ItalianFiscalCode(ReadOnlySpan<char> text)
    {
        const string Shape = "LLLLLLDDLDDLDDDL";
        const string Substitutes = "LMNPQRSTUV";
        ReadOnlySpan<byte> odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
        if (text.Length != Shape.Length)
            return false;
        int sum = 0;
        for (int i = 0; i < Shape.Length; i++)
        {
            char c = char.ToUpperInvariant(text[i]);
            bool fits = Shape[i] == 'L' ? char.IsAsciiLetterUpper(c) : char.IsAsciiDigit(c) || Substitutes.Contains(c);
            if (!fits || (i == 8 && !"ABCDEHLMPRST".Contains(c)))
                return false;
            int value = char.IsAsciiDigit(c) ? c - '0' : c - 'A';
            if (i < Shape.Length - 1)
                sum += i % 2 == 0 ? odd[value] : value;
        }
        return 'A' + sum % 26 == char.ToUpperInvariant(text[^1]);
    }

    /// <summary>French NIR: sex, year, month, place and order, and a key of 97 less the remainder; Corsica's 2A and 2B count as 19 and 18.</summary>
    public static bool FrenchInsurance(ReadOnlySpan<char> text)
    {
        if (text.Length != 15 || text[0] is not ('1' or '2'))
            return false;
        char island = text[5] == '2' ? char.ToUpperInvariant(text[6]) : '0';
        long number = 0;
        for (int i = 0; i < 13; i++)
        {
            int digit = (i, island) switch
            {
                (5, 'A' or 'B') => 1,
                (6, 'A') => 9,
                (6, 'B') => 8,
                _ => text[i] - '0',
            };
            if (digit is < 0 or > 9)
                return false;
            number = number * 10 + digit;
        }
        int month = (text[3] - '0') * 10 + (text[4] - '0');
        if (month is 0 or (> 12 and < 20) || !char.IsAsciiDigit(text[13]) || !char.IsAsciiDigit(text[14]))
            return false;
        return 97 - number % 97 == (text[13] - '0') * 10 + (text[14] - '0');
    }
}
