using System.Collections.Immutable;
using System.Reflection;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.LocalHost.Functions;

/// <summary>The definition that middleware sees, with the names and types the genuine worker gives.</summary>
internal sealed class LocalFunctionDefinition(
    string name,
    MethodInfo method,
    ImmutableArray<FunctionParameter> parameters,
    IImmutableDictionary<string, BindingMetadata> inputs,
    IImmutableDictionary<string, BindingMetadata> outputs) : FunctionDefinition
{
    /// <summary>The key under which the genuine worker keeps a parameter's attribute.</summary>
    public const string BindingAttributeKey = "bindingAttribute";

    public override ImmutableArray<FunctionParameter> Parameters { get; } = parameters;

    public override string PathToAssembly { get; } = method.DeclaringType!.Assembly.Location;

    public override string EntryPoint { get; } = $"{method.DeclaringType!.FullName}.{method.Name}";

    public override string Id => Name;

    public override string Name { get; } = name;

    public override IImmutableDictionary<string, BindingMetadata> InputBindings { get; } = inputs;

    public override IImmutableDictionary<string, BindingMetadata> OutputBindings { get; } = outputs;
}

internal sealed class LocalBindingMetadata(string name, string type, BindingDirection direction) : BindingMetadata
{
    public override string Name { get; } = name;

    public override string Type { get; } = type;

    public override BindingDirection Direction { get; } = direction;
}
