using System.Buffers;
using System.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Platform.Http;

/// <summary>The id under which a caller, our answer and our logs speak of one request.</summary>
public static class CorrelationId
{
    public const string Header = "x-correlation-id";
    private const int MaximumLength = 64;
    private const int TraceIdStart = 3;
    private const int TraceIdLength = 32;
    private const int TraceParentLength = 55;
    private static readonly SearchValues<char> Safe = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    private static readonly SearchValues<char> LowerHex = SearchValues.Create("0123456789abcdef");

    /// <summary>Takes the caller's own id where it is fit to be logged, else the trace id of its W3C <c>traceparent</c>, else makes one.</summary>
    public static string Of(HttpRequest request)
    {
        var headers = request.Headers;
        if (headers.TryGetValue(Header, out var values)
            && values is [{ Length: > 0 and <= MaximumLength } given]
            && !given.AsSpan().ContainsAnyExcept(Safe))
        {
            return given;
        }

        if (headers.TraceParent is [{ Length: TraceParentLength } parent]
            && parent[TraceIdStart - 1] == '-' && parent[TraceIdStart + TraceIdLength] == '-'
            && !parent.AsSpan(TraceIdStart, TraceIdLength).ContainsAnyExcept(LowerHex))
        {
            return parent.Substring(TraceIdStart, TraceIdLength);
        }

        // Unlike a new Guid it asks nothing of the kernel, and it reads as the trace id that it stands for.
        return ActivityTraceId.CreateRandom().ToHexString();
    }
}
