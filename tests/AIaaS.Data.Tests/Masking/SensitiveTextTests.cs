using AIaaS.Data.Masking;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Masking;

/// <summary>Numbers are the published examples of their issuers, or have check digits computed by hand.</summary>
public sealed class SensitiveTextTests
{
    [Theory]
    [InlineData("bob@example.com", SensitiveKind.Email, "bob@example.com")]
    [InlineData("write to <Ann.Lee+x@mail.example.co.uk>, please.", SensitiveKind.Email, "Ann.Lee+x@mail.example.co.uk")]
    [InlineData("bob@example.com.", SensitiveKind.Email, "bob@example.com")]
    [InlineData("jörg@müller.de", SensitiveKind.Email, "jörg@müller.de")]
    [InlineData("call +44 20 7946 0958 now", SensitiveKind.Phone, "+44 20 7946 0958")]
    [InlineData("+1 (212) 555-0123", SensitiveKind.Phone, "+1 (212) 555-0123")]
    [InlineData("(212) 555-0123", SensitiveKind.Phone, "(212) 555-0123")]
    [InlineData("1-212-555-0123", SensitiveKind.Phone, "1-212-555-0123")]
    [InlineData("in 2024 212.555.0123 rang", SensitiveKind.Phone, "212.555.0123")]
    [InlineData("4111 1111 1111 1111", SensitiveKind.Card, "4111 1111 1111 1111")]
    [InlineData("paid with 5500-0000-0000-0004.", SensitiveKind.Card, "5500-0000-0000-0004")]
    [InlineData("378282246310005", SensitiveKind.Card, "378282246310005")]
    [InlineData("6011111111111117", SensitiveKind.Card, "6011111111111117")]
    [InlineData("30569309025904", SensitiveKind.Card, "30569309025904")]
    [InlineData("4111 1111 1111 1111 12/26", SensitiveKind.Card, "4111 1111 1111 1111")]
    [InlineData("GB82 WEST 1234 5698 7654 32", SensitiveKind.Iban, "GB82 WEST 1234 5698 7654 32")]
    [InlineData("to DE89370400440532013000 today", SensitiveKind.Iban, "DE89370400440532013000")]
    [InlineData("NO9386011117947", SensitiveKind.Iban, "NO9386011117947")]
    [InlineData("ssn 123-45-6789", SensitiveKind.NationalId, "123-45-6789")]
    [InlineData("AB 12 34 56 C", SensitiveKind.NationalId, "AB 12 34 56 C")]
    [InlineData("12345678Z", SensitiveKind.NationalId, "12345678Z")]
    [InlineData("X1234567L", SensitiveKind.NationalId, "X1234567L")]
    [InlineData("RSSMRA85T10A562S", SensitiveKind.NationalId, "RSSMRA85T10A562S")]
    [InlineData("2 55 08 14 168 025 38", SensitiveKind.NationalId, "2 55 08 14 168 025 38")]
    [InlineData("from 192.168.0.17.", SensitiveKind.IpAddress, "192.168.0.17")]
    [InlineData("10.0.0.1:8080", SensitiveKind.IpAddress, "10.0.0.1")]
    [InlineData("at 2001:db8::ff00:42:8329 it", SensitiveKind.IpAddress, "2001:db8::ff00:42:8329")]
    public void Personal_data_is_found_in_its_place(string text, SensitiveKind kind, string part) =>
        Assert.Equal([(kind, part)], Find(text));

