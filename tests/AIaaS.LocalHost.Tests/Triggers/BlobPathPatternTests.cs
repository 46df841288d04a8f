using AIaaS.LocalHost.Triggers;

namespace AIaaS.LocalHost.Tests.Triggers;

public sealed class BlobPathPatternTests
{
    [Fact]
    public void A_capture_takes_slashes()
    {
        var pattern = new BlobPathPattern("incoming/{path}");
        Assert.Equal("incoming", pattern.Container);
        Assert.Equal("", pattern.Prefix);
        Assert.Equal("default/churn/a.csv", pattern.Match("default/churn/a.csv")!["path"]);
    }

    [Fact]
    public void Captures_are_greedy_from_the_left()
    {
        var captures = new BlobPathPattern("incoming/in/{folder}/{name}.{extension}").Match("in/a/b/c.tar.gz")!;
        Assert.Equal("a/b", captures["folder"]);
        Assert.Equal("c.tar", captures["name"]);
        Assert.Equal("gz", captures["EXTENSION"]);
    }

    [Theory]
    [InlineData("incoming/in/{path}", "in/", "out/a")]
    [InlineData("incoming/in/{path}", "in/", "in/")]
    [InlineData("incoming/{name}.csv", "", "a.csvx")]
    [InlineData("incoming/{name}.csv", "", "a-csv")]
    [InlineData("incoming/exact", "exact", "exact/more")]
    public void A_name_of_another_form_does_not_match(string path, string prefix, string name)
    {
        var pattern = new BlobPathPattern(path);
        Assert.Equal(prefix, pattern.Prefix);
        Assert.Null(pattern.Match(name));
    }

    [Theory]
    [InlineData("incoming")]
    [InlineData("incoming/")]
    [InlineData("/x")]
    [InlineData("{container}/x")]
    [InlineData("incoming/{a")]
    [InlineData("incoming/a}")]
    [InlineData("incoming/{a}/{A}")]
    public void A_malformed_pattern_is_refused(string pattern) => Assert.Throws<ArgumentException>(() => new BlobPathPattern(pattern));
}
