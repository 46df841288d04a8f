using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Functions.Requests;

internal static class HttpRequestExtensions
{
    /// <summary>Whose data the request works on.</summary>
    public static string Tenant(this HttpRequest request) => request.HttpContext.GetCaller().Tenant;

    /// <summary>Ends when the caller leaves or the route's time is over; the function's own token ends only with the host.</summary>
    public static CancellationToken Aborted(this HttpRequest request) => request.HttpContext.RequestAborted;
}
