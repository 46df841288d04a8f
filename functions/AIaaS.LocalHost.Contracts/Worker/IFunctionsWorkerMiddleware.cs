namespace Microsoft.Azure.Functions.Worker.Middleware;

/// <summary>The rest of the pipeline.</summary>
public delegate Task FunctionExecutionDelegate(FunctionContext context);

/// <summary>Runs around every function.</summary>
public interface IFunctionsWorkerMiddleware
{
    Task Invoke(FunctionContext context, FunctionExecutionDelegate next);
}
