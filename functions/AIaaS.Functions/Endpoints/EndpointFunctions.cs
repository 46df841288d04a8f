using AIaaS.Functions.Requests;
using AIaaS.Platform;
using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Http;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Endpoints;

/// <summary>An endpoint as callers see it.</summary>
/// <param name="ResponseCacheSeconds">For how many seconds an answer is repeated to requests with the same content; null for never.</param>
public sealed record EndpointView(
    string Name,
    string Model,
    IReadOnlyList<TrafficShare> Traffic,
    UnknownFeatures UnknownFeatures,
    NonFinite NonFinite,
    int? ResponseCacheSeconds,
    DateTimeOffset Created,
    DateTimeOffset Updated)
{
    internal static EndpointView Of(Platform.Endpoints.Endpoint endpoint)
        => new(endpoint.Name, endpoint.Model, endpoint.Traffic, endpoint.UnknownFeatures, endpoint.NonFinite, endpoint.ResponseCacheSeconds, endpoint.Created, endpoint.Updated);
}

/// <summary>Endpoints: the names that predictions are asked of.</summary>
public sealed class EndpointFunctions(EndpointService endpoints, EndpointWarmUp warmUp)
{
    /// <summary>Makes or replaces an endpoint.</summary>
    [Function("PutEndpoint")]
    [RequiresRole(Role.Trainer)]
    [Takes(typeof(EndpointDefinition), Example = """{"model":"churn","traffic":[{"version":3,"percent":90},{"version":4,"percent":10}],"unknownFeatures":"refuse"}""")]
    [Answers(200, typeof(EndpointView), ETag = true)]
    [Answers(201, typeof(EndpointView), ETag = true)]
    public async Task<IResult> PutAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = "api/v1/endpoints/{endpoint}")] HttpRequest request,
        string endpoint)
    {
        var tenant = request.Tenant();
        Names.Require(endpoint, "endpoint");
        var definition = await request.ReadJsonAsync<EndpointDefinition>(request.Aborted());
        var (document, created) = await endpoints.PutAsync(tenant, endpoint, definition, request.ReadWriteConditions(), request.Aborted());
        _ = warmUp.LoadAsync(tenant, document.Value);
        return Reply.Put(document.ETag, created, EndpointView.Of(document.Value));
    }

    /// <summary>Lists endpoints.</summary>
    [Function("ListEndpoints")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(EndpointView), List = true)]
    public async Task<IResult> ListAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/endpoints")] HttpRequest request)
    {
        var query = request.ReadPage();
        var page = await endpoints.ListAsync(request.Tenant(), query.Limit, query.Continuation, request.Aborted());
        return Reply.List(page, document => EndpointView.Of(document.Value));
    }

    /// <summary>Shows an endpoint.</summary>
    [Function("GetEndpoint")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(EndpointView), ETag = true)]
    public async Task<IResult> GetAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/endpoints/{endpoint}")] HttpRequest request,
        string endpoint)
    {
        var document = await endpoints.GetAsync(request.Tenant(), Names.Require(endpoint, "endpoint"), request.Aborted());
        return Reply.Document(request, document.ETag, EndpointView.Of(document.Value));
    }

    /// <summary>Removes an endpoint; its model stays.</summary>
    [Function("DeleteEndpoint")]
    [RequiresRole(Role.Trainer)]
    [Takes(Conditions = true)]
    [Answers(204)]
    public async Task<IResult> DeleteAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "api/v1/endpoints/{endpoint}")] HttpRequest request,
        string endpoint)
    {
        await endpoints.DeleteAsync(
            request.Tenant(), Names.Require(endpoint, "endpoint"), request.ReadWriteConditions().IfMatch, request.Aborted());
        return Reply.NoContent();
    }
}
