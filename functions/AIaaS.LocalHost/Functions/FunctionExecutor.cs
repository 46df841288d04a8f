using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.DurableTask;
using Microsoft.Extensions.DependencyInjection;

namespace AIaaS.LocalHost.Functions;

/// <summary>Runs functions for every trigger but HTTP, which has its own context.</summary>
/// <param name="catalog">The functions.</param>
/// <param name="pipeline">The middleware, ending in <see cref="FunctionPipeline.InvokeFunction"/>.</param>
/// <param name="scopes">Each invocation gets a scope of its own, like under the genuine worker.</param>
internal sealed class FunctionExecutor(FunctionCatalog catalog, FunctionExecutionDelegate pipeline, IServiceScopeFactory scopes) : IFunctionExecutor
{
    public async Task<object?> ExecuteAsync(string functionName, TriggerData data, CancellationToken cancellationToken)
    {
        await using var context = new LocalFunctionContext(catalog.Get(functionName), data, scopes, cancellationToken);
        await pipeline(context);
        return context.InvocationResult;
    }

    /// <summary>
    /// Calls an orchestrator as plain code: no middleware, no awaits of ours, so nothing but its own code decides on which
    /// thread and in which order it goes on.
    /// </summary>
    /// <param name="function">An orchestrator.</param>
    /// <param name="orchestrationContext">What its trigger parameter gets.</param>
    /// <param name="services">Makes its class; must live as long as the task.</param>
    /// <param name="cancellationToken">What a parameter of that type gets.</param>
    /// <returns>The method's own task; <see cref="FunctionDescriptor.ResultOf"/> gives what it holds once it has completed.</returns>
    public static Task InvokeOrchestrator(FunctionDescriptor function, TaskOrchestrationContext orchestrationContext, IServiceProvider services, CancellationToken cancellationToken)
    {
        var data = new TriggerData(orchestrationContext, new Dictionary<string, object?>());
        return function.Invoke(new LocalFunctionContext(function, data, services, cancellationToken));
    }
}
