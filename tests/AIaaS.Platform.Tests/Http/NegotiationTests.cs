using AIaaS.Platform.Http;
using AIaaS.Platform.Problems;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Platform.Tests.Http;

public sealed class NegotiationTests
{
    [Theory]
    [InlineData("", "", "json")]
    [InlineData("", "*/*", "json")]
    [InlineData("", "text/html", "html")]
    [InlineData("", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "html")]
    [InlineData("", "text/html;q=0.5, application/json", "json")]
    [InlineData("", "text/*", "html")]
    [InlineData("", "image/png", "json")]
    [InlineData("", "text/html;q=0", "json")]
    [InlineData("", "nonsense, ;;", "json")]
    [InlineData("?format=html", "application/json", "html")]
    [InlineData("?format=json", "text/html", "json")]
    public void The_form_is_what_is_named_or_liked_best(string query, string accept, string expected)
    {
        Assert.Equal(expected, Request(query, accept).Negotiate(Representation.Json, Representation.Html).Name);
    }

    [Fact]
    public void A_form_that_there_is_not_is_refused_with_those_there_are()
    {
        var refusal = Assert.Throws<ProblemException>(() => Request("?format=pdf", "").Negotiate(Representation.Json, Representation.Html));

        Assert.Equal(("format", "'format' must be one of 'json', 'html'."), (refusal.Field, refusal.Message));
    }

    private static HttpRequest Request(string query, string accept)
    {
        var request = new DefaultHttpContext().Request;
        request.QueryString = new QueryString(query);
        if (accept.Length > 0) request.Headers.Accept = accept;
        return request;
    }
}
