using System.Diagnostics.CodeAnalysis;
using AIaaS.Platform.Http;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Logging;

namespace AIaaS.Functions.Requests;

/// <summary>
/// What every HTTP request needs: a correlation id, its caller and the caller's role, limits on body and time, errors as
/// problems, and one line in the log. Invocations of other triggers pass through.
/// </summary>
/// <remarks>
/// The function's <see cref="IResult"/> is executed here and not by the host, so that an error while it is written, its
/// status and its time are seen too; the host then finds an empty result.
/// A function takes its token from <see cref="HttpContext.RequestAborted"/>: it tells of the timeout and of callers that left.
/// </remarks>
[SuppressMessage("Performance", "CA1812", Justification = "Made by the services.")]
internal sealed partial class RequestMiddleware(
    RequestPolicies policies, Authenticator authenticator, TimeProvider time, ILogger<RequestMiddleware> logger) : IFunctionsWorkerMiddleware
{
    private const int ClientClosedRequest = 499;

    public Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
        => context.GetHttpContext() is { } http ? InvokeAsync(context, http, next) : next(context);

    private async Task InvokeAsync(FunctionContext context, HttpContext http, FunctionExecutionDelegate next)
    {
        var started = time.GetTimestamp();
        var policy = policies.Of(context.FunctionDefinition.Name);
        http.TraceIdentifier = CorrelationId.Of(http.Request);
        http.Response.Headers[CorrelationId.Header] = http.TraceIdentifier;

        var left = http.RequestAborted;
        var stopping = context.CancellationToken;
        var status = 0;
        using var ending = CreateEnding(policy, left, stopping);
        using var onLeft = ending is null ? default : left.UnsafeRegister(Cancel, ending);
        using var onStopping = ending is null || stopping == left ? default : stopping.UnsafeRegister(Cancel, ending);
        if (ending is not null)
        {
            http.RequestAborted = ending.Token;
        }

        try
        {
            if (await AdmitAsync(http, policy) is { } refusal)
            {
                await refusal.ExecuteAsync(http);
                context.GetInvocationResult().Value = Results.Empty;
            }
            else
            {
                await next(context);
                var returned = context.GetInvocationResult();
                if (returned.Value is IResult result)
                {
                    returned.Value = Results.Empty;
                    await result.ExecuteAsync(http);
                }
            }
        }
        catch (Exception exception) when (left.IsCancellationRequested && exception is OperationCanceledException or IOException or BadHttpRequestException)
        {
            status = ClientClosedRequest;
            context.GetInvocationResult().Value = Results.Empty;
        }
        catch (Exception exception)
        {
            http.RequestAborted = left;
            context.GetInvocationResult().Value = Results.Empty;
            await RefuseAsync(http, policy, ProblemOf(exception, http, policy, ending, stopping));
        }
        finally
        {
            http.RequestAborted = left;
        }

        if (logger.IsEnabled(LogLevel.Information))
        {
            var tenant = http.Features.Get<Caller>()?.Tenant;
            var milliseconds = time.GetElapsedTime(started).TotalMilliseconds;
            LogRequest(http.Request.Method, policy.Route, status == 0 ? http.Response.StatusCode : status, milliseconds, policy.Function, tenant, http.TraceIdentifier);
        }
    }

    /// <returns>Null where the request may go on.</returns>
    private ValueTask<ProblemResult?> AdmitAsync(HttpContext http, RequestPolicy policy)
    {
        if (policy.Anonymous)
        {
            return new ValueTask<ProblemResult?>(LimitBody(http, policy));
        }

        if (policy.Role is null)
        {
            return new ValueTask<ProblemResult?>(new ProblemResult(Problem.Forbidden, "Nobody may call this function: it declares no role."));
        }

        var authenticating = authenticator.AuthenticateAsync(http.Request, http.RequestAborted);
        return authenticating.IsCompletedSuccessfully
            ? new ValueTask<ProblemResult?>(Admit(http, policy, authenticating.Result))
            : AdmitSlowlyAsync(http, policy, authenticating);
    }

    private static async ValueTask<ProblemResult?> AdmitSlowlyAsync(HttpContext http, RequestPolicy policy, ValueTask<Authentication> authenticating)
        => Admit(http, policy, await authenticating);

    private static ProblemResult? Admit(HttpContext http, RequestPolicy policy, in Authentication authentication)
    {
        if (authentication.Caller is not { } caller)
        {
            return new ProblemResult(authentication.Problem!, authentication.Detail!);
        }

        http.SetCaller(caller);
        return caller.MayActAs(policy.Role!.Value)
            ? LimitBody(http, policy)
            : new ProblemResult(
                Problem.Forbidden,
                $"This needs the role '{NameOf(policy.Role.Value)}', and the caller has '{NameOf(caller.Role)}'. Ask an admin for a key with that role.");
    }

    private static ProblemResult? LimitBody(HttpContext http, RequestPolicy policy)
        => http.TryLimitBody(policy.MaxBodyBytes) ? null : ProblemResult.TooLarge(policy.MaxBodyBytes);

    private async Task RefuseAsync(HttpContext http, RequestPolicy policy, ProblemResult problem)
    {
        if (http.Response.HasStarted)
        {
            // Half an answer must not look like a whole one.
            LogBroken(policy.Function, problem.Problem.Type, http.TraceIdentifier);
            http.Abort();
            return;
        }

        http.Response.Clear();
        http.Response.Headers[CorrelationId.Header] = http.TraceIdentifier;
        try
        {
            await problem.ExecuteAsync(http);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
        {
            // Nobody is left to be told.
        }
    }

    private ProblemResult ProblemOf(
        Exception exception, HttpContext http, RequestPolicy policy, CancellationTokenSource? ending, CancellationToken stopping)
    {
        if (exception is OperationCanceledException && stopping.IsCancellationRequested)
        {
            return new ProblemResult(Problem.Unavailable, "The host is stopping. Send the request again.", retryAfter: TimeSpan.FromSeconds(1));
        }

        if (exception is OperationCanceledException && policy.Timeout is { } timeout && ending is { IsCancellationRequested: true })
        {
            return new ProblemResult(
                Problem.Timeout, $"The request took longer than the {timeout.TotalSeconds:0} s it may take here. Ask for less at once, or try again later.");
        }

        var problem = ProblemResult.From(exception);
        if (problem.Problem == Problem.Internal)
        {
            LogFailure(exception, policy.Function, http.TraceIdentifier);
        }

        return exception is BadHttpRequestException && problem.Problem == Problem.TooLarge ? ProblemResult.TooLarge(policy.MaxBodyBytes) : problem;
    }

    // One source for all three ends; which of them it was is asked of their own tokens.
    private CancellationTokenSource? CreateEnding(RequestPolicy policy, CancellationToken left, CancellationToken stopping)
        => policy.Timeout is { } timeout ? new CancellationTokenSource(timeout, time)
            : stopping.CanBeCanceled && stopping != left ? new CancellationTokenSource()
            : null;

    private static void Cancel(object? source) => ((CancellationTokenSource)source!).Cancel();

    private static string NameOf(Role role) => role switch
    {
        Role.Reader => "reader",
        Role.Predictor => "predictor",
        Role.Trainer => "trainer",
        _ => "admin",
    };

    [LoggerMessage(Level = LogLevel.Information, Message = "{Method} {Route} {Status} in {Milliseconds:0.0} ms by {Function} for {Tenant}, {CorrelationId}")]
    private partial void LogRequest(string method, string route, int status, double milliseconds, string function, string? tenant, string correlationId);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Function} failed, {CorrelationId}")]
    private partial void LogFailure(Exception exception, string function, string correlationId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Function} ended as {Problem} after its answer had begun, which was cut off, {CorrelationId}")]
    private partial void LogBroken(string function, string problem, string correlationId);
}
