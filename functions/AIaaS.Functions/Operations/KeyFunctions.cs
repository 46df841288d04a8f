using AIaaS.Functions.Requests;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Http;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Operations;

/// <summary>API keys. An admin manages those of its own tenant; one of the default tenant also those of others, named by <c>tenant</c>.</summary>
public sealed class KeyFunctions(ApiKeys keys, IdempotencyKeys idempotency)
{
    /// <summary>Makes an API key, whose text is told this once.</summary>
    [Function("CreateKey")]
    [RequiresRole(Role.Admin)]
    [RequestLimits(MaxBodyBytes = 16 * 1024)]
    [Takes(typeof(KeyRequest), IdempotencyKey = true, Example = """{"role":"predictor","description":"the web shop","expires":"2027-01-01T00:00:00Z"}""")]
    [Answers(201, typeof(CreatedKeyView), Location = true)]
    public async Task<IResult> Create([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/keys")] HttpRequest request)
    {
        var cancellationToken = request.HttpContext.RequestAborted;
        var caller = request.HttpContext.GetCaller();
        var idempotencyKey = request.ReadIdempotencyKey();
        var body = await request.ReadJsonWithDigestAsync<KeyRequest>(cancellationToken);
        var wanted = new NewApiKey(caller.RequireTenant(body.Value.Tenant), body.Value.Role)
        {
            Description = body.Value.Description,
            Expires = body.Value.Expires,
        };

        var (key, text) = await keys.CreateAsync(wanted, cancellationToken);
        if (idempotencyKey is not null)
        {
            await ClaimAsync(caller, idempotencyKey, body.Digest, key, cancellationToken);
        }

        return Reply.Created($"/api/v1/keys/{key.Id}", new CreatedKeyView(key.Id, text, key.Tenant, key.Role, key.Description, key.Created, key.Expires));
    }

    /// <summary>Lists API keys, without their texts.</summary>
    [Function("ListKeys")]
    [RequiresRole(Role.Admin)]
    [TakesQuery("tenant", "Whose keys; the caller's own without it. Another tenant's only for admins of the tenant `default`.")]
    [Answers(200, typeof(KeyView), List = true)]
    public async Task<IResult> List([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/keys")] HttpRequest request)
        => Reply.List(await keys.ListAsync(TenantOf(request), request.ReadPage(), request.HttpContext.RequestAborted), document => KeyView.Of(document.Value));

    /// <summary>Shows an API key, without its text.</summary>
    [Function("GetKey")]
    [RequiresRole(Role.Admin)]
    [TakesQuery("tenant", "Whose key; the caller's own without it.")]
    [Answers(200, typeof(KeyView), ETag = true)]
    public async Task<IResult> Get([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/keys/{id}")] HttpRequest request, string id)
    {
        var document = await keys.GetAsync(TenantOf(request), id, request.HttpContext.RequestAborted);
        return Reply.Document(request, document.ETag, KeyView.Of(document.Value));
    }

    /// <summary>Revokes an API key, within a minute on all hosts.</summary>
    [Function("DeleteKey")]
    [RequiresRole(Role.Admin)]
    [TakesQuery("tenant", "Whose key; the caller's own without it.")]
    [Answers(204)]
    public async Task<IResult> Delete([HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "api/v1/keys/{id}")] HttpRequest request, string id)
    {
        await keys.DeleteAsync(TenantOf(request), id, request.HttpContext.RequestAborted);
        return Reply.NoContent();
    }

    private static string TenantOf(HttpRequest request)
        => request.HttpContext.GetCaller().RequireTenant(request.Query["tenant"].ToString() is { Length: > 0 } tenant ? tenant : null);

    // Claimed after the key is made, unlike elsewhere: its text can be told only once, so a repetition cannot get the same
    // answer. Whoever dies in between leaves a key that nobody knows, and a repetition that works.
    private async Task ClaimAsync(Caller caller, string idempotencyKey, string digest, ApiKey made, CancellationToken cancellationToken)
    {
        string? first = null;
        try
        {
            var claim = await idempotency.ClaimAsync(caller.Tenant, "create-key", idempotencyKey, digest, made.Id, cancellationToken);
            first = claim.First ? null : claim.Resource;
        }
        catch
        {
            await keys.DeleteAsync(made.Tenant, made.Id, CancellationToken.None);
            throw;
        }

        if (first is not null)
        {
            await keys.DeleteAsync(made.Tenant, made.Id, CancellationToken.None);
            throw new ProblemException(
                Problem.Conflict, $"An earlier request with this Idempotency-Key made the key '{first}', whose text is told only once. If it was lost, delete that key and make another.");
        }
    }

    private sealed record KeyRequest(Role Role, string? Description = null, DateTimeOffset? Expires = null, string? Tenant = null);

    private sealed record KeyView(string Id, string Tenant, Role Role, string? Description, DateTimeOffset Created, DateTimeOffset? Expires)
    {
        public static KeyView Of(ApiKey key) => new(key.Id, key.Tenant, key.Role, key.Description, key.Created, key.Expires);
    }

    private sealed record CreatedKeyView(
        string Id, string Key, string Tenant, Role Role, string? Description, DateTimeOffset Created, DateTimeOffset? Expires);
}
