using AIaaS.Functions.Requests;
using AIaaS.Platform.Problems;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Functions.Tests.Requests;

public sealed class RequestDeadlineTests
{
    private readonly DefaultHttpContext _http = new();
    private readonly SteppedTime _time = new();

    [Fact]
    public void Without_the_header_only_the_route_ends_a_request()
    {
        using var deadline = RequestDeadline.Of(_http.Request, _time);

        Assert.Null(deadline.Timeout);
        Assert.Equal(_http.RequestAborted, deadline.Token);
    }

    [Fact]
    public void The_token_ends_at_the_deadline()
    {
        _http.Request.Headers[RequestDeadline.Header] = "250";
        using var deadline = RequestDeadline.Of(_http.Request, _time);
        Assert.False(deadline.Token.IsCancellationRequested);

        _time.Advance(TimeSpan.FromMilliseconds(250));

        Assert.True(deadline.Token.IsCancellationRequested && deadline.IsOver);
        Assert.Equal(Problem.Timeout, deadline.Expired().Problem);
        Assert.Contains("250 ms", deadline.Expired().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_caller_that_leaves_ends_the_token_before()
    {
        using var left = new CancellationTokenSource();
        _http.RequestAborted = left.Token;
        _http.Request.Headers[RequestDeadline.Header] = "250";
        using var deadline = RequestDeadline.Of(_http.Request, _time);

        left.Cancel();

        Assert.True(deadline.Token.IsCancellationRequested);
        Assert.False(deadline.IsOver);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-5")]
    [InlineData("1.5")]
    [InlineData("soon")]
    [InlineData("99999999999")]
    public void Anything_but_milliseconds_is_refused(string value)
    {
        _http.Request.Headers[RequestDeadline.Header] = value;

        var refusal = Assert.Throws<ProblemException>(() => RequestDeadline.Of(_http.Request, _time));

        Assert.Equal((Problem.InvalidValue, RequestDeadline.Header), (refusal.Problem, refusal.Field));
    }
}
