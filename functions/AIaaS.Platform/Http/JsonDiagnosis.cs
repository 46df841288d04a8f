using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AIaaS.Platform.Problems;

namespace AIaaS.Platform.Http;

/// <summary>
/// Says in the caller's terms why JSON was refused. The serializer's own messages name our types, so the document is gone
/// through once more, this time for its first mistake. Only done for what was already refused.
/// </summary>
internal static class JsonDiagnosis
{
    public static ProblemException Explain(ReadOnlyMemory<byte> body, Type type, JsonSerializerOptions options, JsonException refusal)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(body);
        }
        catch (JsonException syntax)
        {
            return ExplainSyntax(syntax);
        }

        using (document)
        {
            var mistake = Find(document.RootElement, options.GetTypeInfo(type), "", options)
                ?? new Mistake(Trim(refusal.Path), "is not acceptable here");
            return mistake.Path.Length == 0
                ? new ProblemException(Problem.MalformedBody, $"The body {mistake.Complaint}.")
                : new ProblemException(Problem.MalformedBody, $"'{mistake.Path}' {mistake.Complaint}.") { Field = mistake.Path };
        }
    }

    /// <summary>For JSON that was refused where no body is at hand: position and path only.</summary>
    public static ProblemException ExplainSyntax(JsonException exception)
    {
        var where = exception.LineNumber is { } line && exception.BytePositionInLine is { } position ? $" at line {line + 1}, byte {position + 1}" : "";
        var path = Trim(exception.Path);
        return path.Length == 0
            ? new ProblemException(Problem.MalformedBody, $"The body is not valid JSON{where}. Check quotes, commas and brackets there.")
            : new ProblemException(Problem.MalformedBody, $"The body cannot be read as the JSON asked for, '{path}'{where}.") { Field = path };
    }

    private static Mistake? Find(JsonElement element, JsonTypeInfo info, string path, JsonSerializerOptions options) => info.Kind switch
    {
        JsonTypeInfoKind.Object when element.ValueKind != JsonValueKind.Object => new Mistake(path, "must be an object"),
        JsonTypeInfoKind.Object => FindInObject(element, info, path, options),
        JsonTypeInfoKind.Enumerable when element.ValueKind != JsonValueKind.Array => new Mistake(path, "must be an array"),
        JsonTypeInfoKind.Enumerable => element.EnumerateArray()
            .Select((item, index) => Find(item, options.GetTypeInfo(info.ElementType!), $"{path}[{index}]", options))
            .FirstOrDefault(mistake => mistake is not null),
        JsonTypeInfoKind.Dictionary when element.ValueKind != JsonValueKind.Object => new Mistake(path, "must be an object"),
        JsonTypeInfoKind.Dictionary => FindRepeated(element, path, StringComparer.Ordinal)
            ?? element.EnumerateObject()
                .Select(member => Find(member.Value, options.GetTypeInfo(info.ElementType!), Join(path, member.Name), options))
                .FirstOrDefault(mistake => mistake is not null),
        _ => FindInValue(element, info, path),
    };

    private static Mistake? FindInObject(JsonElement element, JsonTypeInfo info, string path, JsonSerializerOptions options)
    {
        var names = options.PropertyNameCaseInsensitive ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;
        if (FindRepeated(element, path, names) is { } repeated)
        {
            return repeated;
        }

        var properties = info.Properties.ToDictionary(property => property.Name, names);
        foreach (var member in element.EnumerateObject())
        {
            var memberPath = Join(path, member.Name);
            if (!properties.Remove(member.Name, out var property))
            {
                var known = string.Join(", ", info.Properties.Select(each => $"'{each.Name}'"));
                return new Mistake(memberPath, $"is not known; known here are {known}");
            }

            var type = options.GetTypeInfo(property.PropertyType);
            if (member.Value.ValueKind == JsonValueKind.Null)
            {
                if (!property.IsSetNullable || (property.PropertyType.IsValueType && Nullable.GetUnderlyingType(property.PropertyType) is null))
                {
                    return new Mistake(memberPath, $"must be {Describe(type)} and not null");
                }
            }
            else if (property.CustomConverter is null && Find(member.Value, type, memberPath, options) is { } mistake)
            {
                return mistake;
            }
        }

        return properties.Values.FirstOrDefault(property => property.IsRequired) is { } missing
            ? new Mistake(Join(path, missing.Name), "is needed")
            : null;
    }

    private static Mistake? FindRepeated(JsonElement element, string path, StringComparer names)
    {
        var seen = new HashSet<string>(names);
        foreach (var member in element.EnumerateObject())
        {
            if (!seen.Add(member.Name))
            {
                return new Mistake(Join(path, member.Name), "is given twice");
            }
        }

        return null;
    }

    private static Mistake? FindInValue(JsonElement element, JsonTypeInfo info, string path)
    {
        try
        {
            element.Deserialize(info);
            return null;
        }
        catch (JsonException)
        {
            return new Mistake(path, $"must be {Describe(info)}{Given(element, info)}");
        }
    }

    private static string Given(JsonElement element, JsonTypeInfo info)
    {
        const int longest = 50;
        return (Nullable.GetUnderlyingType(info.Type) ?? info.Type).IsEnum && element.ValueKind is JsonValueKind.String && element.GetString()! is { Length: <= longest } word
            && !word.Any(char.IsControl) ? $" and not '{word}'" : "";
    }

    private static string Describe(JsonTypeInfo info)
    {
        var type = Nullable.GetUnderlyingType(info.Type) ?? info.Type;
        if (type.IsEnum)
        {
            var values = Enum.GetValues(type).Cast<object>().Select(value => $"'{JsonSerializer.SerializeToElement(value, type, info.Options).GetString()}'");
            return $"one of {string.Join(", ", values)}";
        }

        return info.Kind switch
        {
            JsonTypeInfoKind.Object or JsonTypeInfoKind.Dictionary => "an object",
            JsonTypeInfoKind.Enumerable => "an array",
            _ when type == typeof(string) => "a string",
            _ when type == typeof(bool) => "true or false",
            _ when type == typeof(DateTimeOffset) || type == typeof(DateTime) => "a time such as \"2026-01-31T08:00:00Z\"",
            _ when type == typeof(double) || type == typeof(float) || type == typeof(decimal) => "a number",
            _ when type.IsPrimitive => $"a whole number from {Limit(type, "MinValue")} to {Limit(type, "MaxValue")}",
            _ => "of another form",
        };
    }

    private static object? Limit(Type type, string name) => type.GetField(name)?.GetValue(null);

    private static string Join(string path, string member) => path.Length == 0 ? member : $"{path}.{member}";

    private static string Trim(string? path) => path is null or "$" ? "" : path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : path.TrimStart('$');

    private sealed record Mistake(string Path, string Complaint);
}
