using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using AIaaS.Formats;
using AIaaS.Platform.Http;

namespace AIaaS.Functions.OpenApi;

/// <summary>
/// JSON Schemas (draft 2020-12) of records, as the serializer reads and writes them. A record that is both taken and given has
/// two schemas, since a value that has a default need not be sent and is always told.
/// </summary>
internal sealed class JsonSchemas(XmlDocumentation documentation)
{
    private readonly Dictionary<(Type Type, bool Taken), string> _names = [];
    private readonly SortedDictionary<string, JsonObject> _components = new(StringComparer.Ordinal);

    /// <summary>The schemas that <c>#/components/schemas</c> has to hold for what was asked for so far.</summary>
    public IReadOnlyDictionary<string, JsonObject> Components => _components;

    /// <summary>The schema of a type, or a reference to it.</summary>
    /// <param name="type">Any type that the serializer knows.</param>
    /// <param name="taken">Whether it is read from requests; else it is written in answers.</param>
    /// <exception cref="NotSupportedException">It has a converter of its own that nothing here describes.</exception>
    public JsonObject Of(Type type, bool taken)
    {
        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return Of(underlying, taken);
        }

        var info = (taken ? JsonBody.Options : JsonDefaults.Options).GetTypeInfo(type);
        return info.Kind switch
        {
            JsonTypeInfoKind.Object => new JsonObject { ["$ref"] = $"#/components/schemas/{ComponentOf(info, taken)}" },
            JsonTypeInfoKind.Enumerable => new JsonObject { ["type"] = "array", ["items"] = Element(info.ElementType!, taken) },
            JsonTypeInfoKind.Dictionary => new JsonObject { ["type"] = "object", ["additionalProperties"] = Element(info.ElementType!, taken) },
            _ => Scalar(type),
        };
    }

    // A null among others is written, where one that is a member is left out.
    private JsonObject Element(Type type, bool taken)
        => Nullable.GetUnderlyingType(type) is { } value ? OrNull(Of(value, taken)) : Of(type, taken);

    private JsonObject Scalar(Type type) => type switch
    {
        _ when type.IsEnum => Enumeration(type),
        _ when type == typeof(string) => new JsonObject { ["type"] = "string" },
        _ when type == typeof(bool) => new JsonObject { ["type"] = "boolean" },
        _ when type == typeof(int) => new JsonObject { ["type"] = "integer", ["format"] = "int32" },
        _ when type == typeof(long) => new JsonObject { ["type"] = "integer", ["format"] = "int64" },
        _ when type == typeof(double) => new JsonObject { ["type"] = "number", ["format"] = "double" },
        _ when type == typeof(float) => new JsonObject { ["type"] = "number", ["format"] = "float" },
        _ when type == typeof(DateTimeOffset) => new JsonObject { ["type"] = "string", ["format"] = "date-time" },
        _ when type == typeof(Uri) => new JsonObject { ["type"] = "string", ["format"] = "uri-reference" },
        _ when type == typeof(Guid) => new JsonObject { ["type"] = "string", ["format"] = "uuid" },
        _ when type == typeof(TimeSpan) => new JsonObject { ["type"] = "string" },
        // Any JSON at all.
        _ when type == typeof(JsonElement) || type == typeof(JsonNode) || type == typeof(object) => [],
        _ when type == typeof(JsonObject) => new JsonObject { ["type"] = "object", ["additionalProperties"] = true },
        _ => throw new NotSupportedException($"'{type}' has a converter of its own; describe what it writes in {nameof(JsonSchemas)}.{nameof(Scalar)}."),
    };

    private JsonObject Enumeration(Type type)
    {
        var fields = type.GetFields(BindingFlags.Public | BindingFlags.Static);
        var schema = new JsonObject
        {
            ["type"] = "string",
            ["enum"] = new JsonArray([.. fields.Select(field => JsonSerializer.SerializeToNode(field.GetValue(null), type, JsonDefaults.Options))]),
        };
        var meanings = fields.Where(field => documentation.Of(field) is not null)
            .Select(field => $"`{JsonNamingPolicy.KebabCaseLower.ConvertName(field.Name)}`: {documentation.Of(field)}");
        if (string.Join(" ", [documentation.Of(type), .. meanings]).Trim() is { Length: > 0 } description)
        {
            schema["description"] = description;
        }

        return schema;
    }

    private string ComponentOf(JsonTypeInfo info, bool taken)
    {
        if (_names.TryGetValue((info.Type, taken), out var known))
        {
            return known;
        }

        var plain = PlainNameOf(info.Type);
        var name = _components.ContainsKey(plain) ? taken ? $"{plain}Input" : $"{plain}Output" : plain;
        if (!_components.TryAdd(name, []))
        {
            throw new NotSupportedException($"Two records are called '{name}' in JSON; give '{info.Type}' another name.");
        }

        // Named before its members are described: they may lead back to it.
        _names[(info.Type, taken)] = name;
        Describe(_components[name], info, taken);
        return name;
    }

    private void Describe(JsonObject schema, JsonTypeInfo info, bool taken)
    {
        schema["type"] = "object";
        if (documentation.Of(info.Type) is { } description)
        {
            schema["description"] = description;
        }

        var properties = new JsonObject();
        var required = new JsonArray();
        if (info.Properties.Any(property => property.IsExtensionData))
        {
            schema["additionalProperties"] = true;
        }

        foreach (var property in info.Properties.Where(property => !property.IsExtensionData).Where(property => property.AttributeProvider is PropertyInfo && (taken ? property.Set ?? (object?)property.AssociatedParameter : property.Get) is not null))
        {
            var member = (PropertyInfo)property.AttributeProvider!;
            var nullable = Nullable.GetUnderlyingType(property.PropertyType) is not null || (!property.PropertyType.IsValueType && (taken ? property.IsSetNullable : property.IsGetNullable));
            var alwaysThere = !nullable || member.GetCustomAttribute<JsonIgnoreAttribute>() is { Condition: JsonIgnoreCondition.Never };
            var of = Of(property.PropertyType, taken);
            if (nullable && (taken || alwaysThere))
            {
                of = OrNull(of);
            }

            if ((documentation.Of(member) ?? CommonFields.DescriptionOf(property.Name) ?? documentation.Of(Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType)) is { } about)
            {
                // What an enumeration's values mean is said behind what the member is for.
                of["description"] = of["description"] is { } values ? $"{about} {values}" : about;
            }

            properties[property.Name] = of;
            if (taken ? property.IsRequired : alwaysThere)
            {
                required.Add(property.Name);
            }
        }

        schema["properties"] = properties;
        if (required.Count > 0)
        {
            schema["required"] = required;
        }

        if (taken && !schema.ContainsKey("additionalProperties"))
        {
            // Said because it is so: what we do not know, we refuse.
            schema["additionalProperties"] = false;
        }
    }

    private static JsonObject OrNull(JsonObject schema)
    {
        if (schema["enum"] is JsonArray values)
        {
            values.Add(null);
        }

        if (schema["type"] is JsonValue type)
        {
            schema["type"] = new JsonArray(type.DeepClone(), "null");
            return schema;
        }

        return schema.Count == 0 ? schema : new JsonObject { ["anyOf"] = new JsonArray(schema, new JsonObject { ["type"] = "null" }) };
    }

    // Callers never hear of "views": what they see of a model is the model.
    private static string PlainNameOf(Type type)
    {
        if (type.IsGenericType)
        {
            return $"{type.Name.Split('`')[0].Replace("ListEnvelope", "PageOf", StringComparison.Ordinal)}{string.Concat(type.GetGenericArguments().Select(PlainNameOf))}";
        }

        return type.Name.EndsWith("View", StringComparison.Ordinal) ? type.Name[..^"View".Length] : type.Name;
    }
}

