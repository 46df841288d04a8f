using System.Globalization;
using System.Text;
using System.Text.Json;
using AIaaS.Serving.Predictions;

namespace AIaaS.Serving.Tests;

/// <summary>The runtime's own parser is the oracle for values, its JSON reader for what is a number at all.</summary>
public sealed class JsonNumberTests
{
    [Theory]
    [InlineData("0")]
    [InlineData("-0")]
    [InlineData("0.1")]
    [InlineData("-0.000001")]
    [InlineData("123456789012345")]
    [InlineData("1234567890.12345")]
    [InlineData("9007199254740993")]
    [InlineData("0.1234567890123456789")]
    [InlineData("1e3")]
    [InlineData("-1.5E-300")]
    [InlineData("2e+10")]
    [InlineData("5e-324")]
    [InlineData("1e400")]
    public void A_number_reads_as_it_is_written(string text) => Check(text);

    [Fact]
    public void Any_number_reads_to_the_last_bit()
    {
        var random = new Random(1);
        for (var i = 0; i < 100_000; i++)
        {
            var digits = random.Next(1, 19);
            var text = string.Concat(Enumerable.Range(0, digits).Select(_ => (char)('0' + random.Next(10)))).TrimStart('0').PadLeft(1, '0');
            var fraction = string.Concat(Enumerable.Range(0, random.Next(0, 18)).Select(_ => (char)('0' + random.Next(10))));
            Check((random.Next(2) == 0 ? "-" : "") + text + (fraction.Length > 0 ? "." + fraction : ""));
        }
    }

    [Fact]
    public void What_JSON_does_not_have_is_no_number()
    {
        const string Alphabet = "0019.-+eE";
        var random = new Random(2);
        var refused = 0;
        for (var i = 0; i < 100_000; i++)
        {
            var text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, random.Next(1, 8)).Select(_ => Alphabet[random.Next(Alphabet.Length)])));

            var isNumber = JsonNumber.Read(text, out _) == text.Length;

            Assert.True(IsJson(text) == isNumber, Encoding.UTF8.GetString(text));
            refused += isNumber ? 0 : 1;
        }

        Assert.InRange(refused, 10_000, 90_000);
    }

    [Fact]
    public void Nothing_behind_a_number_is_read()
    {
        var length = JsonNumber.Read("-12.50, 3"u8, out var number);

        Assert.Equal((6, -12.5), (length, number));
    }

    private static bool IsJson(byte[] text)
    {
        try
        {
            var reader = new Utf8JsonReader(text);
            return reader.Read() && !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static void Check(string text)
    {
        var length = JsonNumber.Read(Encoding.UTF8.GetBytes(text), out var number);

        Assert.Equal(text.Length, length);
        Assert.Equal(BitConverter.DoubleToInt64Bits(double.Parse(text, CultureInfo.InvariantCulture)), BitConverter.DoubleToInt64Bits(number));
    }
}
