using System.Linq.Expressions;
using System.Reflection;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.DependencyInjection;

namespace AIaaS.LocalHost.Functions;

/// <summary>Where one parameter's value comes from.</summary>
internal enum ParameterSource
{
    Trigger,
    Request,
    Context,
    CancellationToken,
    Services,
    Named,
}

/// <summary>Compiles a function's method, once, to a delegate that costs what a hand-written call would.</summary>
internal static class FunctionCompiler
{
    public static Func<LocalFunctionContext, Task> CompileInvoke(string name, MethodInfo method, IReadOnlyList<ParameterSource> sources)
    {
        var context = Expression.Parameter(typeof(LocalFunctionContext), "context");
        var arguments = method.GetParameters().Select((parameter, index) => Argument(name, context, parameter, sources[index]));
        var call = Expression.Call(method.IsStatic ? null : Instance(method.DeclaringType!, context), method, arguments);
        Expression body = call.Type switch
        {
            var type when type == typeof(void) => Expression.Block(call, Expression.Property(null, typeof(Task), nameof(Task.CompletedTask))),
            var type when type.IsAssignableTo(typeof(Task)) => call,
            var type => Expression.Call(typeof(Task), nameof(Task.FromResult), [type], call),
        };
        return Expression.Lambda<Func<LocalFunctionContext, Task>>(Expression.Convert(body, typeof(Task)), context).Compile();
    }

    public static Func<Task, object?> CompileResultOf(MethodInfo method)
    {
        var type = method.ReturnType;
        if (type == typeof(void) || type == typeof(Task))
            return static _ => null;

        var taskType = type.IsAssignableTo(typeof(Task)) ? type : typeof(Task<>).MakeGenericType(type);
        var task = Expression.Parameter(typeof(Task), "task");
        var result = Expression.Property(Expression.Convert(task, taskType), nameof(Task<>.Result));
        return Expression.Lambda<Func<Task, object?>>(Expression.Convert(result, typeof(object)), task).Compile();
    }

    private static Expression Instance(Type type, Expression context)
    {
        var constructors = type.GetConstructors();
        if (constructors is [var only] && only.GetParameters().Length == 0)
            return Expression.New(only);

        var services = Expression.Property(context, nameof(LocalFunctionContext.InstanceServices));
        Expression instance = constructors.Length == 1
            ? Expression.Invoke(Expression.Constant(ActivatorUtilities.CreateFactory(type, Type.EmptyTypes)), services, Expression.Constant(null, typeof(object[])))
            : Expression.Call(typeof(ActivatorUtilities), nameof(ActivatorUtilities.CreateInstance), null, services, Expression.Constant(type), Expression.Constant(Array.Empty<object>()));
        return Expression.Convert(instance, type);
    }

    private static Expression Argument(string function, ParameterExpression context, ParameterInfo parameter, ParameterSource source)
    {
        var type = parameter.ParameterType;
        switch (source)
        {
            case ParameterSource.Trigger:
                return Expression.Convert(Expression.Property(context, nameof(LocalFunctionContext.TriggerValue)), type);
            case ParameterSource.Request:
                return Expression.Property(Expression.Property(context, nameof(LocalFunctionContext.HttpContext)), nameof(HttpContext.Request));
            case ParameterSource.Context:
                return context;
            case ParameterSource.CancellationToken:
                return Expression.Convert(Expression.Property(context, nameof(LocalFunctionContext.CancellationToken)), type);
            case ParameterSource.Services:
                return Expression.Call(
                    typeof(ServiceProviderServiceExtensions), nameof(ServiceProviderServiceExtensions.GetRequiredService), [type],
                    Expression.Property(context, nameof(LocalFunctionContext.InstanceServices)));
            default:
                return Named(function, context, parameter);
        }
    }

    private static BlockExpression Named(string function, ParameterExpression context, ParameterInfo parameter)
    {
        var name = Expression.Constant(parameter.Name);
        var value = Expression.Variable(typeof(object), parameter.Name);
        Expression converted = Expression.Call(
            typeof(TriggerValues), nameof(TriggerValues.ConvertNamed), [parameter.ParameterType], value, Expression.Constant(function), name);
        if (parameter.HasDefaultValue)
        {
            // Reflection gives null for the default of a value type.
            Expression fallback = parameter.DefaultValue is { } given
                ? Expression.Convert(Expression.Constant(given), parameter.ParameterType)
                : Expression.Default(parameter.ParameterType);
            converted = Expression.Condition(Expression.ReferenceEqual(value, Expression.Constant(null)), fallback, converted);
        }

        return Expression.Block(
            [value],
            Expression.Assign(value, Expression.Call(context, nameof(LocalFunctionContext.GetNamedValue), null, name)),
            converted);
    }
}
