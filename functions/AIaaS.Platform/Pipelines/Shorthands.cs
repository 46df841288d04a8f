using System.Text.Json.Nodes;

namespace AIaaS.Platform.Pipelines;

/// <summary>Writes out what may be said by one word or list: <c>duplicates: keep</c> is <c>duplicates: { action: keep }</c>.</summary>
/// <remarks>What is no shorthand stays as it is, for whoever reads the whole to refuse it by its name.</remarks>
internal static class Shorthands
{
    private static readonly string[] Checks = ["contract", "drift", "poisoning"];

    /// <summary>Fields of <c>clean</c>'s parts that are lists; one value stands for a list of it.</summary>
    private static readonly (string Part, string Field)[] Lists =
    [
        ("text", "columns"), ("missing", "columns"), ("rare", "columns"), ("duplicates", "key"), ("mask", "kinds"), ("mask", "columns"), ("outliers", "columns"),
    ];

    public static void Expand(JsonObject pipeline)
    {
        if (pipeline["split"] is JsonValue holdout)
        {
            pipeline["split"] = Object("holdout", holdout);
        }

        if (pipeline["validate"] is JsonValue action)
        {
            pipeline["validate"] = new JsonObject(Checks.Select(check => KeyValuePair.Create<string, JsonNode?>(check, action.DeepClone())));
        }

        if (pipeline["trainers"] is JsonValue trainer)
        {
            pipeline["trainers"] = new JsonArray(trainer.DeepClone());
        }

        if (pipeline["sweep"] is JsonObject sweep && sweep["spaces"] is JsonObject spaces)
        {
            ExpandSpaces(spaces);
        }

        if (pipeline["clean"] is JsonObject clean)
        {
            ExpandParts(clean);
        }
    }

    /// <summary>A value of a hyperparameter stands for that choice only, a list for these choices.</summary>
    private static void ExpandSpaces(JsonObject spaces)
    {
        foreach (var space in spaces.Select(trainer => trainer.Value).OfType<JsonObject>())
        {
            foreach (var (name, value) in space.ToList())
            {
                if (value is not (null or JsonObject))
                {
                    space[name] = Object("choices", value is JsonArray ? value : new JsonArray(value.DeepClone()));
                }
            }
        }
    }

    private static void ExpandParts(JsonObject clean)
    {
        Name(clean, "text", _ => "case");
        Name(clean, "missing", _ => "action");
        Name(clean, "rare", _ => "below");
        Name(clean, "duplicates", value => value is JsonArray ? "key" : "action");
        Name(clean, "mask", _ => "kinds");
        Name(clean, "outliers", _ => "method");
        Name(clean, "sample", value => value is JsonValue number && number.TryGetValue<long>(out _) ? "rows" : "share");

        foreach (var (part, field) in Lists)
        {
            if (clean[part] is JsonObject parent && parent[field] is JsonValue one)
            {
                parent[field] = new JsonArray(one.DeepClone());
            }
        }

        if (clean["filter"] is JsonArray filters && filters.All(IsText))
        {
            clean["filter"] = filters.Count == 0 ? null : string.Join(" AND ", filters.Select(filter => $"({filter})"));
        }

        // YAML reads 0 and true as what they are; meant is how they would stand in a file, or the expression of that value.
        AsText(clean["missing"] as JsonObject, "value");
        AsText(clean["rare"] as JsonObject, "into");
        foreach (var column in (clean["derive"] as JsonObject)?.Select(derived => derived.Key).ToList() ?? [])
        {
            AsText(clean["derive"]!.AsObject(), column);
        }
    }

    /// <summary>Makes what is said of a part without a field's name the value of one field.</summary>
    private static void Name(JsonObject parent, string part, Func<JsonNode, string> field)
    {
        if (parent[part] is { } value and not JsonObject)
        {
            parent[part] = Object(field(value), value);
        }
    }

    private static void AsText(JsonObject? parent, string field)
    {
        if (parent?[field] is JsonValue value && !IsText(value))
        {
            parent[field] = value.ToJsonString();
        }
    }

    private static bool IsText(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out _);

    private static JsonObject Object(string field, JsonNode value) => new() { [field] = value.DeepClone() };
}
