namespace AIaaS.Infra.Tests.Bicep;

/// <summary>
/// Finds what the Bicep compiler would refuse: names that nothing declares, parameters that a module lacks or that are
/// missing, outputs that are not there, types that differ, circles. Also what its linter would warn of: what is declared and
/// never used. It knows the parts of the language that these files use, and is no compiler.
/// </summary>
internal static class Linter
{
    private static readonly HashSet<string> Functions = new(StringComparer.Ordinal)
    {
        "allowed", "cidrSubnet", "concat", "contains", "description", "empty", "environment", "guid", "loadTextContent", "maxLength",
        "maxValue", "metadata", "minLength", "minValue", "replace", "resourceGroup", "resourceId", "split", "subscription",
        "subscriptionResourceId", "tenant", "toLower", "union", "uniqueString",
    };

    public static IReadOnlyList<string> Check(IReadOnlyList<BicepFile> files)
        => [.. files.SelectMany(file => Check(file, files))];

    private static List<string> Check(BicepFile file, IReadOnlyList<BicepFile> files)
    {
        var findings = new List<string>();
        var declarations = file.Parameters.Keys
            .Concat(file.Variables.Keys)
            .Concat(file.Resources.Select(resource => resource.Symbol))
            .Concat(file.Modules.Select(module => module.Symbol))
            .ToList();
        foreach (var twice in declarations.GroupBy(name => name).Where(group => group.Count() > 1))
        {
            findings.Add($"{file.Path}: '{twice.Key}' is declared twice");
        }

        var declared = declarations.ToHashSet();
        var used = new HashSet<string>();
        Visit(file.Root, []);
        foreach (var unused in file.Parameters.Keys.Concat(file.Variables.Keys).Where(name => !used.Contains(name)))
        {
            findings.Add($"{file.Path}: '{unused}' is never used");
        }

        foreach (var idle in file.Resources.Where(resource => resource.Existing && !used.Contains(resource.Symbol)))
        {
            findings.Add($"{file.Path}: the existing resource '{idle.Symbol}' is never used");
        }

        foreach (var module in file.Modules)
        {
            CheckModule(file, module, files, findings);
        }

        foreach (var (name, output) in file.Outputs)
        {
            if (TypeOf(output.Value, file, files) is { } actual && actual != output.Type)
            {
                findings.Add($"{file.Path}({output.Value.Line}): the output '{name}' is a {output.Type} and is given a {actual}");
            }
        }

        findings.AddRange(OutputUses(file).Where(use => !Has(use.Module, use.Output)).Select(use =>
            $"{file.Path}({use.Line}): the module '{use.Module}' has no output '{use.Output}'"));
        findings.AddRange(Circles(file));
        return findings;

        bool Has(string symbol, string output)
            => files.FirstOrDefault(candidate => candidate.Path == file.PathOf(file.Modules.Single(module => module.Symbol == symbol)))?.Outputs.ContainsKey(output) ?? true;

        void Visit(BicepNode node, HashSet<string> locals)
        {
            if (node.Type == "for_statement")
            {
                locals = [.. locals, .. node.Descend().Where(name => name.Type is "loop_variable" or "loop_enumerator").Select(name => name.Text)];
                if (node.ChildInField("initializer") is { } initializer)
                {
                    locals.Add(initializer.Text);
                }
            }

            if (node.Type == "call_expression")
            {
                var function = node.ChildInField("function")!;
                if (function.Type == "identifier" && !Functions.Contains(function.Text))
                {
                    findings.Add($"{file.Path}({function.Line}): there is no function '{function.Text}'; if there is, add it to the linter");
                }
            }

            for (var index = 0; index < node.Children.Count; index++)
            {
                var child = node.Children[index];
                if (child.Type != "identifier")
                {
                    Visit(child, locals);
                }
                else if (IsUse(node, child))
                {
                    used.Add(child.Text);
                    if (!locals.Contains(child.Text) && !declared.Contains(child.Text))
                    {
                        findings.Add($"{file.Path}({child.Line}): nothing declares '{child.Text}'");
                    }
                }
            }
        }
    }

    private static bool IsUse(BicepNode parent, BicepNode identifier) => parent.Type switch
    {
        "parameter_declaration" => parent.Parts.Count > 2 && ReferenceEquals(parent.Parts[2], identifier),
        "type" => false,
        "call_expression" => identifier.Field != "function",
        "for_statement" => identifier.Field != "initializer",
        "variable_declaration" or "object_property" or "metadata_declaration" => ReferenceEquals(parent.Parts[1], identifier),
        "output_declaration" => parent.Parts.Count > 2 && ReferenceEquals(parent.Parts[2], identifier),
        "resource_declaration" or "module_declaration" => false,
        // What is behind '::' is a resource inside the one before it.
        "resource_expression" => identifier.Field == "object",
        _ => true,
    };

