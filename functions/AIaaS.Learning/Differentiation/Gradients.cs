using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Differentiation;

/// <summary>Reverse-mode automatic differentiation: adds to a graph the ordinary operators that compute gradients.</summary>
internal static class Gradients
{
    /// <summary>Gradients of a scalar with respect to values of its graph, each of that value's shape.</summary>
    /// <exception cref="NotSupportedException">An operator between a parameter and the loss has no gradient rule.</exception>
    /// <exception cref="ArgumentException">The loss is no scalar, or does not depend on a parameter.</exception>
    public static IReadOnlyList<Value> Of(Value loss, IReadOnlyList<Value> parameters, GradientRules? rules = null)
    {
        rules ??= GradientRules.Default;
        if (loss.Shape.Rank != 0)
            throw new ArgumentException($"The loss must be a scalar, not of shape {loss.Shape}.", nameof(loss));

        // Nodes are in topological order, so one sweep forward finds what depends on the parameters
        // and one sweep back meets each node after all that use it. The rules add nodes meanwhile: hence the copy.
        var graph = loss.Graph;
        var nodes = graph.Nodes.ToArray();
        var dependent = new HashSet<Value>(parameters);
        foreach (var node in nodes)
        {
            if (node.Inputs.Any(i => i is not null && dependent.Contains(i)))
                dependent.UnionWith(node.Outputs);
        }

        var gradients = new Dictionary<Value, Value> { [loss] = loss.Scalar(1) };
        foreach (var node in nodes.Reverse())
        {
            var incoming = node.Outputs.Select(gradients.GetValueOrDefault).ToArray();
            var needed = node.Inputs.Select(i => i is not null && dependent.Contains(i)).ToArray();
            if (!needed.Contains(true) || incoming.All(g => g is null))
                continue;

            var rule = rules.Find(node) ?? throw new NotSupportedException(
                $"There is no gradient rule for the operator {node}. Rules exist for {string.Join(", ", rules.Operators.Order(StringComparer.Ordinal))}.");
            var contributions = rule(new GradientContext(node, incoming, needed));
            for (var i = 0; i < needed.Length; i++)
            {
                if (needed[i] && contributions[i] is { } contribution)
                    Accumulate(node, node.Inputs[i]!, contribution);
            }
        }

        return [.. parameters.Select(p => gradients.GetValueOrDefault(p)
            ?? throw new ArgumentException($"The loss '{loss.Name}' does not depend on '{p.Name}'.", nameof(parameters)))];

        void Accumulate(Node node, Value input, Value contribution)
        {
            if (!contribution.Shape.Equals(input.Shape))
                throw new InvalidOperationException($"The rule for {node} gave a gradient of shape {contribution.Shape} for '{input.Name}' of shape {input.Shape}.");
            gradients[input] = gradients.TryGetValue(input, out var sum) ? sum + contribution : contribution;
        }
    }
}
