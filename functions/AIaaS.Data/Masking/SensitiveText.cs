using System.Globalization;
using System.Net;
using System.Net.Sockets;
using AIaaS.Formats;

namespace AIaaS.Data.Masking;

/// <param name="Kind">What it is.</param>
/// <param name="Start">Its first character.</param>
/// <param name="Length">Its characters.</param>
internal readonly record struct SensitiveMatch(SensitiveKind Kind, int Start, int Length);

/// <summary>
/// Finds personal data in texts, in time linear in their length: numbers by their structure and check digits, so that few other
/// numbers are taken for them.
/// </summary>
internal static class SensitiveText
{
    private const int LongestCompact = 34;
    private const int LongestLocalPart = 64;
    private const int LongestDomain = 255;
    private const int FewestIdentityDigits = 6;

    /// <summary>Lengths of IBANs by country, from the registry of ISO 13616.</summary>
    private static readonly Dictionary<string, int> IbanLengths =
        ("AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 "
        + "GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 "
        + "MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 "
        + "VA22 VG24 XK20 YE30").Split(' ').ToDictionary(entry => entry[..2], entry => int.Parse(entry[2..], CultureInfo.InvariantCulture));

    /// <summary>False where a text holds nothing for certain; cheaper than looking.</summary>
    public static bool MayHold(ReadOnlySpan<byte> utf8)
    {
        int digits = 0, colons = 0, dots = 0;
        foreach (byte b in utf8)
        {
            if (b == (byte)'@')
                return true;
            if (b is >= (byte)'0' and <= (byte)'9')
                digits++;
            else if (b == (byte)':')
                colons++;
            else if (b == (byte)'.')
                dots++;
        }
        return digits >= FewestIdentityDigits || colons >= 2 || (digits >= 4 && dots >= 3);
    }

    /// <summary>Adds what is found to an empty list; the matches do not overlap and are in no order.</summary>
    public static void Find(ReadOnlySpan<char> text, SensitiveHints hints, List<SensitiveMatch> matches)
    {
        FindEmails(text, matches);
        FindNumbers(text, hints, matches);
        FindAddresses(text, matches);
        FindPhones(text, hints, matches);
    }

    private static void FindEmails(ReadOnlySpan<char> text, List<SensitiveMatch> matches)
    {
        for (int at = text.IndexOf('@'); at >= 0; at = Next(text, '@', at))
        {
            int start = at;
            while (start > 0 && at - start < LongestLocalPart && IsLocalPart(text[start - 1]))
                start--;
            while (start < at && text[start] is '.' or '\'')
                start++;
            int end = at + 1;
            while (end < text.Length && end - at <= LongestDomain && (char.IsLetterOrDigit(text[end]) || text[end] is '.' or '-'))
                end++;
            while (end > at + 1 && text[end - 1] is '.' or '-')
                end--;
            int dot = text[(at + 1)..end].LastIndexOf('.');
            if (start < at && dot > 0 && end - (at + 1 + dot) > 2 && IsLetters(text[(at + 2 + dot)..end]))
                Add(matches, SensitiveKind.Email, start, end);
        }

        static bool IsLocalPart(char c) => char.IsLetterOrDigit(c) || ".!#$%&'*+/=?^_`{|}~-".Contains(c);
    }

    /// <summary>IBANs, cards and national identity numbers: letters and digits with single separators among them.</summary>
    private static void FindNumbers(ReadOnlySpan<char> text, SensitiveHints hints, List<SensitiveMatch> matches)
    {
        Span<char> compact = stackalloc char[LongestCompact];
        Span<int> ends = stackalloc int[LongestCompact];
        for (int start = 0; start < text.Length; start++)
        {
            if (!char.IsAsciiLetterOrDigit(text[start]) || (start > 0 && (char.IsLetterOrDigit(text[start - 1]) || EndsFraction(text, start))))
                continue;
            int length = 0, digits = 0, at = start;
            while (at < text.Length && length < LongestCompact)
            {
                if (char.IsAsciiLetterOrDigit(text[at]))
                {
                    digits += char.IsAsciiDigit(text[at]) ? 1 : 0;
                    compact[length] = text[at];
                    ends[length++] = ++at;
                }
                else if (IsSeparator(text[at]) && at + 1 < text.Length && char.IsAsciiLetterOrDigit(text[at + 1]))
                    at++;
                else
                    break;
            }
            if (digits < FewestIdentityDigits)
                continue;
            if (Best(text, start, compact[..length], ends, hints) is { } match)
            {
                Add(matches, match.Kind, start, start + match.Length);
                start += match.Length - 1;
            }
        }
    }

