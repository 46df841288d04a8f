using AIaaS.Platform.Training;

namespace AIaaS.Platform.Tests.Training;

public sealed class BoundedLogTests
{
    [Fact]
    public void A_short_text_is_kept_whole()
    {
        var log = new BoundedLog(half: 4);
        log.Append("abcd");
        log.Append("efgh");

        Assert.Equal("abcdefgh", log.ToString());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public void Of_a_long_text_the_beginning_and_the_end_are_kept(int piece)
    {
        var log = new BoundedLog(half: 4);
        var text = string.Concat(Enumerable.Range(0, 1000).Select(number => (char)('a' + (number % 26))));
        foreach (var part in text.Chunk(piece))
            log.Append(part);

        Assert.Equal($"{text[..4]}\n… 992 characters left out …\n{text[^4..]}", log.ToString());
        Assert.Equal(1000, log.Length);
    }
}