    private static void CheckModule(BicepFile file, BicepResource module, IReadOnlyList<BicepFile> files, List<string> findings)
    {
        var where = $"{file.Path}({module.Node.Line})";
        if (files.FirstOrDefault(candidate => candidate.Path == file.PathOf(module)) is not { } target)
        {
            findings.Add($"{where}: there is no file '{module.Type}'");
            return;
        }

        var given = module.Body.Find("params")?.Properties ?? new Dictionary<string, BicepNode>();
        foreach (var (name, value) in given)
        {
            if (!target.Parameters.TryGetValue(name, out var parameter))
            {
                findings.Add($"{where}: '{module.Type}' has no parameter '{name}'");
            }
            else if (TypeOf(value, file, files) is { } actual && actual != parameter.Type)
            {
                findings.Add($"{file.Path}({value.Line}): the parameter '{name}' of '{module.Type}' is a {parameter.Type} and is given a {actual}");
            }
        }

        findings.AddRange(target.Parameters
            .Where(parameter => parameter.Value.Default is null && !given.ContainsKey(parameter.Key))
            .Select(parameter => $"{where}: '{module.Type}' needs the parameter '{parameter.Key}'"));
    }

    /// <summary>The type of a value, where it can be told.</summary>
    private static string? TypeOf(BicepNode value, BicepFile file, IReadOnlyList<BicepFile> files)
    {
        switch (value.Type)
        {
            case "string":
                return "string";
            case "number":
                return "int";
            case "boolean":
                return "bool";
            case "array" or "for_statement":
                return "array";
            case "object":
                return "object";
            case "unary_expression" when value.ChildInField("operator")?.Text == "!":
                return "bool";
            case "binary_expression":
                return value.ChildInField("operator")?.Text is "==" or "!=" or "&&" or "||" or "<" or ">" or "<=" or ">=" ? "bool" : null;
            case "ternary_expression":
                return TypeOf(value.Parts[1], file, files) ?? TypeOf(value.Parts[2], file, files);
            case "identifier" when file.Parameters.TryGetValue(value.Text, out var parameter):
                return parameter.Type;
            case "identifier" when file.Variables.TryGetValue(value.Text, out var variable):
                return TypeOf(variable, file, files);
            case "member_expression" when value.ChildInField("property")?.Text is "id" or "name" && value.ChildInField("object") is { Type: "identifier" } of
                && file.Resources.Any(resource => resource.Symbol == of.Text):
                return "string";
            case "member_expression":
                return OutputUse(value, file) is var (module, output, _)
                    && files.FirstOrDefault(candidate => candidate.Path == file.PathOf(file.Modules.Single(item => item.Symbol == module))) is { } target
                    && target.Outputs.TryGetValue(output, out var declaration) ? declaration.Type : null;
            default:
                return null;
        }
    }

    private static IEnumerable<(string Module, string Output, int Line)> OutputUses(BicepFile file)
    {
        foreach (var node in file.Root.Descend())
        {
            if (OutputUse(node, file) is { } use)
            {
                yield return use;
            }
        }
    }

    // module.outputs.name
    private static (string Module, string Output, int Line)? OutputUse(BicepNode node, BicepFile file)
        => node.Type == "member_expression"
            && node.ChildInField("object") is { Type: "member_expression" } inner
            && inner.ChildInField("property")?.Text == "outputs"
            && inner.ChildInField("object") is { Type: "identifier" } symbol
            && file.Modules.Any(module => module.Symbol == symbol.Text)
            ? (symbol.Text, node.ChildInField("property")!.Text, node.Line) : null;

    private static IEnumerable<string> Circles(BicepFile file)
    {
        var made = file.Resources.Where(resource => !resource.Existing).Concat(file.Modules).ToDictionary(item => item.Symbol, item => item.Node);
        var needs = made.ToDictionary(item => item.Key, item => Needs(item.Value, item.Key).ToHashSet());
        foreach (var start in needs.Keys)
        {
            var seen = new HashSet<string>();
            var open = new Stack<string>(needs[start]);
            while (open.TryPop(out var next))
            {
                if (next == start)
                {
                    yield return $"{file.Path}: '{start}' depends on itself";
                    break;
                }

                if (seen.Add(next))
                {
                    foreach (var further in needs[next])
                    {
                        open.Push(further);
                    }
                }
            }
        }

        IEnumerable<string> Needs(BicepNode node, string self)
            => node.Descend()
                .SelectMany(parent => parent.Children.Where(child => child.Type == "identifier" && IsUse(parent, child)))
                .SelectMany(name => file.Variables.TryGetValue(name.Text, out var variable) ? Needs(variable, self).Prepend(variable.Type == "identifier" ? variable.Text : "") : [name.Text])
                .Where(name => name != self && made.ContainsKey(name));
    }
}
