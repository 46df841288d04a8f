using System.Collections.Immutable;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Configuration;

namespace AIaaS.LocalHost.Functions;

/// <summary>Finds the methods marked <c>[Function]</c>, once, and refuses at start-up what could not run.</summary>
internal static partial class FunctionDiscovery
{
    private static readonly Dictionary<Type, (TriggerKind Kind, string BindingType)> Triggers = new()
    {
        [typeof(HttpTriggerAttribute)] = (TriggerKind.Http, "httpTrigger"),
        [typeof(BlobTriggerAttribute)] = (TriggerKind.Blob, "blobTrigger"),
        [typeof(ServiceBusTriggerAttribute)] = (TriggerKind.Queue, "serviceBusTrigger"),
        [typeof(TimerTriggerAttribute)] = (TriggerKind.Timer, "timerTrigger"),
        [typeof(OrchestrationTriggerAttribute)] = (TriggerKind.Orchestration, "orchestrationTrigger"),
        [typeof(ActivityTriggerAttribute)] = (TriggerKind.Activity, "activityTrigger"),
    };

    private static readonly string[] BlobData = ["blobTrigger", "uri", "properties", "metadata"];
    private static readonly string[] MessageData = ["messageId", "deliveryCount", "lockToken"];
    private static readonly string[] ActivityData = ["instanceId"];

    /// <param name="types">Classes to look through; those without functions are passed over.</param>
    /// <param name="configuration">Switches functions off: <c>AzureWebJobs.{name}.Disabled</c> or <c>AzureWebJobs__{name}__Disabled</c>.</param>
    /// <param name="routePrefix">Goes before every route; may be empty.</param>
    /// <exception cref="InvalidOperationException">Some functions cannot run; the message names each method and why.</exception>
    public static FunctionCatalog Discover(IEnumerable<Type> types, IConfiguration configuration, string routePrefix)
    {
        const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        var functions = new List<FunctionDescriptor>();
        var errors = new List<string>();
        foreach (var method in types.SelectMany(type => type.GetMethods(All)))
        {
            if (method.GetCustomAttribute<FunctionAttribute>() is not { } attribute)
                continue;

            try
            {
                functions.Add(Describe(attribute.Name, method, IsDisabled(configuration, attribute.Name), routePrefix));
            }
            catch (FunctionRefusedException refused)
            {
                errors.Add($"{DisplayName(method)}: {refused.Message}");
            }
        }

        foreach (var same in functions.GroupBy(function => function.Name, StringComparer.OrdinalIgnoreCase).Where(group => group.Count() > 1))
            errors.Add($"{string.Join(" and ", same.Select(function => DisplayName(function.Method)))}: the name '{same.Key}' is taken twice.");
        errors.AddRange(FindSharedRoutes(functions));

        if (errors.Count > 0)
            throw new InvalidOperationException($"Some functions cannot run:{string.Concat(errors.Select(error => $"{Environment.NewLine}  {error}"))}");
        return new FunctionCatalog(functions);
    }

    private static FunctionDescriptor Describe(string name, MethodInfo method, bool disabled, string routePrefix)
    {
        if (!FunctionName().IsMatch(name))
            throw new FunctionRefusedException($"the name '{name}' must be 1 to 128 letters, digits, '_' and '-', beginning with a letter.");
        CheckMethod(method);

        var triggers = (
            from parameter in method.GetParameters()
            from candidate in parameter.GetCustomAttributes()
            where Triggers.ContainsKey(candidate.GetType())
            select (Parameter: parameter, Attribute: candidate)).ToList();
        if (triggers is not [var trigger])
            throw new FunctionRefusedException($"it must have one trigger, and has {triggers.Count}.");

        var (kind, bindingType) = Triggers[trigger.Attribute.GetType()];
        var route = trigger.Attribute is HttpTriggerAttribute http ? ParseRoute(routePrefix, http.Route ?? name) : null;
        var named = NamesGivenBy(trigger.Attribute, kind, route);
        return new FunctionDescriptor
        {
            Name = name,
            Method = method,
            Kind = kind,
            Trigger = trigger.Attribute,
            TriggerParameter = trigger.Parameter,
            Definition = Define(name, method, trigger.Parameter, bindingType, kind),
            Route = route,
            IsDisabled = disabled,
            Invoke = FunctionCompiler.CompileInvoke(
                name, method, [.. method.GetParameters().Select(parameter => SourceOf(parameter, trigger.Parameter, kind, named))]),
            ResultOf = FunctionCompiler.CompileResultOf(method),
        };
    }

