using AIaaS.Platform.Pipelines;
using AIaaS.Platform.Problems;

namespace AIaaS.Platform.Tests.Pipelines;

/// <summary>Deep nesting is refused before it can exhaust the stack, which would end the whole host.</summary>
public sealed class PipelineNestingTests
{
    [Theory]
    [InlineData("[", "]")]
    [InlineData("{a: ", "}")]
    [InlineData("- ", "")]
    public void Endless_nesting_is_refused(string open, string close)
    {
        const int depth = 100_000;
        var text = string.Concat(Enumerable.Repeat(open, depth)) + "a" + string.Concat(Enumerable.Repeat(close, depth));

        var refusal = Assert.Throws<ProblemException>(() => PipelineReader.Read(text));

        Assert.Equal(Problem.MalformedBody, refusal.Problem);
        Assert.Contains("16 levels", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nesting_within_the_limit_is_read_and_judged_by_its_fields()
    {
        var refusal = Assert.Throws<ProblemException>(() => PipelineReader.Read("colours: " + new string('[', 15) + new string(']', 15)));

        Assert.Equal("colours", refusal.Field);
    }

    [Fact]
    public void A_word_out_of_its_list_is_answered_with_the_list()
    {
        var refusal = Assert.Throws<ProblemException>(() => PipelineReader.Read("task: divination"));

        Assert.Equal("task", refusal.Field);
        Assert.Contains("'classification'", refusal.Message, StringComparison.Ordinal);
    }
}
