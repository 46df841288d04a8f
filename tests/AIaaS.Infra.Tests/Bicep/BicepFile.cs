namespace AIaaS.Infra.Tests.Bicep;

/// <summary>What a Bicep file declares.</summary>
internal sealed class BicepFile
{
    public BicepFile(string path, BicepNode root)
    {
        Path = path;
        Root = root;
        foreach (var node in root.Parts)
        {
            switch (node.Type)
            {
                case "parameter_declaration":
                    Parameters.Add(node.Parts[0].Text, new BicepParameter(node.Parts[1].Text, node.Parts.Count > 2 ? node.Parts[2] : null));
                    break;
                case "variable_declaration":
                    Variables.Add(node.Parts[0].Text, node.Parts[1]);
                    break;
                case "output_declaration":
                    Outputs.Add(node.Parts[0].Text, new BicepOutput(node.Parts[1].Text, node.Parts[2]));
                    break;
                case "resource_declaration":
                    AddResource(node, parent: null);
                    break;
                case "module_declaration":
                    Modules.Add(BicepResource.Read(node, parent: null));
                    break;
                default:
                    break;
            }
        }
    }

    /// <summary>From the root of the repository.</summary>
    public string Path { get; }

    public BicepNode Root { get; }

    public Dictionary<string, BicepParameter> Parameters { get; } = [];

    public Dictionary<string, BicepNode> Variables { get; } = [];

    public Dictionary<string, BicepOutput> Outputs { get; } = [];

    /// <summary>With those inside others.</summary>
    public List<BicepResource> Resources { get; } = [];

    public List<BicepResource> Modules { get; } = [];

    /// <summary>The module's file, from the root of the repository.</summary>
    public string PathOf(BicepResource module)
        => System.IO.Path.GetRelativePath(
            Repository.Root, System.IO.Path.GetFullPath(System.IO.Path.Combine(Repository.PathOf(Path), "..", module.Type))).Replace('\\', '/');

    private void AddResource(BicepNode node, BicepResource? parent)
    {
        var resource = BicepResource.Read(node, parent);
        Resources.Add(resource);
        foreach (var nested in resource.Body.Parts.Where(part => part.Type == "object_property" && part.Parts[0].Type == "resource_declaration"))
        {
            AddResource(nested.Parts[0], resource);
        }
    }
}

internal sealed record BicepParameter(string Type, BicepNode? Default);

internal sealed record BicepOutput(string Type, BicepNode Value);

/// <summary>A resource or a module.</summary>
/// <param name="Symbol">What the file calls it.</param>
/// <param name="Type">With API version; of a module its path.</param>
/// <param name="Existing">Whether it is only referred to.</param>
/// <param name="Condition">When it is made, or null.</param>
/// <param name="Over">What is looped over, or null.</param>
/// <param name="Body">The object.</param>
/// <param name="Node">The whole declaration.</param>
internal sealed record BicepResource(string Symbol, string Type, bool Existing, BicepNode? Condition, BicepNode? Over, BicepNode Body, BicepNode Node)
{
    public string TypeName => Type.Split('@')[0];

    public static BicepResource Read(BicepNode node, BicepResource? parent)
    {
        var type = node.Parts[1].Literal ?? throw new InvalidOperationException($"The type in line {node.Line} is computed.");
        if (parent is not null && !type.Contains('@', StringComparison.Ordinal))
        {
            var of = parent.Type.Split('@');
            type = $"{of[0]}/{type}@{of[1]}";
        }

        BicepNode? condition = null;
        BicepNode? over = null;
        var body = node.Parts[2];
        while (body.Type != "object")
        {
            if (body.Type == "for_statement")
            {
                over = body.Parts[^2];
                body = body.ChildInField("body")!;
            }
            else
            {
                condition = body.Parts[0];
                body = body.Parts[1];
            }
        }

        return new BicepResource(
            node.Parts[0].Text, type, node.Children.Any(child => child.Type == "existing"), condition, over, body, node);
    }
}