    private static void CheckMethod(MethodInfo method)
    {
        var type = method.DeclaringType!;
        if (!method.IsPublic || !type.IsVisible)
            throw new FunctionRefusedException("the method and its class must be public.");
        if (method.IsGenericMethod || type.ContainsGenericParameters || (type.IsAbstract && !method.IsStatic))
            throw new FunctionRefusedException("neither the method nor its class may be generic or abstract.");
        if (!method.IsStatic && type.GetConstructors().Length == 0)
            throw new FunctionRefusedException("its class needs a public constructor.");
        if (method.ReturnType == typeof(void) && method.IsDefined(typeof(AsyncStateMachineAttribute)))
            throw new FunctionRefusedException("an asynchronous method must return Task, or its errors are lost.");
        if (method.ReturnType == typeof(ValueTask) || (method.ReturnType.IsGenericType && method.ReturnType.GetGenericTypeDefinition() == typeof(ValueTask<>)))
            throw new FunctionRefusedException("return Task in place of ValueTask, which the genuine worker does not await.");
    }

    private static ParameterSource SourceOf(ParameterInfo parameter, ParameterInfo trigger, TriggerKind kind, string[] named)
    {
        var type = parameter.ParameterType;
        if (type.IsByRef || parameter.Name is null)
            throw new FunctionRefusedException($"its parameter '{parameter.Name}' must be passed by value.");

        if (parameter == trigger)
        {
            var acceptable = kind switch
            {
                TriggerKind.Http => type == typeof(HttpRequest),
                TriggerKind.Blob or TriggerKind.Queue => TriggerValues.IsPayloadType(type),
                TriggerKind.Timer => type == typeof(TimerInfo),
                TriggerKind.Orchestration => type == typeof(TaskOrchestrationContext),
                _ => true,
            };
            if (!acceptable)
            {
                var expected = kind switch
                {
                    TriggerKind.Http => "HttpRequest",
                    TriggerKind.Timer => "TimerInfo",
                    TriggerKind.Orchestration => "TaskOrchestrationContext",
                    _ => "Stream, string, byte[] or BinaryData",
                };
                throw new FunctionRefusedException($"its trigger parameter '{parameter.Name}' must be {expected}, not {type.Name}.");
            }

            return kind == TriggerKind.Http ? ParameterSource.Request : ParameterSource.Trigger;
        }

        if (type == typeof(FunctionContext))
            return ParameterSource.Context;
        if (type == typeof(CancellationToken) || type == typeof(CancellationToken?))
            return ParameterSource.CancellationToken;
        if (type == typeof(HttpRequest) && kind == TriggerKind.Http)
            return ParameterSource.Request;
        if (type == typeof(DurableTaskClient) && parameter.IsDefined(typeof(DurableClientAttribute)))
            return ParameterSource.Services;
        if (TriggerValues.IsNamedValueType(type))
        {
            if (named.Contains(parameter.Name, StringComparer.OrdinalIgnoreCase) || (kind == TriggerKind.Http && IsOptional(parameter)))
                return ParameterSource.Named;
            if (kind == TriggerKind.Http)
                throw new FunctionRefusedException($"its route has no '{{{parameter.Name}}}'; make the parameter nullable or give it a default value to read it from the query.");
        }

        throw new FunctionRefusedException($"nothing gives its parameter '{parameter.Name}' of type {type.Name} a value.");
    }

    private static bool IsOptional(ParameterInfo parameter) =>
        parameter.HasDefaultValue || new NullabilityInfoContext().Create(parameter).ReadState == NullabilityState.Nullable;

    private static string[] NamesGivenBy(Attribute trigger, TriggerKind kind, RoutePattern? route) => kind switch
    {
        TriggerKind.Http => [.. route!.Parameters.Select(parameter => parameter.Name)],
        TriggerKind.Blob => [.. BlobData, .. Capture().Matches(((BlobTriggerAttribute)trigger).BlobPath).Select(match => match.Groups[1].Value)],
        TriggerKind.Queue => MessageData,
        TriggerKind.Activity => ActivityData,
        _ => [],
    };

