using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace AIaaS.Tests;

/// <summary>
/// Holds values against the schemas of an OpenAPI 3.1 document, as far as ours go (draft 2020-12). Stricter than the draft in one
/// thing: a member that the schema does not name is an error unless it is allowed by word, since what we answer must be described.
/// </summary>
internal sealed class SchemaValidator(JsonObject document)
{
    private static readonly HashSet<string> Known =
        ["$ref", "type", "enum", "properties", "required", "additionalProperties", "items", "anyOf", "format", "pattern", "minimum", "maximum", "minLength", "maxLength", "description", "examples"];

    public IReadOnlyList<string> Validate(JsonObject schema, JsonNode? value)
    {
        var errors = new List<string>();
        Validate(schema, value, "$", errors);
        return errors;
    }

    private void Validate(JsonObject schema, JsonNode? value, string at, List<string> errors)
    {
        if (schema.Select(keyword => keyword.Key).FirstOrDefault(keyword => !Known.Contains(keyword)) is { } unknown)
        {
            throw new NotSupportedException($"This validator does not know '{unknown}'.");
        }

        if (schema["$ref"] is JsonValue reference)
        {
            var target = ((string)reference!)["#/components/schemas/".Length..];
            Validate(document["components"]!["schemas"]![target]!.AsObject(), value, at, errors);
        }

        if (schema["anyOf"] is JsonArray any && !any.Any(option => Validate(option!.AsObject(), value).Count == 0))
        {
            errors.Add($"{at}: fits none of anyOf; {string.Join("; ", any.SelectMany(option => Validate(option!.AsObject(), value)))}");
        }

        var types = schema["type"] switch
        {
            JsonArray several => several.Select(type => (string)type!).ToArray(),
            JsonValue one => [(string)one!],
            _ => [],
        };
        if (types.Length > 0 && !types.Any(type => Is(type, value)))
        {
            errors.Add($"{at}: is {value?.GetValueKind().ToString() ?? "null"}, not {string.Join(" or ", types)}");
            return;
        }

        if (schema["enum"] is JsonArray values && !values.Any(known => JsonNode.DeepEquals(known, value)))
        {
            errors.Add($"{at}: is {value?.ToJsonString()}, none of {values.ToJsonString()}");
        }

        switch (value)
        {
            case JsonObject members:
                ValidateMembers(schema, members, at, errors);
                break;
            case JsonArray items when schema["items"] is JsonObject each:
                for (var i = 0; i < items.Count; i++)
                {
                    Validate(each, items[i], string.Create(CultureInfo.InvariantCulture, $"{at}[{i}]"), errors);
                }

                break;
            case JsonValue text when text.GetValueKind() is JsonValueKind.String:
                ValidateText(schema, (string)text!, at, errors);
                break;
            case JsonValue number when number.GetValueKind() is JsonValueKind.Number:
                if (number.GetValue<JsonElement>().GetDouble() is var n && (n < (double?)schema["minimum"] || n > (double?)schema["maximum"]))
                {
                    errors.Add($"{at}: {n} is out of bounds");
                }

                break;
        }
    }

    private void ValidateMembers(JsonObject schema, JsonObject members, string at, List<string> errors)
    {
        foreach (var name in schema["required"]?.AsArray().Select(name => (string)name!) ?? [])
        {
            if (!members.ContainsKey(name))
            {
                errors.Add($"{at}: has no '{name}'");
            }
        }

        // Any JSON is allowed where nothing is said of members, and only there.
        var closed = schema["properties"] is not null;
        foreach (var (name, value) in members)
        {
            if (schema["properties"]?[name] is JsonObject property)
            {
                Validate(property, value, $"{at}.{name}", errors);
            }
            else if (schema["additionalProperties"] is JsonObject others)
            {
                Validate(others, value, $"{at}.{name}", errors);
            }
            else if (closed && schema["additionalProperties"]?.GetValue<bool>() is not true)
            {
                errors.Add($"{at}: has '{name}', which is not described");
            }
        }
    }

    private static void ValidateText(JsonObject schema, string text, string at, List<string> errors)
    {
        if (schema["pattern"] is JsonValue pattern && !Regex.IsMatch(text, (string)pattern!, RegexOptions.None, TimeSpan.FromSeconds(1)))
        {
            errors.Add($"{at}: '{text}' does not match {pattern}");
        }

        var wellFormed = (string?)schema["format"] switch
        {
            "date-time" => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out _),
            "uuid" => Guid.TryParse(text, out _),
            "uri-reference" => Uri.TryCreate(text, UriKind.RelativeOrAbsolute, out _),
            _ => true,
        };
        if (!wellFormed)
        {
            errors.Add($"{at}: '{text}' is no {schema["format"]}");
        }
    }

    private static bool Is(string type, JsonNode? value) => (type, value?.GetValueKind() ?? JsonValueKind.Null) switch
    {
        ("null", JsonValueKind.Null) => true,
        ("object", JsonValueKind.Object) => true,
        ("array", JsonValueKind.Array) => true,
        ("string", JsonValueKind.String) => true,
        ("boolean", JsonValueKind.True or JsonValueKind.False) => true,
        ("number", JsonValueKind.Number) => true,
        ("integer", JsonValueKind.Number) => value!.GetValue<JsonElement>().TryGetInt64(out _),
        _ => false,
    };
}
