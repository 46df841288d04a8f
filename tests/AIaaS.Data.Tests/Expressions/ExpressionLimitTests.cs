using AIaaS.Data.Preparation;
using AIaaS.Data.Tests.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Expressions;

public sealed class ExpressionLimitTests : PreparationTest
{
    [Fact]
    public void An_expression_that_takes_too_long_is_stopped()
    {
        string path = Folder.Write("data.csv", "a,b\n" + string.Concat(Enumerable.Range(0, 200_000).Select(i => $"text {i} of some length,{i}\n")));
        string heavy = string.Join(" AND ", Enumerable.Repeat("length(md5(sha256(a) || sha256(reverse(a)))) = 32", 20));
        var preparation = new DatasetPreparation(new PreparationOptions { ExpressionTimeLimit = TimeSpan.FromMilliseconds(1) });

        DatasetException refused = Assert.Throws<DatasetException>(() =>
            preparation.Prepare([new(path)], new PrepareParameters { Clean = new() { Filter = heavy } }, Output));

        Assert.Equal(DatasetReasons.TooSlow, refused.Reason);
        Assert.StartsWith("clean.filter: it took longer than 0.001 seconds", refused.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Output));
    }

    [Theory]
    [InlineData("select")]
    [InlineData("a\"b")]
    [InlineData("😀")]
    [InlineData("c1")]
    public void Odd_column_names_are_found(string name)
    {
        string quoted = $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
        string path = Folder.Write("data.csv", $"x,{quoted}\n1,10\n2,20\n");

        PrepareWith(new PrepareParameters { Clean = new() { Derive = new Dictionary<string, string> { ["twice"] = $"{quoted} * 2" } } }, path);

        Assert.Equal([20, 40], Numbers("twice"));
    }
}
