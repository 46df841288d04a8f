using AIaaS.Data.Expressions;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Expressions;

public sealed class PlanExpressionsTests
{
    [Theory]
    [InlineData("(SELECT 1) = 1", "subquery")]
    [InlineData("sum(a) > 1", "sum is not allowed")]
    [InlineData("row_number() OVER () > 1", "row_number")]
    [InlineData("read_text('/etc/passwd') = ''", "read_text is not allowed")]
    [InlineData("now() > b", "now is not allowed")]
    [InlineData("a >", "no expression")]
    [InlineData("a; SELECT 1", "second statement")]
    [InlineData("repeat(a, 1000000) = ''", "repeat is not allowed")]
    [InlineData("lpad(a, 100000000, 'x') = ''", "lpad could make texts of 100000000 characters")]
    public void What_can_never_run_is_refused_before_there_are_columns(string text, string part)
    {
        var refused = Assert.Throws<DatasetException>(() => PlanExpressions.Check(new CleaningPlan { Filter = text }));

        Assert.Equal(("clean.filter", DatasetReasons.BadExpression), (refused.Field, refused.Reason));
        Assert.Contains(part, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_derived_column_that_offends_is_named()
    {
        var plan = new CleaningPlan { Derive = new Dictionary<string, string> { ["good"] = "a + 1", ["bad"] = "good + random()" } };

        Assert.Equal("clean.derive.bad", Assert.Throws<DatasetException>(() => PlanExpressions.Check(plan)).Field);
    }

    [Theory]
    [InlineData("any_column_at_all > 1 AND \"another one\" IS NOT NULL")]
    [InlineData("replace(replace(a, 'x', 'yyyyyyyyyy'), 'y', 'zzzzzzzzzz') = lpad(b, 150000, 'x')")]
    [InlineData("count > 3")]
    public void What_depends_on_the_data_is_left_to_them(string text) => PlanExpressions.Check(new CleaningPlan { Filter = text });
}
