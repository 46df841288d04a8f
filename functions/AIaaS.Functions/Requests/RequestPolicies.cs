using System.Collections.Frozen;
using System.Reflection;
using AIaaS.Platform.Security;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Requests;

/// <summary>What an HTTP function declares of its requests.</summary>
/// <param name="Function">Its name.</param>
/// <param name="Route">Its route's template, for logs: a template names no tenant's things.</param>
/// <param name="Role">The role it needs; null where it declares none.</param>
/// <param name="Anonymous">Whether it declares to need none.</param>
/// <param name="MaxBodyBytes">The longest body.</param>
/// <param name="Timeout">Null for none.</param>
internal sealed record RequestPolicy(string Function, string Route, Role? Role, bool Anonymous, long MaxBodyBytes, TimeSpan? Timeout)
{
    /// <summary>Of a function without declaration, which nobody may call.</summary>
    public static RequestPolicy Undeclared(string function) => new(
        function, function, null, false, RequestLimitsAttribute.DefaultMaxBodyBytes, TimeSpan.FromSeconds(RequestLimitsAttribute.DefaultTimeoutSeconds));
}

/// <summary>The declarations of all HTTP functions, read once.</summary>
internal sealed class RequestPolicies
{
    private readonly FrozenDictionary<string, RequestPolicy> _byFunction;

    /// <param name="functions">The assembly with the function classes.</param>
    /// <exception cref="InvalidOperationException">A function contradicts itself.</exception>
    public RequestPolicies(Assembly functions)
        : this(functions.GetTypes())
    {
    }

    internal RequestPolicies(IEnumerable<Type> types)
        => _byFunction = types
            .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .Select(Read)
            .OfType<RequestPolicy>()
            .ToFrozenDictionary(policy => policy.Function, StringComparer.Ordinal);

    public IReadOnlyCollection<RequestPolicy> All => _byFunction.Values;

    public RequestPolicy Of(string function) => _byFunction.TryGetValue(function, out var policy) ? policy : RequestPolicy.Undeclared(function);

    private static RequestPolicy? Read(MethodInfo method)
    {
        if (method.GetCustomAttribute<FunctionAttribute>() is not { } function
            || method.GetParameters().Select(parameter => parameter.GetCustomAttribute<HttpTriggerAttribute>()).FirstOrDefault(trigger => trigger is not null) is not { } trigger)
        {
            return null;
        }

        var role = method.GetCustomAttribute<RequiresRoleAttribute>()?.Role;
        var anonymous = method.IsDefined(typeof(AnonymousAttribute));
        if (role is not null && anonymous)
        {
            throw new InvalidOperationException($"The function '{function.Name}' declares both a role and that it needs none.");
        }

        var limits = method.GetCustomAttribute<RequestLimitsAttribute>() ?? new RequestLimitsAttribute();
        return new RequestPolicy(
            function.Name,
            $"/{trigger.Route ?? function.Name}",
            role,
            anonymous,
            limits.MaxBodyBytes,
            limits.TimeoutSeconds > 0 ? TimeSpan.FromSeconds(limits.TimeoutSeconds) : null);
    }
}
