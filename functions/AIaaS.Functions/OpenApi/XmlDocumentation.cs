using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace AIaaS.Functions.OpenApi;

/// <summary>The documentation comments of assemblies, from the XML files that the compiler writes beside them.</summary>
internal sealed partial class XmlDocumentation
{
    private readonly Dictionary<Assembly, Dictionary<string, XElement>> _assemblies = [];

    /// <returns>Null where nothing is written.</returns>
    public string? Of(Type type) => Text(Find(type, $"T:{NameOf(type)}")?.Element("summary"));

    /// <inheritdoc cref="Of(Type)"/>
    public string? Of(MethodInfo method) => Text(FindMethod(method)?.Element("summary"));

    /// <inheritdoc cref="Of(Type)"/>
    public string? OfParameter(MethodInfo method, string parameter)
        => Text(FindMethod(method)?.Elements("param").FirstOrDefault(param => (string?)param.Attribute("name") == parameter));

    /// <inheritdoc cref="Of(Type)"/>
    public string? Of(FieldInfo field) => Text(Find(field.DeclaringType!, $"F:{NameOf(field.DeclaringType!)}.{field.Name}")?.Element("summary"));

    /// <summary>Of a property, which a positional record describes with its parameters.</summary>
    public string? Of(PropertyInfo property)
    {
        var type = property.DeclaringType!;
        return Text(Find(type, $"P:{NameOf(type)}.{property.Name}")?.Element("summary"))
            ?? Text(Find(type, $"T:{NameOf(type)}")?.Elements("param").FirstOrDefault(param => (string?)param.Attribute("name") == property.Name));
    }

    private XElement? FindMethod(MethodInfo method)
    {
        // Functions are not overloaded, so what follows the name need not be told.
        var name = $"M:{NameOf(method.DeclaringType!)}.{method.Name}";
        return Members(method.DeclaringType!.Assembly).FirstOrDefault(member => member.Key == name || member.Key.StartsWith($"{name}(", StringComparison.Ordinal)).Value;
    }

    private XElement? Find(Type type, string name) => Members(type.Assembly).GetValueOrDefault(name);

    private Dictionary<string, XElement> Members(Assembly assembly)
    {
        if (!_assemblies.TryGetValue(assembly, out var members))
        {
            var file = Path.ChangeExtension(assembly.Location, ".xml");
            members = File.Exists(file)
                ? XDocument.Load(file, LoadOptions.PreserveWhitespace).Descendants("member").ToDictionary(member => (string)member.Attribute("name")!, StringComparer.Ordinal)
                : [];
            _assemblies[assembly] = members;
        }

        return members;
    }

    private static string NameOf(Type type)
        => (type.IsGenericType ? type.GetGenericTypeDefinition() : type).FullName!.Replace('+', '.');

    private static string? Text(XElement? element)
    {
        if (element is null)
        {
            return null;
        }

        var text = new StringBuilder();
        foreach (var node in element.Nodes())
        {
            text.Append(node switch
            {
                XElement { Name.LocalName: "see" or "seealso" or "paramref" } reference => WordOf(reference),
                XElement { Name.LocalName: "c" or "code" } code => $"`{code.Value}`",
                XElement other => other.Value,
                XText plain => plain.Value,
                _ => "",
            });
        }

        return Blanks().Replace(text.ToString(), " ").Trim() is { Length: > 0 } words ? words : null;
    }

    // Readers of the API know members by their JSON names.
    private static string WordOf(XElement reference)
    {
        var target = (string?)reference.Attribute("cref") ?? (string?)reference.Attribute("name") ?? (string?)reference.Attribute("langword") ?? "";
        var last = target.Split('(')[0].Split('.', ':')[^1];
        return target.StartsWith("F:", StringComparison.Ordinal)
            ? $"`{JsonNamingPolicy.KebabCaseLower.ConvertName(last)}`"
            : $"`{JsonNamingPolicy.CamelCase.ConvertName(last)}`";
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
