using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using AIaaS.Formats;
using AIaaS.Platform.Http;
using AIaaS.Platform.Problems;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
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
            stream.Load(new ShallowParser(new Parser(new StringReader(text))));
            tree = stream.Documents switch
            {
                [] => new JsonObject(),
                [var only] => ToJson(only.RootNode),
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
            var explained = JsonDiagnosis.Explain(JsonSerializer.SerializeToUtf8Bytes(tree), typeof(PipelineDefinition), Strict, error);
            throw new ProblemException(Problem.InvalidValue, explained.Message) { Field = explained.Field };
        }
    }

    private static JsonNode? ToJson(YamlNode node) => node switch
    {
        // An alias can make a small text an endless one.
        _ when node.Anchor != AnchorName.Empty => throw new ProblemException(Problem.MalformedBody, "A pipeline may not use YAML anchors and aliases."),
        YamlMappingNode mapping => new JsonObject(mapping.Select(pair => KeyValuePair.Create(KeyOf(pair.Key), ToJson(pair.Value)))),
        YamlSequenceNode sequence => new JsonArray([.. sequence.Select(ToJson)]),
        YamlScalarNode scalar => ToJson(scalar),
        _ => throw new ProblemException(Problem.MalformedBody, "A pipeline holds mappings, lists and scalars only."),
    };

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

    /// <summary>Refuses deep nesting while it is read: the tree is built by recursion, and a small text could exhaust the stack.</summary>
    private sealed class ShallowParser(Parser parser) : IParser
    {
        private const int Deepest = 16;
        private int _depth;

        public ParsingEvent? Current => parser.Current;

        public bool MoveNext()
        {
            if (!parser.MoveNext())
            {
                return false;
            }

            _depth += parser.Current!.NestingIncrease;
            // The stream and its document count as one level each.
            return _depth <= Deepest + 2
                ? true
                : throw new ProblemException(Problem.MalformedBody, $"A pipeline nests at most {Deepest} levels.");
        }
    }
}
