using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;

namespace AIaaS.LocalHost.Functions;

/// <summary>The middleware around every function.</summary>
internal static class FunctionPipeline
{
    /// <param name="middleware">In the order of registration: the first is the outermost.</param>
    public static FunctionExecutionDelegate Build(IReadOnlyList<Func<FunctionExecutionDelegate, FunctionExecutionDelegate>> middleware)
    {
        FunctionExecutionDelegate pipeline = InvokeFunction;
        for (var index = middleware.Count - 1; index >= 0; index--)
            pipeline = middleware[index](pipeline);
        return pipeline;
    }

    /// <summary>The end of the pipeline: binds, calls and keeps the result on the invocation.</summary>
    public static Task InvokeFunction(FunctionContext context)
    {
        var local = (LocalFunctionContext)context;
        if (local.HttpContext is null)
            return ConvertAndInvokeAsync(local);

        var task = local.Function.Invoke(local);
        if (!task.IsCompletedSuccessfully)
            return AwaitAsync(local, task);

        local.InvocationResult = local.Function.ResultOf(task);
        return Task.CompletedTask;
    }

    private static async Task ConvertAndInvokeAsync(LocalFunctionContext context)
    {
        var parameter = context.Function.TriggerParameter;
        context.TriggerValue = await TriggerValues.ConvertPayloadAsync(
            context.TriggerValue, parameter.ParameterType, context.Function.Name, parameter.Name!, context.CancellationToken);
        await AwaitAsync(context, context.Function.Invoke(context));
    }

    private static async Task AwaitAsync(LocalFunctionContext context, Task task)
    {
        await task;
        context.InvocationResult = context.Function.ResultOf(task);
    }
}
