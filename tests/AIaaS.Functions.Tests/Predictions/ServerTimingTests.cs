using AIaaS.Functions.Predictions;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Functions.Tests.Predictions;

public class ServerTimingTests
{
    private readonly DefaultHttpContext _http = new();

    [Fact]
    public void Stages_are_told_in_milliseconds_to_the_microsecond()
    {
        _http.Response.SetServerTiming(("parse", TimeSpan.FromMicroseconds(7)), ("run", TimeSpan.FromMicroseconds(12_034.9)), ("write", TimeSpan.Zero));

        Assert.Equal("parse;dur=0.007, run;dur=12.034, write;dur=0.000", _http.Response.Headers["Server-Timing"]);
    }

    [Fact]
    public void The_longest_times_fit()
    {
        _http.Response.SetServerTiming(("parse", TimeSpan.MaxValue), ("queue", TimeSpan.MaxValue));

        Assert.Equal("parse;dur=922337203685477.580, queue;dur=922337203685477.580", _http.Response.Headers["Server-Timing"].ToString());
    }
}
