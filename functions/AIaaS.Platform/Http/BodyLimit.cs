using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace AIaaS.Platform.Http;

/// <summary>Holds a request's body to a length, announced or not.</summary>
public static class BodyLimit
{
    /// <returns>False where the request already announces more.</returns>
    public static bool TryLimitBody(this HttpContext context, long bytes)
    {
        var announced = context.Request.ContentLength;
        if (announced > bytes)
        {
            return false;
        }

        // The server's own limit is looser or tighter than the route's; the route's is the one that counts. Of a chunked body
        // the server would count the framing too, so that one is counted here.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } server)
        {
            server.MaxRequestBodySize = announced is null ? null : bytes;
        }

        if (announced is null && context.Features.Get<IHttpRequestBodyDetectionFeature>() is not { CanHaveBody: false })
        {
            context.Request.Body = new LimitedBody(context.Request.Body, bytes);
        }

        return true;
    }
}
