using AIaaS.Platform.Http;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Platform.Tests.Http;

public sealed class CorrelationIdTests
{
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c";
    private readonly HttpRequest _request = new DefaultHttpContext().Request;

    [Fact]
    public void The_callers_own_is_taken()
    {
        _request.Headers["x-correlation-id"] = "order_7.a-B";

        Assert.Equal("order_7.a-B", CorrelationId.Of(_request));
    }

    [Fact]
    public void Else_the_trace_id_is_taken()
    {
        _request.Headers.TraceParent = $"00-{TraceId}-b7ad6b7169203331-01";

        Assert.Equal(TraceId, CorrelationId.Of(_request));
    }

    [Theory]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("line\nbreak")]
    [InlineData("{json}")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public void What_is_unfit_for_a_log_is_replaced(string given)
    {
        _request.Headers["x-correlation-id"] = given;

        Assert.Matches("^[0-9a-f]{32}$", CorrelationId.Of(_request));
    }
}
