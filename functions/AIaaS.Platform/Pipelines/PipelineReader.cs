using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using AIaaS.Formats;
using AIaaS.Platform.Problems;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace AIaaS.Platform.Pipelines;

/// <summary>Reads a pipeline from YAML 1.2 (core schema) or JSON, which is a part of YAML.</summary>
public static class PipelineReader
{
    private static readonly JsonSerializerOptions Strict = new(JsonDefaults.Options)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    /// <exception cref="ProblemException">The text is not YAML, names an unknown field, or holds an unacceptable value.</exception>
    public static PipelineDefinition Read(string text)
    {
        JsonNode? tree;
        try
        {
            var stream = new YamlStream();
            stream.Load(new StringReader(text));
            tree = stream.Documents switch
            {
                [] => new JsonObject(),
                [var only] => ToJson(only.RootNode, depth: 0),
                _ => throw new ProblemException(Problem.MalformedBody, "A pipeline is one YAML document; this holds several."),
            };
        }
        catch (YamlException error)
        {
            throw new ProblemException(Problem.MalformedBody, $"The pipeline is not valid YAML: line {error.Start.Line}, column {error.Start.Column}: {error.Message}");
        }

        if (tree is not (null or JsonObject))
        {
            throw new ProblemException(Problem.MalformedBody, "A pipeline is a mapping of fields, for instance 'target: churned'.");
        }

        try
        {
            return ((tree ?? new JsonObject()).Deserialize<PipelineDefinition>(Strict) ?? new PipelineDefinition()).Validated();
        }
        catch (JsonException error)
        {
            var field = error.Path?.TrimStart('$', '.');
            var detail = error.Message.Contains("could not be mapped", StringComparison.Ordinal)
                ? $"A pipeline of this version has no field '{field}'."
                : $"'{field}' has a value of the wrong kind.";
            throw new ProblemException(Problem.InvalidValue, detail) { Field = field };
        }
    }

    private static JsonNode? ToJson(YamlNode node, int depth)
    {
        const int deepest = 16;
        return node switch
        {
            _ when depth > deepest => throw new ProblemException(Problem.MalformedBody, $"A pipeline nests at most {deepest} levels."),
            // An alias can make a small text an endless one.
            _ when node.Anchor != AnchorName.Empty => throw new ProblemException(Problem.MalformedBody, "A pipeline may not use YAML anchors and aliases."),
            YamlMappingNode mapping => new JsonObject(mapping.Select(pair => KeyValuePair.Create(KeyOf(pair.Key), ToJson(pair.Value, depth + 1)))),
            YamlSequenceNode sequence => new JsonArray([.. sequence.Select(item => ToJson(item, depth + 1))]),
            YamlScalarNode scalar => ToJson(scalar),
            _ => throw new ProblemException(Problem.MalformedBody, "A pipeline holds mappings, lists and scalars only."),
        };
    }

    private static string KeyOf(YamlNode node) => node is YamlScalarNode { Value: { } key }
        ? key
        : throw new ProblemException(Problem.MalformedBody, "The keys of a pipeline are plain words.");

    private static JsonNode? ToJson(YamlScalarNode scalar)
    {
        var value = scalar.Value;
        if (value is null || scalar.Style is not ScalarStyle.Plain)
        {
            return value;
        }

        return value switch
        {
            "" or "~" or "null" or "Null" or "NULL" => null,
            "true" or "True" or "TRUE" => true,
            "false" or "False" or "FALSE" => false,
            _ when long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer) => integer,
            _ when double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) => number,
            _ => value,
        };
    }
}
