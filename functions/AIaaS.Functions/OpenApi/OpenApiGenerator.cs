using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AIaaS.Formats;
using AIaaS.Functions.Requests;
using AIaaS.Platform;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Http;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.OpenApi;

/// <summary>
/// Describes all HTTP functions of an assembly in OpenAPI 3.1: their routes, roles and limits as their attributes declare them,
/// what they take and answer (<see cref="TakesAttribute"/>, <see cref="AnswersAttribute"/>), and their documentation comments.
/// A function that declares too little is in the description all the same, and among <see cref="Gaps"/>.
/// </summary>
internal sealed partial class OpenApiGenerator
{
    private const string ProblemComponent = "Problem";
    private const string InferenceErrorComponent = "InferenceError";
    private readonly XmlDocumentation _documentation = new();
    private readonly JsonSchemas _schemas;
    private readonly List<string> _gaps = [];

    public OpenApiGenerator() => _schemas = new JsonSchemas(_documentation);

    /// <summary>What functions and records leave undescribed, and what to add to them.</summary>
    public IReadOnlyList<string> Gaps => _gaps;

    /// <param name="functions">The assembly with the function classes; documentation comments lie beside it.</param>
    public JsonObject Describe(Assembly functions) => Describe(functions.GetTypes());

    internal JsonObject Describe(IEnumerable<Type> types)
    {
        _gaps.Clear();
        var paths = new SortedDictionary<string, SortedDictionary<string, JsonObject>>(StringComparer.Ordinal);
        var tags = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var method in types.SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)))
        {
            var trigger = method.GetParameters().Select(parameter => parameter.GetCustomAttribute<HttpTriggerAttribute>()).FirstOrDefault(found => found is not null);
            if (trigger is null || method.GetCustomAttribute<FunctionAttribute>() is not { } function)
            {
                continue;
            }

            var route = Route.Parse(trigger.Route ?? function.Name);
            var operations = paths.TryGetValue(route.Path, out var others) ? others : paths[route.Path] = new(StringComparer.Ordinal);
            tags[TagOf(method)] = "";
            foreach (var verb in trigger.Methods ?? ["get", "post"])
            {
                operations[verb.ToLowerInvariant()] = Operation(function.Name, method, route, verb.ToLowerInvariant());
            }

            foreach (var special in method.GetCustomAttributes<AnswersAtAttribute>())
            {
                paths[$"/{special.Path}"] = new(StringComparer.Ordinal) { ["get"] = Operation(special, method) };
            }
        }

        var described = new JsonObject();
        foreach (var (path, operations) in paths)
        {
            described[path] = new JsonObject(operations.Select(operation => KeyValuePair.Create<string, JsonNode?>(operation.Key, operation.Value)));
        }

        return new JsonObject
        {
            ["openapi"] = "3.1.1",
            ["info"] = new JsonObject
            {
                ["title"] = "AIaaS.Functions",
                ["version"] = "1",
                ["description"] = "A serverless AI platform: data in, predictions out. JSON is camelCase, times are RFC 3339 in UTC, errors are problems (RFC 9457) whose `detail` says what to do.",
                ["license"] = new JsonObject { ["name"] = "MIT", ["identifier"] = "MIT" },
            },
            ["jsonSchemaDialect"] = "https://json-schema.org/draft/2020-12/schema",
            ["servers"] = new JsonArray(new JsonObject { ["url"] = "/" }),
            ["security"] = new JsonArray(new JsonObject { ["apiKey"] = new JsonArray() }, new JsonObject { ["bearer"] = new JsonArray() }),
            ["tags"] = new JsonArray([.. tags.Keys.Select(tag => new JsonObject { ["name"] = tag })]),
            ["paths"] = described,
            ["components"] = Components(),
        };
    }

    private JsonObject Operation(string function, MethodInfo method, Route route, string verb)
    {
        var takes = method.GetCustomAttribute<TakesAttribute>();
        var answers = method.GetCustomAttributes<AnswersAttribute>().ToArray();
        var limits = method.GetCustomAttribute<RequestLimitsAttribute>() ?? new RequestLimitsAttribute();
        var anonymous = method.IsDefined(typeof(AnonymousAttribute));
        var summary = _documentation.Of(method);
        if (summary is null)
        {
            _gaps.Add($"{function}: write a /// <summary> on {method.DeclaringType!.Name}.{method.Name} that tells callers what it does.");
        }

        if (answers.Length == 0)
        {
            _gaps.Add($"{function}: declare what it answers, for instance [Answers(200, typeof(SomethingView), ETag = true)].");
        }

        if (takes is null && verb is "post" or "put" or "patch" && limits.MaxBodyBytes > 0)
        {
            _gaps.Add($"{function}: declare what it takes, for instance [Takes(typeof(SomethingRequest), Example = \"{{…}}\")], or [Takes] for no body.");
        }

        if (takes is { Body: not null, Example: null })
        {
            _gaps.Add($"{function}: give [Takes] an Example of its body.");
        }

        var role = method.GetCustomAttribute<RequiresRoleAttribute>()?.Role;
        var operation = new JsonObject
        {
            ["operationId"] = verb == "head" ? $"{function}Head" : function,
            ["summary"] = summary ?? function,
            ["description"] = role is null ? "Needs no key." : $"Needs the role `{JsonNamingPolicy.KebabCaseLower.ConvertName(role.Value.ToString())}` or one above it.",
            ["tags"] = new JsonArray(TagOf(method)),
        };
        if (anonymous)
        {
            operation["security"] = new JsonArray();
        }

        var parameters = Parameters(method, route, verb, takes, answers);
        if (parameters.Count > 0)
        {
            operation["parameters"] = parameters;
        }

        if (takes is not null && Body(takes, limits) is { } body)
        {
            operation["requestBody"] = body;
        }

        var responses = new SortedDictionary<string, JsonObject>(StringComparer.Ordinal);
        foreach (var answer in answers)
        {
            responses[answer.Status.ToString(CultureInfo.InvariantCulture)] = Answer(answer, verb);
        }

        if (verb is "get" or "head" && answers.Any(answer => answer.ETag))
        {
            responses["304"] = new JsonObject { ["description"] = "The caller has this version already." };
        }

        foreach (var (status, meaning) in Refusals(route, verb, takes, answers, anonymous, limits))
        {
            responses.TryAdd(status, Refusal(route, meaning));
        }

        responses.TryAdd("default", Refusal(route, "Any other refusal or failure."));
        operation["responses"] = new JsonObject(responses.Select(response => KeyValuePair.Create<string, JsonNode?>(response.Key, response.Value)));
        return operation;
    }

    /// <summary>The same function at one path where it answers something else: the same role and limits, without its variables.</summary>
    private JsonObject Operation(AnswersAtAttribute special, MethodInfo method)
    {
        var operation = Operation(special.Operation, method, Route.Parse(special.Path), "get");
        operation["summary"] = special.Summary;
        operation["responses"]!["200"] = Answer(new AnswersAttribute(StatusCodes.Status200OK, special.Body), "get");
        return operation;
    }

    private JsonArray Parameters(MethodInfo method, Route route, string verb, TakesAttribute? takes, AnswersAttribute[] answers)
    {
        var parameters = new JsonArray();
        foreach (var (name, constraint) in route.Parameters)
        {
            JsonObject schema = constraint switch
            {
                "int" => new JsonObject { ["type"] = "integer", ["format"] = "int32", ["minimum"] = 0 },
                "*" => new JsonObject { ["type"] = "string" },
                _ => new JsonObject { ["type"] = "string", ["pattern"] = $"^{Names.Pattern}$" },
            };
            Add(name, "path", _documentation.OfParameter(method, name) ?? $"Which {name}.", schema, required: true);
        }

        foreach (var query in method.GetCustomAttributes<TakesQueryAttribute>())
        {
            var schema = query.Values is null
                ? _schemas.Of(query.Type, taken: true)
                : new JsonObject { ["type"] = "string", ["enum"] = new JsonArray([.. query.Values.Split(',', StringSplitOptions.TrimEntries)]) };
            Add(query.Name, "query", query.Description, schema);
        }

        if (answers.Any(answer => answer.List))
        {
            Add("limit", "query", $"How many items at most; {DocumentQuery.DefaultLimit} without it.", new JsonObject { ["type"] = "integer", ["minimum"] = 1, ["maximum"] = DocumentQuery.MaximumLimit });
            Add("continuation", "query", "As the page before gave it.", new JsonObject { ["type"] = "string" });
        }

        foreach (var header in method.GetCustomAttributes<TakesHeaderAttribute>())
        {
            Add(header.Name, "header", header.Description, new JsonObject { ["type"] = "string" });
        }

        var versioned = answers.Any(answer => answer.ETag);
        if (versioned && verb is "get" or "head")
        {
            Add("If-None-Match", "header", "An ETag that the caller has; 304 where it is still the version there is.", new JsonObject { ["type"] = "string" });
        }
        else if (versioned || takes is { Conditions: true })
        {
            Add("If-Match", "header", "The ETag that it must still have, or `*` for any; 412 otherwise.", new JsonObject { ["type"] = "string" });
            if (verb == "put")
            {
                Add("If-None-Match", "header", "`*` where it must not exist yet; 412 otherwise.", new JsonObject { ["type"] = "string" });
            }
        }

        if (takes is { IdempotencyKey: true })
        {
            Add(IdempotencyKeys.Header, "header", "Lets the request be repeated within 24 hours without doing its work twice.", new JsonObject { ["type"] = "string", ["minLength"] = 1, ["maxLength"] = 255 });
        }

        Add(CorrelationId.Header, "header", "An id for logs; given back in the answer.", new JsonObject { ["type"] = "string", ["maxLength"] = 64 });
        return parameters;

        void Add(string name, string place, string description, JsonObject schema, bool required = false)
        {
            var parameter = new JsonObject { ["name"] = name, ["in"] = place, ["description"] = description, ["schema"] = schema };
            if (required)
            {
                parameter["required"] = true;
            }

            parameters.Add(parameter);
        }
    }

    private JsonObject? Body(TakesAttribute takes, RequestLimitsAttribute limits)
    {
        var content = new JsonObject();
        if (takes.Body is not null)
        {
            content["application/json"] = Media(_schemas.Of(takes.Body, taken: true), takes.Example);
        }

        foreach (var type in Split(takes.ContentTypes))
        {
            content[type] = Media([], takes.Body is null ? takes.Example : null);
        }

        return content.Count == 0 ? null : new JsonObject
        {
            ["description"] = string.Create(CultureInfo.InvariantCulture, $"At most {limits.MaxBodyBytes} bytes."),
            ["required"] = !takes.Optional,
            ["content"] = content,
        };
    }

    private JsonObject Answer(AnswersAttribute answer, string verb)
    {
        var response = new JsonObject { ["description"] = answer.Description ?? MeaningOf(answer.Status) };
        var headers = new JsonObject();
        if (answer.ETag)
        {
            headers["ETag"] = new JsonObject { ["description"] = "The version, in double quotes.", ["schema"] = new JsonObject { ["type"] = "string" } };
        }

        if (answer.Location)
        {
            headers["Location"] = new JsonObject { ["description"] = "Where to look next.", ["required"] = true, ["schema"] = new JsonObject { ["type"] = "string", ["format"] = "uri-reference" } };
        }

        if (headers.Count > 0)
        {
            response["headers"] = headers;
        }

        var content = new JsonObject();
        if (answer.Body is not null)
        {
            var body = answer.List ? typeof(ListEnvelope<>).MakeGenericType(answer.Body) : answer.Body;
            content["application/json"] = Media(_schemas.Of(body, taken: false), answer.Example);
        }

        foreach (var type in Split(answer.ContentType))
        {
            content[type] = Media([], answer.Body is null ? answer.Example : null);
        }

        if (content.Count > 0 && verb != "head")
        {
            response["content"] = content;
        }

        return response;
    }

    private static JsonObject Media(JsonObject schema, string? example)
    {
        var media = new JsonObject { ["schema"] = schema };
        if (example is not null)
        {
            media["example"] = example.AsSpan().TrimStart() is ['{' or '[', ..] ? JsonNode.Parse(example) : example;
        }

        return media;
    }

    private static IEnumerable<(string Status, string Meaning)> Refusals(
        Route route, string verb, TakesAttribute? takes, AnswersAttribute[] answers, bool anonymous, RequestLimitsAttribute limits)
    {
        yield return ("400", "Something in the request is not acceptable; `field` names it.");
        if (!anonymous)
        {
            yield return ("401", "A valid key is needed.");
            yield return ("403", "The key's role does not allow this.");
        }

        if (route.Parameters.Count > 0)
        {
            yield return ("404", "There is no such thing.");
        }

        if (answers.Any(answer => answer.ETag) && verb == "put" || takes is { Conditions: true })
        {
            yield return ("412", "It is not in the version that the conditional headers ask for.");
        }

        if (takes is not null && (takes.Body is not null || takes.ContentTypes is not null))
        {
            yield return ("413", "The body is too large.");
            yield return ("415", "The content type is not supported.");
        }

        yield return ("429", "Too many requests; `Retry-After` says when to try again.");
        yield return ("500", "Something went wrong on our side.");
        yield return ("503", "Not available at the moment; `Retry-After` says when to try again.");
        if (limits.TimeoutSeconds > 0)
        {
            yield return ("504", string.Create(CultureInfo.InvariantCulture, $"It took longer than {limits.TimeoutSeconds} s."));
        }
    }

    private static JsonObject Refusal(Route route, string meaning)
    {
        var (type, component) = ProblemResult.IsInference(route.Path) ? ("application/json", InferenceErrorComponent) : (ProblemResult.ContentType, ProblemComponent);
        return new JsonObject
        {
            ["description"] = meaning,
            ["content"] = new JsonObject { [type] = new JsonObject { ["schema"] = new JsonObject { ["$ref"] = $"#/components/schemas/{component}" } } },
        };
    }

    private JsonObject Components()
    {
        var schemas = new SortedDictionary<string, JsonObject>(StringComparer.Ordinal)
        {
            [ProblemComponent] = ProblemSchema(),
            [InferenceErrorComponent] = InferenceErrorSchema(),
        };
        foreach (var (name, schema) in _schemas.Components)
        {
            schemas.Add(name, schema);
            foreach (var (property, of) in schema["properties"]!.AsObject())
            {
                if (of!["description"] is null)
                {
                    _gaps.Add($"The field '{property}' of {name} has no description: write a /// <summary> on the property, or a <param> on the record.");
                }
            }
        }

        return new JsonObject
        {
            ["schemas"] = new JsonObject(schemas.Select(schema => KeyValuePair.Create<string, JsonNode?>(schema.Key, schema.Value))),
            ["securitySchemes"] = new JsonObject
            {
                ["apiKey"] = new JsonObject { ["type"] = "apiKey", ["in"] = "header", ["name"] = Authenticator.KeyHeader, ["description"] = "A key made by `POST /api/v1/keys`." },
                ["bearer"] = new JsonObject { ["type"] = "http", ["scheme"] = "bearer", ["description"] = "In Azure a token of Entra ID; on a local host also a key." },
            },
        };
    }

    private static JsonObject ProblemSchema()
    {
        return new JsonObject
        {
            ["type"] = "object",
            ["description"] = "Why a request was refused or failed (RFC 9457).",
            ["properties"] = new JsonObject
            {
                ["type"] = Text("Stable and made for programs: `urn:aiaas:problem:` and the kind."),
                ["title"] = Text("The kind, for people."),
                ["status"] = new JsonObject { ["type"] = "integer", ["description"] = "The HTTP status." },
                ["detail"] = Text("What is wrong and what to do about it."),
                ["field"] = Text("What in the request is at fault; absent where nothing single is."),
                ["correlationId"] = Text("For whoever runs the host."),
            },
            ["required"] = new JsonArray("type", "title", "status", "detail", "correlationId"),
            ["examples"] = new JsonArray(new JsonObject
            {
                ["type"] = "urn:aiaas:problem:not-found",
                ["title"] = "There is no such thing",
                ["status"] = 404,
                ["detail"] = "There is no endpoint 'churn'.",
                ["correlationId"] = "4bf92f3577b34da6a3ce929d0e0e4736",
            }),
        };
    }

    private static JsonObject InferenceErrorSchema() => new()
    {
        ["type"] = "object",
        ["description"] = "Why a request was refused or failed, as the Open Inference Protocol has it.",
        ["properties"] = new JsonObject { ["error"] = Text("What is wrong and what to do about it.") },
        ["required"] = new JsonArray("error"),
        ["examples"] = new JsonArray(new JsonObject { ["error"] = "There is no model 'churn'." }),
    };

    private static JsonObject Text(string description) => new() { ["type"] = "string", ["description"] = description };

    private static string MeaningOf(int status) => status switch
    {
        StatusCodes.Status200OK => "As asked for.",
        StatusCodes.Status201Created => "It was made.",
        StatusCodes.Status202Accepted => "The work goes on after this answer; `Location` says where to watch it.",
        StatusCodes.Status204NoContent => "Done.",
        _ => "Answered.",
    };

    private static string TagOf(MethodInfo method) => method.DeclaringType!.Namespace!.Split('.')[^1];

    private static string[] Split(string? list) => list?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];

    /// <param name="Path">As OpenAPI writes it.</param>
    /// <param name="Parameters">Names and constraints; <c>*</c> for all the rest of a path.</param>
    private sealed partial record Route(string Path, IReadOnlyList<(string Name, string Constraint)> Parameters)
    {
        public static Route Parse(string template)
        {
            var parameters = new List<(string, string)>();
            var segments = template.Trim('/').Split('/').Select(segment => Capture().Replace(segment, Take)).Where(segment => segment.Length > 0);
            return new Route($"/{string.Join('/', segments)}", parameters);

            string Take(Match match)
            {
                if (match.Groups["constraint"].Value.Contains("maxlength(0)", StringComparison.Ordinal))
                {
                    // How the site's root is written; there is nothing to give.
                    return "";
                }

                parameters.Add((match.Groups["name"].Value, match.Groups["rest"].Success ? "*" : match.Groups["constraint"].Value.TrimStart(':').TrimEnd('?')));
                return $"{{{match.Groups["name"].Value}}}";
            }
        }

        [GeneratedRegex(@"\{(?<rest>\*{1,2})?(?<name>\w+)(?<constraint>(:[^}]+)?)\??\}")]
        private static partial Regex Capture();
    }
}
