using System.Security.Cryptography;
using AIaaS.Functions.Requests;
using AIaaS.Platform.Http;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Net.Http.Headers;

namespace AIaaS.Functions.OpenApi;

/// <summary>The description of the API, as the build wrote it.</summary>
public sealed class OpenApiFunctions
{
    private readonly Lazy<(byte[] Content, string ETag)> _file = new(static () =>
    {
        var content = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, OpenApiCommand.FileName));
        return (content, Convert.ToHexStringLower(SHA256.HashData(content))[..32]);
    });

    /// <summary>Describes this API in OpenAPI 3.1.</summary>
    [Function("GetOpenApi")]
    [RequiresRole(Role.Reader)]
    [RequestLimits(MaxBodyBytes = 0)]
    [Answers(200, ContentType = "application/json", ETag = true)]
    public IResult Get([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "openapi.json")] HttpRequest request)
    {
        var (content, etag) = _file.Value;
        return request.Has(etag)
            ? Reply.Empty(StatusCodes.Status304NotModified, etag)
            : Results.Bytes(content, "application/json", entityTag: new EntityTagHeaderValue($"\"{etag}\""));
    }
}