    private static RoutePattern ParseRoute(string prefix, string route)
    {
        RoutePattern pattern;
        try
        {
            pattern = RoutePatternFactory.Parse($"{prefix.Trim('/')}/{route.TrimStart('/')}".TrimStart('/'));
        }
        catch (RoutePatternException exception)
        {
            throw new FunctionRefusedException($"its route '{route}' cannot be read: {exception.Message}");
        }

        if (pattern.PathSegments is [{ Parts: [RoutePatternLiteralPart first] }, ..]
            && (first.Content.Equals("admin", StringComparison.OrdinalIgnoreCase) || first.Content.Equals("runtime", StringComparison.OrdinalIgnoreCase)))
        {
            throw new FunctionRefusedException($"its route '{route}' begins with '{first.Content}', which the genuine host keeps for itself.");
        }

        return pattern;
    }

    private static IEnumerable<string> FindSharedRoutes(List<FunctionDescriptor> functions) =>
        from function in functions
        where function is { Kind: TriggerKind.Http, IsDisabled: false }
        let methods = ((HttpTriggerAttribute)function.Trigger).Methods
        from method in methods is { Length: > 0 } ? methods : ["*"]
        group function by (Shape(function.Route!), method.ToUpperInvariant()) into same
        where same.Count() > 1
        select $"{string.Join(" and ", same.Select(function => DisplayName(function.Method)))}: both answer {same.Key.Item2} at '{same.First().Route!.RawText}'.";

    /// <summary>A route without its parameters' names, which make no difference to what it matches.</summary>
    private static string Shape(RoutePattern route) => string.Join('/', route.PathSegments.Select(segment => string.Concat(segment.Parts.Select(part => part switch
    {
        RoutePatternLiteralPart literal => literal.Content.ToUpperInvariant(),
        RoutePatternSeparatorPart separator => separator.Content,
        RoutePatternParameterPart parameter => $"{{{(parameter.IsCatchAll ? "*" : "")}:{string.Join(':', parameter.ParameterPolicies.Select(policy => policy.Content))}}}",
        _ => "",
    }))));

    private static LocalFunctionDefinition Define(string name, MethodInfo method, ParameterInfo trigger, string bindingType, TriggerKind kind)
    {
        var parameters = method.GetParameters().Select(parameter =>
        {
            var binding = parameter.GetCustomAttributes().OfType<BindingAttribute>().FirstOrDefault();
            var properties = ImmutableDictionary<string, object>.Empty;
            return new FunctionParameter(
                parameter.Name!, parameter.ParameterType, parameter.HasDefaultValue, parameter.HasDefaultValue ? parameter.DefaultValue : null,
                binding is null ? properties : properties.Add(LocalFunctionDefinition.BindingAttributeKey, binding));
        });

        var inputs = ImmutableDictionary<string, BindingMetadata>.Empty
            .Add(trigger.Name!, new LocalBindingMetadata(trigger.Name!, bindingType, BindingDirection.In));
        foreach (var client in method.GetParameters().Where(parameter => parameter.IsDefined(typeof(DurableClientAttribute))))
            inputs = inputs.Add(client.Name!, new LocalBindingMetadata(client.Name!, "durableClient", BindingDirection.In));

        var outputs = ImmutableDictionary<string, BindingMetadata>.Empty;
        if (kind == TriggerKind.Http)
            outputs = outputs.Add("$return", new LocalBindingMetadata("$return", "http", BindingDirection.Out));
        return new LocalFunctionDefinition(name, method, [.. parameters], inputs, outputs);
    }

    private static bool IsDisabled(IConfiguration configuration, string name)
    {
        // Names of environment variables cannot hold dots everywhere; '__' in them reads as ':'.
        var value = configuration[$"AzureWebJobs.{name}.Disabled"] ?? configuration[$"AzureWebJobs:{name}:Disabled"];
        return value is "1" || string.Equals(value, "true", StringComparison.OrdinalIgnoreCase);
    }

    private static string DisplayName(MethodInfo method) => $"{method.DeclaringType!.FullName}.{method.Name}";

    [GeneratedRegex("^[a-z][a-z0-9_-]{0,127}\\z", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex FunctionName();

    [GeneratedRegex(@"\{([^{}]+)\}", RegexOptions.CultureInvariant)]
    private static partial Regex Capture();

    private sealed class FunctionRefusedException(string message) : Exception(message);
}
