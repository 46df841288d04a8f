using System.Reflection;
using Microsoft.AspNetCore.Routing.Patterns;

namespace AIaaS.LocalHost.Functions;

/// <summary>What runs a function.</summary>
internal enum TriggerKind
{
    Http,
    Blob,
    Queue,
    Timer,
    Orchestration,
    Activity,
}

/// <summary>A discovered function, ready to run.</summary>
internal sealed class FunctionDescriptor
{
    public required string Name { get; init; }

    public required MethodInfo Method { get; init; }

    public required TriggerKind Kind { get; init; }

    /// <summary>The attribute on <see cref="TriggerParameter"/>, such as <see cref="Microsoft.Azure.Functions.Worker.BlobTriggerAttribute"/>.</summary>
    public required Attribute Trigger { get; init; }

    public required ParameterInfo TriggerParameter { get; init; }

    public required LocalFunctionDefinition Definition { get; init; }

    /// <summary>The parsed route beneath the prefix; null for other triggers than HTTP.</summary>
    public RoutePattern? Route { get; init; }

    /// <summary>Switched off by <c>AzureWebJobs.{name}.Disabled</c>: no trigger may run it.</summary>
    public bool IsDisabled { get; init; }

    /// <summary>Creates the function's class, binds its parameters and calls it; the method's own task comes back unwrapped.</summary>
    public required Func<LocalFunctionContext, Task> Invoke { get; init; }

    /// <summary>What a completed task of <see cref="Invoke"/> holds.</summary>
    public required Func<Task, object?> ResultOf { get; init; }

    public override string ToString() => Name;
}
