using System.Collections.Frozen;

namespace AIaaS.LocalHost.Functions;

/// <summary>All functions of the app, by name.</summary>
internal sealed class FunctionCatalog(IReadOnlyList<FunctionDescriptor> functions)
{
    private readonly FrozenDictionary<string, FunctionDescriptor> _byName =
        functions.ToFrozenDictionary(function => function.Name, StringComparer.OrdinalIgnoreCase);

    /// <summary>In the order they were found, with those that are disabled.</summary>
    public IReadOnlyList<FunctionDescriptor> Functions { get; } = functions;

    /// <summary>The functions that a trigger of this kind has to run.</summary>
    public IEnumerable<FunctionDescriptor> Enabled(TriggerKind kind) => Functions.Where(function => function.Kind == kind && !function.IsDisabled);

    public FunctionDescriptor? Find(string name) => _byName.GetValueOrDefault(name);

    /// <exception cref="InvalidOperationException">There is no such function.</exception>
    public FunctionDescriptor Get(string name) => Find(name) ?? throw new InvalidOperationException($"There is no function '{name}'.");
}
