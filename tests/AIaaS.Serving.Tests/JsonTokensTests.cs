using System.Globalization;
using System.Text;
using System.Text.Json;
using AIaaS.Serving.Predictions;

namespace AIaaS.Serving.Tests;

public sealed class JsonTokensTests
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

    private static void Check(string text)
    {
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(text));
        Assert.True(reader.Read());

        var number = JsonTokens.NumberOf(ref reader);

        Assert.Equal(BitConverter.DoubleToInt64Bits(double.Parse(text, CultureInfo.InvariantCulture)), BitConverter.DoubleToInt64Bits(number));
    }
}
