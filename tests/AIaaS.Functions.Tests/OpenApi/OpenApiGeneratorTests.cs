using System.Text.Json.Nodes;
using AIaaS.Functions.OpenApi;
using AIaaS.Functions.Requests;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Tests.OpenApi;

public sealed class OpenApiGeneratorTests
{
    private static readonly OpenApiGenerator Generator = new();
    private static readonly JsonObject App = Generator.Describe(typeof(OpenApiGenerator).Assembly);

    public static TheoryData<string> Functions() => [.. new RequestPolicies(typeof(OpenApiGenerator).Assembly).All.Select(policy => policy.Function)];

    [Theory]
    [MemberData(nameof(Functions))]
    public void Every_HTTP_function_is_described(string function)
        => Assert.Contains(Operations(App), operation => (string?)operation["operationId"] == function);

    [Fact]
    public void Every_function_and_every_field_says_what_callers_must_know()
        => Assert.True(Generator.Gaps.Count == 0, $"openapi.json is made of attributes and comments; add these:\n{string.Join('\n', Generator.Gaps)}");

    [Fact]
    public void Every_example_of_a_body_is_true_of_its_schema()
    {
        var schemas = new SchemaValidator(App);
        foreach (var (where, media) in Media(App))
        {
            if (media["example"] is JsonObject example)
            {
                Assert.Empty(schemas.Validate(media["schema"]!.AsObject(), example).Select(error => $"{where}: {error}"));
            }
        }
    }

    [Fact]
    public void Every_reference_leads_somewhere()
        => Assert.All(
            References(App).Distinct(),
            reference => Assert.True(App["components"]!["schemas"]!.AsObject().ContainsKey(reference["#/components/schemas/".Length..]), reference));

    [Fact]
    public void Operations_are_named_once()
        => Assert.Empty(Operations(App).GroupBy(operation => (string?)operation["operationId"]).Where(group => group.Count() > 1).Select(group => group.Key));

    [Fact]
    public void Every_variable_of_a_path_is_a_parameter()
    {
        foreach (var (path, operations) in App["paths"]!.AsObject())
        {
            var variables = path.Split('{').Skip(1).Select(part => part.Split('}')[0]).Order();
            foreach (var (_, operation) in operations!.AsObject())
            {
                var parameters = operation!["parameters"]!.AsArray().Where(parameter => (string?)parameter!["in"] == "path").Select(parameter => (string)parameter!["name"]!);
                Assert.Equal(variables, parameters.Order());
            }
        }
    }

    [Fact]
    public void A_function_that_declares_nothing_is_described_and_told_what_to_add()
    {
        var generator = new OpenApiGenerator();

        var described = generator.Describe([typeof(Undeclared)]);

        Assert.Equal("Bare", (string?)described["paths"]!["/bare/{thing}"]!["post"]!["operationId"]);
        Assert.Contains(generator.Gaps, gap => gap.StartsWith("Bare:", StringComparison.Ordinal) && gap.Contains("[Answers(", StringComparison.Ordinal));
        Assert.Contains(generator.Gaps, gap => gap.StartsWith("Bare:", StringComparison.Ordinal) && gap.Contains("[Takes(", StringComparison.Ordinal));
        Assert.Contains(generator.Gaps, gap => gap.StartsWith("Bare:", StringComparison.Ordinal) && gap.Contains("<summary>", StringComparison.Ordinal));
    }

    [Fact]
    public void A_field_without_description_is_told_of()
    {
        var generator = new OpenApiGenerator();

        generator.Describe([typeof(Undescribed)]);

        Assert.Contains(generator.Gaps, gap => gap.Contains("'surprise'", StringComparison.Ordinal));
    }

    [Fact]
    public void What_is_taken_closes_its_records_and_what_is_given_does_not()
    {
        var schemas = App["components"]!["schemas"]!.AsObject();

        Assert.False((bool)schemas["KeyRequest"]!["additionalProperties"]!);
        Assert.Null(schemas["Key"]!["additionalProperties"]);
    }

    [Fact]
    public void A_versioned_document_is_read_and_written_on_conditions()
    {
        var endpoint = App["paths"]!["/api/v1/endpoints/{endpoint}"]!;

        Assert.Equal(["If-Match", "If-None-Match"], Headers(endpoint["put"]!).Where(name => name.StartsWith("If-", StringComparison.Ordinal)).Order());
        Assert.Equal(["If-None-Match"], Headers(endpoint["get"]!).Where(name => name.StartsWith("If-", StringComparison.Ordinal)));
        Assert.NotNull(endpoint["get"]!["responses"]!["304"]);
        Assert.NotNull(endpoint["put"]!["responses"]!["412"]);
    }

    [Theory]
    [InlineData("/v2/models/{model}/infer", "application/json", "InferenceError")]
    [InlineData("/api/v1/endpoints/{endpoint}/predictions", "application/problem+json", "Problem")]
    public void Refusals_look_as_the_protocol_of_the_path_has_them(string path, string type, string component)
    {
        var refusal = App["paths"]![path]!["post"]!["responses"]!["400"]!["content"]!.AsObject();

        var (contentType, media) = Assert.Single(refusal);
        Assert.Equal(type, contentType);
        Assert.Equal($"#/components/schemas/{component}", (string?)media!["schema"]!["$ref"]);
    }

    [Fact]
    public void A_path_that_answers_something_else_than_its_route_is_described_by_itself()
    {
        var operation = App["paths"]!["/v2/models/stats"]!["get"]!;

        Assert.Equal("InferenceStatistics", (string?)operation["operationId"]);
        Assert.Equal("#/components/schemas/Statistics", (string?)operation["responses"]!["200"]!["content"]!["application/json"]!["schema"]!["$ref"]);
    }

    [Fact]
    public void Writing_it_twice_gives_the_same_bytes()
        => Assert.Equal(OpenApiCommand.Write(typeof(OpenApiGenerator).Assembly), OpenApiCommand.Write(typeof(OpenApiGenerator).Assembly));

    private static IEnumerable<JsonObject> Operations(JsonObject document)
        => document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()).Select(operation => operation.Value!.AsObject());

    private static IEnumerable<string> Headers(JsonNode operation)
        => operation["parameters"]!.AsArray().Where(parameter => (string?)parameter!["in"] == "header").Select(parameter => (string)parameter!["name"]!);

    private static IEnumerable<(string Where, JsonObject Media)> Media(JsonObject document)
        => Operations(document).SelectMany(operation =>
            new[] { operation["requestBody"] }.Concat(operation["responses"]!.AsObject().Select(response => response.Value))
                .Where(body => body?["content"] is not null)
                .SelectMany(body => body!["content"]!.AsObject().Select(media => ((string)operation["operationId"]!, media.Value!.AsObject()))));

    private static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonObject members => members.SelectMany(member => member.Key == "$ref" && member.Value is JsonValue reference ? [(string)reference!] : References(member.Value)),
        JsonArray items => items.SelectMany(References),
        _ => [],
    };

#pragma warning disable xUnit1013 // These are functions and no tests.
    private sealed class Undeclared
    {
        [Function("Bare")]
        [RequiresRole(Role.Reader)]
        public IResult Bare([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "bare/{thing}")] HttpRequest request) => Results.Ok(request);
    }

    private sealed class Undescribed
    {
        [Function("Odd")]
        [RequiresRole(Role.Reader)]
        [Answers(200, typeof(Odd))]
        public IResult Get([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "odd")] HttpRequest request) => Results.Ok(request);
    }
#pragma warning restore xUnit1013

    private sealed record Odd(int Surprise);
}
