using AIaaS.Platform.Documents;
using AIaaS.Platform.Http;
using AIaaS.Platform.Problems;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace AIaaS.Platform.Tests.Http;

public sealed class ConditionsTests
{
    [Fact]
    public void Without_headers_there_is_no_condition() => Assert.Equal(default, Request().ReadWriteConditions());

    [Fact]
    public void An_etag_is_taken_without_its_quotes()
        => Assert.Equal(new WriteConditions(IfMatch: "a-1"), Request(("If-Match", "\"a-1\"")).ReadWriteConditions());

    [Fact]
    public void A_star_asks_for_any_version()
        => Assert.Equal(new WriteConditions(MustExist: true), Request(("If-Match", "*")).ReadWriteConditions());

    [Fact]
    public void None_match_star_asks_for_absence()
        => Assert.Equal(new WriteConditions(IfAbsent: true), Request(("If-None-Match", " * ")).ReadWriteConditions());

    [Theory]
    [InlineData("If-Match", "a-1")]
    [InlineData("If-Match", "W/\"a-1\"")]
    [InlineData("If-Match", "\"a\", \"b\"")]
    [InlineData("If-None-Match", "\"a-1\"")]
    public void What_cannot_be_promised_is_refused_by_the_headers_name(string header, string value)
    {
        var refusal = Assert.Throws<ProblemException>(() => Request((header, value)).ReadWriteConditions());

        Assert.Equal((Problem.InvalidValue, header), (refusal.Problem, refusal.Field));
    }

    [Fact]
    public void Both_at_once_are_refused()
        => Assert.Throws<ProblemException>(() => Request(("If-Match", "\"a\""), ("If-None-Match", "*")).ReadWriteConditions());

    [Theory]
    [InlineData("\"v1\"", true)]
    [InlineData("W/\"v1\"", true)]
    [InlineData("\"v0\", \"v1\"", true)]
    [InlineData("*", true)]
    [InlineData("\"v2\"", false)]
    public void A_reader_says_which_versions_it_has(string header, bool expected)
        => Assert.Equal(expected, Request(("If-None-Match", header)).Has("v1"));

    private static HttpRequest Request(params (string Name, StringValues Value)[] headers)
    {
        var request = new DefaultHttpContext().Request;
        foreach (var (name, value) in headers)
        {
            request.Headers.Append(name, value);
        }

        return request;
    }
}