    [Theory]
    [InlineData("no at sign")]
    [InlineData("bob@localhost")]
    [InlineData("@handle and a@b")]
    [InlineData("4111 1111 1111 1112")]
    [InlineData("0.4111111111111111")]
    [InlineData("1625097600000")]
    [InlineData("9999999999999995")]
    [InlineData("GB82 WEST 1234 5698 7654 33")]
    [InlineData("000-12-3456")]
    [InlineData("666-12-3456")]
    [InlineData("900-12-3456")]
    [InlineData("123-00-4567")]
    [InlineData("123456789")]
    [InlineData("12345678A")]
    [InlineData("QQ123456A")]
    [InlineData("BG123456A")]
    [InlineData("RSSMRA85T10A562T")]
    [InlineData("2 55 08 14 168 025 39")]
    [InlineData("86095742719")]
    [InlineData("2024-01-31 12:34:56")]
    [InlineData("12:34:56")]
    [InlineData("256.1.1.1")]
    [InlineData("1.2.3.4.5")]
    [InlineData("std::string")]
    [InlineData("00:1A:2B:3C:4D:5E")]
    [InlineData("1234567890")]
    [InlineData("550e8400-e29b-41d4-a716-446655440000")]
    [InlineData("112-555-0123")]
    [InlineData("12345.67")]
    public void Other_texts_are_left_alone(string text) => Assert.Empty(Find(text));

    [Theory]
    [InlineData("phone", "5551234567", SensitiveKind.Phone)]
    [InlineData("homePhone", "030 1234567", SensitiveKind.Phone)]
    [InlineData("Mobile 2", "01701234567", SensitiveKind.Phone)]
    [InlineData("ssn", "123456789", SensitiveKind.NationalId)]
    [InlineData("BSN", "111222333", SensitiveKind.NationalId)]
    [InlineData("steuer_id", "86095742719", SensitiveKind.NationalId)]
    public void Bare_digits_are_what_the_columns_name_says(string column, string text, SensitiveKind kind)
    {
        Assert.Equal([(kind, text)], Find(text, column));
        Assert.Empty(Find(text, "microphone total"));
    }

    [Theory]
    [InlineData("1234567890123456789012345678901234567890")]
    [InlineData("@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@")]
    [InlineData("+ + + + + + ( ( ( ( 1-1-1-1-1-1-1-1-1-1-1-1-1-1")]
    [InlineData("::::::::::::::::1.1.1.1.1.1.1.1")]
    [InlineData("a.b.c.1.2.3-4-5-6 7 8 9 a b c d e f 0 1 2 3")]
    public void Odd_texts_of_any_length_are_looked_through(string part)
    {
        string text = string.Concat(Enumerable.Repeat(part, 5000));

        List<SensitiveMatch> matches = [];
        SensitiveText.Find(text, (SensitiveHints)~0, matches);

        Assert.All(matches, match => Assert.InRange(match.Start + match.Length, 1, text.Length));
    }

    [Theory]
    [InlineData("bob@example.com or +44 20 7946 0958", "[email] or [phone]")]
    [InlineData("4111111111111111/10.0.0.1", "[card]/[ip-address]")]
    [InlineData("nothing", "nothing")]
    public void Redacted_parts_become_words(string text, string expected) =>
        Assert.Equal(expected, new SensitiveMasker(Enum.GetValues<SensitiveKind>().ToHashSet(), null).Mask(text, SensitiveHints.None));

    [Fact]
    public void Kinds_that_are_not_named_stay() =>
        Assert.Equal("[email] 10.0.0.1", new SensitiveMasker(new HashSet<SensitiveKind> { SensitiveKind.Email }, null).Mask("a@b.com 10.0.0.1", SensitiveHints.None));

    [Fact]
    public void Nested_json_stays_json()
    {
        string masked = new SensitiveMasker(Enum.GetValues<SensitiveKind>().ToHashSet(), null).MaskJson(
            """{"mail":"a\u0040b.com","phone":5551234567,"n":[1,{"x":"y"}],"c":4111111111111111,"z":null}""", SensitiveHints.None);

        Assert.Equal("""{"mail":"[email]","phone":"[phone]","n":[1,{"x":"y"}],"c":"[card]","z":null}""", masked);
    }

    private static IEnumerable<(SensitiveKind Kind, string Part)> Find(string text, string column = "comment")
    {
        List<SensitiveMatch> matches = [];
        SensitiveText.Find(text, SensitiveHintsOf.Name(column), matches);
        // What the prefilter passes over must hold nothing.
        Assert.True(matches.Count == 0 || SensitiveText.MayHold(System.Text.Encoding.UTF8.GetBytes(text)));
        return matches.Select(match => (match.Kind, text.Substring(match.Start, match.Length)));
    }
}
