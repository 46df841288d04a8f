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
    private static readonly TagName StringTag = new("tag:yaml.org,2002:str");

    private static readonly JsonSerializerOptions Strict = new(JsonDefaults.Options)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
    };

    /// <exception cref="ProblemException">The text is not YAML, names an unknown field, or holds an unacceptable value.</exception>
    public static PipelineDefinition Read(string text)
    {
        JsonNode? tree;
        try
        {
            DemandPlain(text);
            var stream = new YamlStream();
            stream.Load(new StringReader(text));
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
        catch (InvalidOperationException)
        {
            // The scanner's own, for instance on a ':' it did not look for in a flow mapping.
            throw new ProblemException(Problem.MalformedBody, "The pipeline is not valid YAML.");
        }

        if (tree is not (null or JsonObject))
        {
            throw new ProblemException(Problem.MalformedBody, "A pipeline is a mapping of fields, for instance 'target: churned'.");
        }

        if (tree is JsonObject pipeline)
        {
            Shorthands.Expand(pipeline);
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

    // On the events and before there is a tree, whose making and comparing recurse.
    private static void DemandPlain(string text)
    {
        const int deepest = 16;
        var parser = new Parser(new StringReader(text));
        var depth = 0;
        while (parser.MoveNext())
        {
            depth += parser.Current! is MappingStart or SequenceStart or MappingEnd or SequenceEnd ? parser.Current!.NestingIncrease : 0;
            if (depth > deepest)
            {
                throw new ProblemException(Problem.MalformedBody, $"A pipeline nests at most {deepest} levels.");
            }

            // An alias can make a small text an endless one.
            if (parser.Current is AnchorAlias or NodeEvent { Anchor.IsEmpty: false })
            {
                throw new ProblemException(Problem.MalformedBody, "A pipeline may not use YAML anchors and aliases.");
            }
        }
    }

    private static JsonNode? ToJson(YamlNode node) => node switch
    {
        YamlMappingNode mapping => ToJson(mapping),
        YamlSequenceNode sequence => new JsonArray([.. sequence.Select(ToJson)]),
        YamlScalarNode scalar => ToJson(scalar),
        _ => throw new ProblemException(Problem.MalformedBody, "A pipeline holds mappings, lists and scalars only."),
    };

    private static JsonObject ToJson(YamlMappingNode mapping)
    {
        var fields = new JsonObject();
        foreach (var (key, value) in mapping)
        {
            var name = KeyOf(key);
            if (fields.ContainsKey(name))
            {
                throw new ProblemException(Problem.MalformedBody, $"The pipeline gives '{name}' twice.") { Field = name };
            }

            fields.Add(name, ToJson(value));
        }

        return fields;
    }

    private static string KeyOf(YamlNode node) => node is YamlScalarNode { Value: { } key }
        ? key
        : throw new ProblemException(Problem.MalformedBody, "The keys of a pipeline are plain words.");

    private static JsonNode? ToJson(YamlScalarNode scalar)
    {
        var value = scalar.Value;
        if (value is null || scalar.Style is not ScalarStyle.Plain || scalar.Tag == StringTag)
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