    private static SensitiveMatch? Best(ReadOnlySpan<char> text, int start, ReadOnlySpan<char> compact, ReadOnlySpan<int> ends, SensitiveHints hints)
    {
        for (int length = compact.Length; length >= 9; length--)
        {
            int end = ends[length - 1];
            if (!EndsWord(text, end))
                continue;
            ReadOnlySpan<char> candidate = compact[..length];
            ReadOnlySpan<char> written = text[start..end];
            SensitiveKind? kind =
                IsIban(candidate) ? SensitiveKind.Iban
                : IsCard(candidate) && !written.ContainsAny('.', '/') ? SensitiveKind.Card
                : IsNationalId(candidate, written, hints) ? SensitiveKind.NationalId
                : null;
            if (kind is { } found)
                return new(found, start, end - start);
        }
        return null;
    }

    private static bool IsIban(ReadOnlySpan<char> compact)
    {
        if (!char.IsAsciiLetter(compact[0]) || !char.IsAsciiLetter(compact[1]))
            return false;
        return IbanLengths.TryGetValue(compact[..2].ToString().ToUpperInvariant(), out int length) && length == compact.Length && CheckDigits.Iban(compact);
    }

    private static bool IsCard(ReadOnlySpan<char> compact)
    {
        if (compact.Length is < 13 or > 19 || compact.ContainsAnyExceptInRange('0', '9') || !CheckDigits.Luhn(compact))
            return false;
        int prefix = int.Parse(compact[..4], CultureInfo.InvariantCulture);
        // The ranges in which cards of each length are issued (ISO/IEC 7812 issuers).
        return compact.Length switch
        {
            13 => prefix / 1000 == 4,
            14 => prefix / 100 is 36 or 38 or 39 || prefix / 10 is >= 300 and <= 305,
            15 => prefix / 100 is 34 or 37,
            16 => prefix is >= 2221 and <= 2720 or >= 3528 and <= 3589 || prefix / 1000 is 4 or 5 or 6 || prefix / 100 is 30 or 36 or 38 or 39,
            17 or 18 => prefix / 100 == 50 || prefix / 100 is >= 56 and <= 58 || prefix / 1000 == 6,
            _ => prefix / 1000 is 4 or 6 || prefix / 100 == 50 || prefix / 100 is >= 56 and <= 58,
        };
    }

    private static bool IsNationalId(ReadOnlySpan<char> compact, ReadOnlySpan<char> written, SensitiveHints hints)
    {
        bool digitsOnly = !compact.ContainsAnyExceptInRange('0', '9');
        return compact.Length switch
        {
            9 when digitsOnly => (CheckDigits.UnitedStatesSocialSecurity(compact) && (hints.HasFlag(SensitiveHints.SocialSecurity) || IsGrouped(written, 3, 6)))
                || (hints.HasFlag(SensitiveHints.CitizenNumber) && CheckDigits.DutchCitizenNumber(compact)),
            9 => CheckDigits.SpanishIdentity(compact) || CheckDigits.BritishInsurance(compact),
            11 when digitsOnly => CheckDigits.GermanTaxNumber(compact)
                && (hints.HasFlag(SensitiveHints.TaxNumber) || (written.Length == 14 && written[2] == ' ' && written[6] == ' ' && written[10] == ' ')),
            15 => CheckDigits.FrenchInsurance(compact),
            16 => CheckDigits.ItalianFiscalCode(compact),
            _ => false,
        };

        static bool IsGrouped(ReadOnlySpan<char> written, int first, int second) => written.Length == 11 && written[first] == '-' && written[second] == '-';
    }

