using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Microsoft.Azure.Functions.Worker;

public static class FunctionContextExtensions
{
    internal const string HttpContextKey = "HttpRequestContext";

    /// <summary>The request behind the invocation; null for other triggers than HTTP.</summary>
    public static HttpContext? GetHttpContext(this FunctionContext context) =>
        context.Items.TryGetValue(HttpContextKey, out var value) ? value as HttpContext : null;
}

public static class FunctionContextBindingFeatureExtensions
{
    /// <exception cref="InvalidOperationException">The result is not a <typeparamref name="T"/>.</exception>
    public static InvocationResult<T> GetInvocationResult<T>(this FunctionContext context)
    {
        var bindings = GetBindings(context);
        return bindings.InvocationResult is T value
            ? new DefaultInvocationResult<T>(bindings, value)
            : throw new InvalidOperationException($"The result of the invocation is not a {typeof(T)} but {bindings.InvocationResult?.GetType().ToString() ?? "null"}.");
    }

    public static InvocationResult GetInvocationResult(this FunctionContext context) => new DefaultInvocationResult(GetBindings(context));

    private static IFunctionBindingsFeature GetBindings(FunctionContext context) =>
        context.Features.Get<IFunctionBindingsFeature>() ?? throw new InvalidOperationException("The invocation has no bindings.");
}

public static class FunctionContextLoggerExtensions
{
    public static ILogger<T> GetLogger<T>(this FunctionContext context) =>
        context.InstanceServices.GetService<ILogger<T>>()!;

    public static ILogger GetLogger(this FunctionContext context, string categoryName) =>
        context.InstanceServices.GetService<ILoggerFactory>()!.CreateLogger(categoryName);
}