/// <summary>Members that mean the same in every record, and are described here once; a documentation comment says more and counts first.</summary>
internal static class CommonFields
{
    private static readonly Dictionary<string, string> Descriptions = new(StringComparer.Ordinal)
    {
        ["action"] = "What is done about it.",
        ["added"] = "When it was added.",
        ["aliases"] = "Alias to version, for instance `champion` to 3.",
        ["bytes"] = "Its length in bytes.",
        ["cause"] = "What started it, for people.",
        ["column"] = "The column's name.",
        ["columns"] = "The columns meant.",
        ["continuation"] = "Gives the next page as `?continuation=`; null on the last.",
        ["count"] = "How many.",
        ["created"] = "When it was made.",
        ["dataset"] = "The data set.",
        ["datasetVersion"] = "The version of the data set.",
        ["definition"] = "What it does.",
        ["description"] = "For people.",
        ["detail"] = "For people.",
        ["distinctIsApproximate"] = "Whether `distinct` is an estimate.",
        ["drift"] = "How far each column's distribution is from that of the version before.",
        ["ended"] = "When it ended; absent before.",
        ["endpoint"] = "The endpoint.",
        ["error"] = "Why it failed; absent where it did not.",
        ["expires"] = "Until when it is good; absent for no end.",
        ["file"] = "The file's own name.",
        ["findings"] = "What people should look at.",
        ["headers"] = "Headers to send with it.",
        ["hyperparameters"] = "What the trainer was set to.",
        ["id"] = "Its id.",
        ["inferred"] = "Whether it was inferred from the first data and not written by someone.",
        ["items"] = "Newest first.",
        ["key"] = "The key's text, which is told this once.",
        ["kind"] = "What it means, as opposed to how it is stored.",
        ["kinds"] = "Which kinds are meant.",
        ["leaderboard"] = "The trials, best first.",
        ["max"] = "Largest value as JSON.",
        ["maximum"] = "The largest value; absent for no bound.",
        ["mean"] = "The average.",
        ["method"] = "The HTTP method.",
        ["metric"] = "A metric on the holdout rows: accuracy, f1-macro, auc, log-loss, rmse, mae or r2.",
        ["metrics"] = "On the holdout rows, by name.",
        ["minimum"] = "The smallest value; absent for no bound.",
        ["missing"] = "What becomes of missing values, or how many there are.",
        ["model"] = "The model.",
        ["name"] = "Its name.",
        ["notes"] = "What else to know, for people.",
        ["outputs"] = "What it gives.",
        ["percent"] = "0 to 100.",
        ["pipeline"] = "The pipeline.",
        ["probability"] = "0 to 1.",
        ["reasons"] = "How many rows for each reason.",
        ["responseCacheSeconds"] = "For how many seconds an answer is repeated to requests with the same content; absent for never.",
        ["rows"] = "How many rows.",
        ["rowsKept"] = "Rows that stay.",
        ["rowsQuarantined"] = "Rows put aside because they could not be used.",
        ["run"] = "The run that made it.",
        ["schemaVersion"] = "The version of this document's form.",
        ["seed"] = "Makes chance repeatable.",
        ["severity"] = "How bad it is.",
        ["sources"] = "The files it is made of.",
        ["stages"] = "The steps, in order.",
        ["standardDeviation"] = "Of the present values.",
        ["started"] = "When it began; absent before.",
        ["status"] = "Where it stands.",
        ["steps"] = "What was done, in order.",
        ["target"] = "What is predicted.",
        ["task"] = "What the model is asked to do.",
        ["tenant"] = "Whose it is.",
        ["traffic"] = "Which versions answer which share of the requests.",
        ["trained"] = "When it was trained.",
        ["trainers"] = "What trains models, for instance `linear`.",
        ["updated"] = "When it was last changed.",
        ["url"] = "Where to send it.",
        ["value"] = "The value.",
        ["version"] = "The version's number, from 1.",
        ["versions"] = "Newest first.",
    };

    public static string? DescriptionOf(string name) => Descriptions.GetValueOrDefault(name);
}
