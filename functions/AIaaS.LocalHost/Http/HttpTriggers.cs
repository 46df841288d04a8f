using AIaaS.LocalHost.Functions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;

namespace AIaaS.LocalHost.Http;

/// <summary>HTTP functions as endpoints, answering as the genuine host does.</summary>
internal sealed partial class HttpTriggers(FunctionCatalog catalog, FunctionExecutionDelegate pipeline, ILogger<HttpTriggers> logger) : EndpointDataSource
{
    public override IReadOnlyList<Endpoint> Endpoints => field ??= [.. catalog.Enabled(TriggerKind.Http).Select(CreateEndpoint)];

    public override IChangeToken GetChangeToken() => new CancellationChangeToken(CancellationToken.None);

    /// <summary>Runs the function that routing chose. An unknown path or method is a bare 404, where ASP.NET Core itself would tell methods by a 405.</summary>
    public static Task RespondAsync(HttpContext context)
    {
        if (context.GetEndpoint() is { RequestDelegate: { } respond } endpoint && endpoint.Metadata.GetMetadata<FunctionDescriptor>() is not null)
            return respond(context);

        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }

    private RouteEndpoint CreateEndpoint(FunctionDescriptor function)
    {
        var methods = ((HttpTriggerAttribute)function.Trigger).Methods ?? [];
        return new RouteEndpoint(
            context => RunAsync(function, context), function.Route!, order: 0,
            new EndpointMetadataCollection(new HttpMethodMetadata(methods), function), function.Name);
    }

    private async Task RunAsync(FunctionDescriptor function, HttpContext httpContext)
    {
        var context = new LocalFunctionContext(function, httpContext);
        try
        {
            await pipeline(context);
            if (context.InvocationResult is IResult result)
                await result.ExecuteAsync(httpContext);
            else if (!httpContext.Response.HasStarted)
                LogNoResult(function.Name, context.InvocationResult?.GetType().Name ?? "null");
        }
        catch (Exception) when (httpContext.RequestAborted.IsCancellationRequested)
        {
            LogAborted(function.Name);
        }
        catch (Exception exception)
        {
            LogFailure(exception, function.Name, context.InvocationId);
            if (httpContext.Response.HasStarted)
            {
                // The caller must not take the truncated body for a whole one.
                httpContext.Abort();
                return;
            }

            httpContext.Response.Clear();
            httpContext.Response.StatusCode = StatusCodes.Status500InternalServerError;
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Function {Function} returned {Type}, which is no response: the caller gets what was written before.")]
    private partial void LogNoResult(string function, string type);

    [LoggerMessage(Level = LogLevel.Debug, Message = "The caller of function {Function} went away.")]
    private partial void LogAborted(string function);

    [LoggerMessage(Level = LogLevel.Error, Message = "Function {Function} failed in invocation {Invocation}.")]
    private partial void LogFailure(Exception exception, string function, string invocation);
}
