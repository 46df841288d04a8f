using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.Extensions.Hosting;

public static class MiddlewareWorkerApplicationBuilderExtensions
{
    /// <summary>Adds a middleware of which there is one instance, made by the services.</summary>
    public static IFunctionsWorkerApplicationBuilder UseMiddleware<T>(this IFunctionsWorkerApplicationBuilder builder)
        where T : class, IFunctionsWorkerMiddleware
    {
        builder.Services.AddSingleton<T>();
        return builder.Use(next =>
        {
            var resolve = Singleton<T>();
            return context => resolve(context).Invoke(context, next);
        });
    }

    public static IFunctionsWorkerApplicationBuilder UseWhen<T>(this IFunctionsWorkerApplicationBuilder builder, Func<FunctionContext, bool> predicate)
        where T : class, IFunctionsWorkerMiddleware
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(predicate);
        builder.Services.AddSingleton<T>();
        return builder.Use(next =>
        {
            var resolve = Singleton<T>();
            return context => predicate(context) ? resolve(context).Invoke(context, next) : next(context);
        });
    }

    public static IFunctionsWorkerApplicationBuilder UseMiddleware(this IFunctionsWorkerApplicationBuilder builder, Func<FunctionContext, Func<Task>, Task> middleware) =>
        builder.Use(next => context => middleware(context, () => next(context)));

    public static IFunctionsWorkerApplicationBuilder UseWhen(this IFunctionsWorkerApplicationBuilder builder, Func<FunctionContext, bool> predicate, Func<FunctionContext, Func<Task>, Task> middleware)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(predicate);
        ArgumentNullException.ThrowIfNull(middleware);
        return builder.Use(next => context => predicate(context) ? middleware(context, () => next(context)) : next(context));
    }

    // Asking the invocation's services each time would open a scope that a trivial function has no use for.
    private static Func<FunctionContext, T> Singleton<T>()
        where T : class
    {
        T? instance = null;
        return context => instance ??= context.InstanceServices.GetRequiredService<T>();
    }
}