    private static void FindAddresses(ReadOnlySpan<char> text, List<SensitiveMatch> matches)
    {
        for (int start = 0; start < text.Length; start++)
        {
            if (!(char.IsAsciiHexDigit(text[start]) || text[start] == ':') || (start > 0 && (char.IsLetterOrDigit(text[start - 1]) || text[start - 1] is ':' or '.')))
                continue;
            int end = start, dots = 0, colons = 0;
            while (end < text.Length && end - start < 46 && (char.IsAsciiHexDigit(text[end]) || text[end] is ':' or '.'))
            {
                dots += text[end] == '.' ? 1 : 0;
                colons += text[end] == ':' ? 1 : 0;
                end++;
            }
            while (end > start && text[end - 1] == '.')
            {
                end--;
                dots--;
            }
            // A port after an address of version 4.
            if (dots == 3 && colons == 1)
                end = start + text[start..end].IndexOf(':');
            else if (end < text.Length && char.IsLetterOrDigit(text[end]))
                continue;
            ReadOnlySpan<char> candidate = text[start..end];
            bool isAddress = dots == 3 && colons < 2 ? IsVersion4(candidate)
                : colons >= 2 && candidate.Length > 2 && IPAddress.TryParse(candidate, out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetworkV6;
            if (isAddress)
                Add(matches, SensitiveKind.IpAddress, start, end);
            start = Math.Max(start, end - 1);
        }
    }

    private static bool IsVersion4(ReadOnlySpan<char> text)
    {
        int octets = 0;
        foreach (Range part in text.Split('.'))
        {
            ReadOnlySpan<char> octet = text[part];
            if (octet.Length is < 1 or > 3 || octet.ContainsAnyExceptInRange('0', '9') || int.Parse(octet, CultureInfo.InvariantCulture) > 255)
                return false;
            octets++;
        }
        return octets == 4;
    }

    private static void FindPhones(ReadOnlySpan<char> text, SensitiveHints hints, List<SensitiveMatch> matches)
    {
        bool isHinted = hints.HasFlag(SensitiveHints.Phone);
        for (int start = 0; start < text.Length; start++)
        {
            char first = text[start];
            if (!(char.IsAsciiDigit(first) || first is '+' or '(') || (start > 0 && (char.IsLetterOrDigit(text[start - 1]) || text[start - 1] == '+' || EndsFraction(text, start))))
                continue;
            (int end, int digits) = PhoneDigits(text, start);
            bool isPhone = EndsWord(text, end) && (first == '+' ? digits is >= 8 and <= 15 && text[start + 1] != '0' : isHinted && digits is >= 7 and <= 15);
            if (!isPhone)
                end = NorthAmericanEnd(text, start);
            if (end < 0)
                continue;
            Add(matches, SensitiveKind.Phone, start, end);
            start = end - 1;
        }
    }

    private static int NorthAmericanEnd(ReadOnlySpan<char> text, int start)
    {
        foreach (int length in (ReadOnlySpan<int>)[16, 15, 14, 13, 12])
        {
            if (start + length <= text.Length && EndsWord(text, start + length) && IsNorthAmerican(text.Slice(start, length)))
                return start + length;
        }
        return -1;
    }

    private static bool EndsWord(ReadOnlySpan<char> text, int end) => end == text.Length || !(char.IsLetterOrDigit(text[end]) || BeginsFraction(text, end));

    /// <summary>Digits with at most two separators between them.</summary>
    private static (int End, int Digits) PhoneDigits(ReadOnlySpan<char> text, int start)
    {
        int digits = 0, end = start, between = 0;
        for (int at = text[start] == '+' ? start + 1 : start; at < text.Length && between <= 2 && digits <= 15; at++)
        {
            if (char.IsAsciiDigit(text[at]))
            {
                digits++;
                between = 0;
                end = at + 1;
            }
            else if (text[at] is ' ' or '-' or '.' or '/' or '(' or ')')
                between++;
            else
                break;
        }
        return (end, digits);
    }

    /// <summary><c>(212) 555-0123</c>, <c>212-555-0123</c>, <c>1.212.555.0123</c>: separators are needed, and no part begins with 0 or 1.</summary>
    private static bool IsNorthAmerican(ReadOnlySpan<char> text)
    {
        if (text.StartsWith("1-") || text.StartsWith("1.") || text.StartsWith("1 "))
            text = text[2..];
        if (text.StartsWith("(") && text.Length > 5 && text[4] == ')')
            text = text[5] is ' ' or '-' ? $"{text[1..4]}-{text[6..]}" : $"{text[1..4]}-{text[5..]}";
        if (text.Length != 12 || !IsBetween(text[3]) || !IsBetween(text[7]))
            return false;
        foreach (int at in (ReadOnlySpan<int>)[0, 1, 2, 4, 5, 6, 8, 9, 10, 11])
        {
            if (!char.IsAsciiDigit(text[at]))
                return false;
        }
        return text[0] >= '2' && text[4] >= '2';

        static bool IsBetween(char c) => c is '-' or '.' or ' ';
    }

    private static void Add(List<SensitiveMatch> matches, SensitiveKind kind, int start, int end)
    {
        foreach (SensitiveMatch other in matches)
        {
            if (start < other.Start + other.Length && other.Start < end)
                return;
        }
        matches.Add(new(kind, start, end - start));
    }

    private static int Next(ReadOnlySpan<char> text, char c, int at)
    {
        int next = text[(at + 1)..].IndexOf(c);
        return next < 0 ? -1 : at + 1 + next;
    }

    private static bool IsSeparator(char c) => c is ' ' or '-' or '.' or '/';

    /// <summary>Whether what stands before is a number and its decimal point, or the point alone.</summary>
    private static bool EndsFraction(ReadOnlySpan<char> text, int start) => text[start - 1] is '.' or ',' && start > 1 && char.IsAsciiDigit(text[start - 2]);

    private static bool BeginsFraction(ReadOnlySpan<char> text, int end) => text[end] is '.' or ',' && end + 1 < text.Length && char.IsAsciiDigit(text[end + 1]);

    private static bool IsLetters(ReadOnlySpan<char> text)
    {
        foreach (char c in text)
        {
            if (!char.IsLetter(c))
                return false;
        }
        return true;
    }
}
