namespace AIaaS.Infra.Tests.Bicep;

/// <summary>A node of a syntax tree, as <c>parse-bicep.mjs</c> prints it.</summary>
internal sealed record BicepNode
{
    public required string Type { get; init; }

    /// <summary>Whether the grammar names it; a punctuation mark or keyword it does not.</summary>
    public required bool Named { get; init; }

    /// <summary>What it is to its parent, where the grammar says so.</summary>
    public string? Field { get; init; }

    /// <summary>From 1.</summary>
    public required int Line { get; init; }

    /// <summary>Whether the parser could make nothing of it, or made it up.</summary>
    public required bool Broken { get; init; }

    public required string Text { get; init; }

    public required IReadOnlyList<BicepNode> Children { get; init; }

    /// <summary>The children without punctuation and comments.</summary>
    public IReadOnlyList<BicepNode> Parts => [.. Children.Where(child => child.Named && child.Type is not ("comment" or "diagnostic_comment"))];

    /// <summary>The text of a string without interpolation, or null.</summary>
    public string? Literal => Type == "string" && !Children.Any(child => child.Type == "interpolation") ? Text.Trim('\'') : null;

    public IEnumerable<BicepNode> Descend() => Children.SelectMany(child => child.Descend()).Prepend(this);

    public BicepNode? ChildInField(string field) => Children.FirstOrDefault(child => child.Field == field);

    /// <summary>The properties of an object, by name.</summary>
    public IReadOnlyDictionary<string, BicepNode> Properties => Type != "object"
        ? throw new InvalidOperationException($"Line {Line} has no object but a {Type}.")
        : Parts.Where(part => part.Type == "object_property" && part.Parts[0].Type != "resource_declaration")
            .ToDictionary(part => part.Parts[0].Text.Trim('\''), part => part.Parts[1]);

    /// <summary>The value at a path of property names, or null.</summary>
    public BicepNode? Find(params ReadOnlySpan<string> path)
    {
        var node = this;
        foreach (var name in path)
        {
            if (node.Type != "object" || !node.Properties.TryGetValue(name, out var next))
            {
                return null;
            }

            node = next;
        }

        return node;
    }
}
