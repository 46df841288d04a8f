using AIaaS.Functions.Requests;
using AIaaS.Platform.Http;
using AIaaS.Platform.Operations;
using AIaaS.Platform.Problems;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Operations;

public sealed class HealthFunctions(Readiness readiness)
{
    /// <summary>Tells that the host runs.</summary>
    [Function("HealthLive")]
    [Anonymous]
    [RequestLimits(MaxBodyBytes = 0)]
    [Answers(200, typeof(Health))]
    public static IResult Live([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "health/live")] HttpRequest request)
        => Reply.Json(new Health("live"));

    /// <summary>Tells whether the host can serve; 503 while it cannot.</summary>
    [Function("HealthReady")]
    [Anonymous]
    [RequestLimits(MaxBodyBytes = 0)]
    [Answers(200, typeof(Health))]
    public async Task<IResult> Ready([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "health/ready")] HttpRequest request)
        => await readiness.IsReadyAsync().WaitAsync(request.HttpContext.RequestAborted)
            ? Reply.Json(new Health("ready"))
            : throw new ProblemException(Problem.Unavailable, "Not ready yet. Ask again in a moment.") { RetryAfter = TimeSpan.FromSeconds(2) };

    private sealed record Health(string Status);
}
