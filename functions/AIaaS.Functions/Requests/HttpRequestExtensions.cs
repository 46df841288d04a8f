using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Functions.Requests;

internal static class HttpRequestExtensions
{
    /// <summary>Whose data the request works on.</summary>
    public static string Tenant(this HttpRequest request) => request.HttpContext.GetCaller().Tenant;

    /// <summary>The preference for an answer at once and the work afterwards (RFC 7240).</summary>
    public const string RespondAsync = "respond-async";

    /// <summary>Whether the caller prefers that.</summary>
    public static bool PrefersAsync(this HttpRequest request)
        => request.Headers.TryGetValue("Prefer", out var preferences)
            && preferences.SelectMany(line => (line ?? "").Split(',', ';')).Any(word => word.Trim().Equals(RespondAsync, StringComparison.OrdinalIgnoreCase));

    /// <summary>Ends when the caller leaves or the route's time is over; the function's own token ends only with the host.</summary>
    public static CancellationToken Aborted(this HttpRequest request) => request.HttpContext.RequestAborted;
}
