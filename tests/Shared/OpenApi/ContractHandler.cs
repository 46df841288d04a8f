using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace AIaaS.Tests;

/// <summary>
/// Holds every answer of a host, and every request that it took, against the host's own <c>/openapi.json</c>, so that whatever a
/// test calls is known to be described.
/// </summary>
internal sealed class ContractHandler : DelegatingHandler
{
    private readonly SchemaValidator _schemas;
    private readonly (Regex Path, int Variables, JsonObject Operations)[] _paths;

    /// <param name="document">The host's description.</param>
    /// <param name="inner">Sends the requests.</param>
    public ContractHandler(JsonObject document, HttpMessageHandler inner)
        : base(inner)
    {
        _schemas = new SchemaValidator(document);
        _paths = [.. document["paths"]!.AsObject().Select(path => (PatternOf(path.Key), path.Key.Count(letter => letter == '{'), path.Value!.AsObject())).OrderBy(path => path.Item2)];
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.Content is not null)
        {
            // To be read once more after it was sent.
            await request.Content.LoadIntoBufferAsync(cancellationToken);
        }

        var answer = await base.SendAsync(request, cancellationToken);
        if (await ComplaintAsync(request, answer, cancellationToken) is { } complaint)
        {
            throw new InvalidOperationException($"{request.Method} {request.RequestUri!.PathAndQuery} answered {(int)answer.StatusCode}, which is not as /openapi.json says: {complaint}");
        }

        return answer;
    }

    private async Task<string?> ComplaintAsync(HttpRequestMessage request, HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        var path = request.RequestUri!.AbsolutePath;
        var type = answer.Content.Headers.ContentType?.MediaType;
        if (Find(request.Method.Method, path) is not { } operation)
        {
            // The host's own answer to what is no route is bare.
            return answer.StatusCode is HttpStatusCode.NotFound && type is null ? null : "the route is not described.";
        }

        if (answer.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.BadRequest && type is null)
        {
            // Of the host itself, before any function: a value that does not fit the route, or a request that is no HTTP.
            return null;
        }

        if (answer.IsSuccessStatusCode && await ComplaintOfRequestAsync(request, operation, cancellationToken) is { } complaint)
        {
            return complaint;
        }

        var responses = operation["responses"]!.AsObject();
        if ((responses[((int)answer.StatusCode).ToString(CultureInfo.InvariantCulture)] ?? (answer.IsSuccessStatusCode ? null : responses["default"])) is not JsonObject response)
        {
            return $"it describes only {string.Join(", ", responses.Select(known => known.Key))}. Add [Answers({(int)answer.StatusCode})].";
        }

        foreach (var header in (response["headers"]?.AsObject() ?? []).Where(header => header.Value!["required"] is not null))
        {
            if (!answer.Headers.Contains(header.Key))
            {
                return $"the header {header.Key} is missing.";
            }
        }

        if (request.Method == HttpMethod.Head)
        {
            return null;
        }

        var content = response["content"]?.AsObject();
        if (content is null)
        {
            return type is null || answer.Content.Headers.ContentLength is 0 ? null : $"it describes no body, and '{type}' came.";
        }

        return await ComplaintOfBodyAsync(content, answer.Content, answer.Headers, cancellationToken);
    }

    private async Task<string?> ComplaintOfRequestAsync(HttpRequestMessage request, JsonObject operation, CancellationToken cancellationToken)
    {
        if (request.Content is not { Headers.ContentLength: > 0 } body)
        {
            return null;
        }

        if (operation["requestBody"]?["content"] is not JsonObject content)
        {
            return "it describes no body of the request, and one was taken.";
        }

        return await ComplaintOfBodyAsync(content, body, request.Headers, cancellationToken) is { } complaint ? $"of the request, which was taken, {complaint}" : null;
    }

    private async Task<string?> ComplaintOfBodyAsync(JsonObject content, HttpContent body, HttpHeaders headers, CancellationToken cancellationToken)
    {
        // JSON is what is meant by no content type.
        var type = body.Headers.ContentType?.MediaType ?? "application/json";
        var media = content.FirstOrDefault(known => known.Key.Split(';')[0].Equals(type, StringComparison.OrdinalIgnoreCase)).Value;
        if (media is null)
        {
            return $"it describes {string.Join(", ", content.Select(known => known.Key))}, and '{type}' came.";
        }

        if (type is not ("application/json" or "application/problem+json") || media["schema"]!.AsObject().Count == 0)
        {
            return null;
        }

        await body.LoadIntoBufferAsync(cancellationToken);
        var text = await DecodeAsync(body, cancellationToken);
        // Binary tensors follow the JSON of the Open Inference Protocol.
        var length = headers.TryGetValues("Inference-Header-Content-Length", out var values) ? int.Parse(values.Single(), CultureInfo.InvariantCulture) : text.Length;
        var json = JsonNode.Parse(text.AsSpan(0, length));
        var errors = _schemas.Validate(media["schema"]!.AsObject(), json);
        return errors.Count == 0 ? null : string.Join("; ", errors.Take(10));
    }

    private static async Task<byte[]> DecodeAsync(HttpContent body, CancellationToken cancellationToken)
    {
        var bytes = await body.ReadAsByteArrayAsync(cancellationToken);
        using Stream? decoded = body.Headers.ContentEncoding.SingleOrDefault() switch
        {
            "gzip" => new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress),
            "deflate" => new ZLibStream(new MemoryStream(bytes), CompressionMode.Decompress),
            _ => null,
        };
        if (decoded is null)
        {
            return bytes;
        }

        using var all = new MemoryStream();
        await decoded.CopyToAsync(all, cancellationToken);
        return all.ToArray();
    }

    private JsonObject? Find(string method, string path) => _paths
        .Where(known => known.Path.IsMatch(path))
        .Select(known => known.Operations[method.ToLowerInvariant()])
        .OfType<JsonObject>()
        .FirstOrDefault();

    // A name's pattern is not held against the path: a refused name is an answer of the route too. The last variable of an upload's path takes the rest.
    private static Regex PatternOf(string path)
    {
        var rest = path.StartsWith("/uploads/", StringComparison.Ordinal) ? ".+" : "[^/]+";
        return new Regex($"^{Regex.Replace(Regex.Escape(path).Replace(@"\{", "{", StringComparison.Ordinal), @"\{\w+}", rest)}/?$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
    }
}
