using System.Text.Json;
using AIaaS.Platform.Http;
using AIaaS.Platform.Problems;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Platform.Tests.Http;

public sealed class ReplyTests
{
    private readonly DefaultHttpContext _http = new() { TraceIdentifier = "id-1" };

    [Fact]
    public async Task A_document_comes_with_its_quoted_etag()
    {
        var body = await ExecuteAsync(Reply.Document(_http.Request, "v1", new { BigName = 1 }));

        Assert.Equal((200, "\"v1\"", "{\"bigName\":1}"), (_http.Response.StatusCode, _http.Response.Headers.ETag.ToString(), body));
    }

    [Fact]
    public async Task A_reader_that_has_the_version_gets_304_and_nothing_else()
    {
        _http.Request.Headers.IfNoneMatch = "\"v1\"";

        var body = await ExecuteAsync(Reply.Document(_http.Request, "v1", new { Name = 1 }));

        Assert.Equal((304, "\"v1\"", ""), (_http.Response.StatusCode, _http.Response.Headers.ETag.ToString(), body));
    }

    [Fact]
    public async Task The_last_page_says_that_it_is()
        => Assert.Equal("{\"items\":[1,2],\"continuation\":null}", await ExecuteAsync(Reply.List([1, 2], continuation: null)));

    [Fact]
    public async Task Accepted_work_tells_where_to_watch_it()
    {
        await ExecuteAsync(Reply.Accepted("/api/v1/runs/1", new { Run = "1" }));

        Assert.Equal((202, "/api/v1/runs/1"), (_http.Response.StatusCode, _http.Response.Headers.Location.ToString()));
    }

    [Fact]
    public async Task What_cannot_be_written_leaves_the_response_untouched()
    {
        await Assert.ThrowsAnyAsync<Exception>(() => ExecuteAsync(Reply.Json(new { Value = double.NaN }, 201)));

        Assert.Equal(200, _http.Response.StatusCode);
    }

    [Fact]
    public async Task A_problem_has_the_documented_form()
    {
        var body = await ExecuteAsync(new ProblemResult(Problem.Unavailable, "Wait \"a bit\".", "x", TimeSpan.FromMilliseconds(1500)));

        var problem = JsonDocument.Parse(body).RootElement;
        Assert.Equal("application/problem+json", _http.Response.ContentType);
        Assert.Equal("2", _http.Response.Headers.RetryAfter);
        Assert.Equal(
            ["urn:aiaas:problem:unavailable", Problem.Unavailable.Title, "503", "Wait \"a bit\".", "x", "id-1"],
            new[] { "type", "title", "status", "detail", "field", "correlationId" }.Select(name => problem.GetProperty(name).ToString()));
    }

    [Fact]
    public void What_is_not_a_refusal_tells_nothing_of_itself()
    {
        var problem = ProblemResult.From(new InvalidOperationException("secret"));

        Assert.Equal(Problem.Internal, problem.Problem);
        Assert.DoesNotContain("secret", problem.Detail, StringComparison.Ordinal);
    }

    private async Task<string> ExecuteAsync(IResult result)
    {
        var body = new MemoryStream();
        _http.Response.Body = body;
        await result.ExecuteAsync(_http);
        return System.Text.Encoding.UTF8.GetString(body.ToArray());
    }
}
