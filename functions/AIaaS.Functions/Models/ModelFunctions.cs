using System.Globalization;
using AIaaS.Formats;
using AIaaS.Functions.Requests;
using AIaaS.Platform;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Http;
using AIaaS.Platform.Models;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Models;

/// <summary>A model as callers see it.</summary>
public sealed record ModelView(
    string Name, DateTimeOffset Created, DateTimeOffset Updated, IReadOnlyDictionary<string, int> Aliases, IReadOnlyList<ModelVersion>? Versions)
{
    internal static ModelView Of(RegisteredModel model, IReadOnlyList<ModelVersion>? versions)
        => new(model.Name, model.Created, model.Updated, model.Aliases, versions);
}

/// <summary>Which version an alias is to point to.</summary>
public sealed record AliasDefinition(int Version);

/// <summary>Models and their versions.</summary>
public sealed class ModelFunctions(ModelRegistry registry, ModelImporter importer)
{
    // What the Azure host lets through at most.
    private const long LargestModel = 100 << 20;

    /// <summary>Takes an ONNX file as a new version of a model, which is made if need be.</summary>
    [Function("ImportModelVersion")]
    [RequiresRole(Role.Trainer)]
    [RequestLimits(MaxBodyBytes = LargestModel, TimeoutSeconds = 300)]
    [Takes(ContentTypes = "application/octet-stream, multipart/form-data, application/x-www-form-urlencoded", IdempotencyKey = true)]
    [Answers(201, typeof(ModelVersion), Location = true)]
    public async Task<IResult> ImportAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/models/{model}/versions")] HttpRequest request,
        string model)
    {
        Names.Require(model, "model");
        var idempotencyKey = request.ReadIdempotencyKey();
        var imported = await ImportedModelBody.ReadAsync(request, LargestModel);
        var document = await importer.ImportAsync(request.Tenant(), model, imported, idempotencyKey, request.Aborted());
        var version = document.Value;
        return Reply.Created(
            string.Create(CultureInfo.InvariantCulture, $"/api/v1/models/{version.Model}/versions/{version.Version}"), version, document.ETag);
    }

    /// <summary>Points an alias of a model to one of its versions.</summary>
    [Function("PutModelAlias")]
    [RequiresRole(Role.Trainer)]
    [Takes(typeof(AliasDefinition), Example = """{"version":3}""")]
    [Answers(200, typeof(ModelView), ETag = true)]
    [Answers(201, typeof(ModelView), ETag = true)]
    public async Task<IResult> PutAliasAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = "api/v1/models/{model}/aliases/{alias}")] HttpRequest request,
        string model,
        string alias)
    {
        Names.Require(model, "model");
        Names.Require(alias, "alias");
        var definition = await request.ReadJsonAsync<AliasDefinition>(request.Aborted());
        var (document, created) = await registry.PutAliasAsync(
            request.Tenant(), model, alias, definition.Version, request.ReadWriteConditions(), request.Aborted());
        return Reply.Put(document.ETag, created, ModelView.Of(document.Value, versions: null));
    }

    /// <summary>Lists models, without their versions.</summary>
    [Function("ListModels")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(ModelView), List = true)]
    public async Task<IResult> ListAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/models")] HttpRequest request)
    {
        var query = request.ReadPage();
        var page = await registry.ListAsync(request.Tenant(), query.Limit, query.Continuation, request.Aborted());
        return Reply.List(page, document => ModelView.Of(document.Value, versions: null));
    }

    /// <summary>Shows a model and its newest versions.</summary>
    [Function("GetModel")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(ModelView), ETag = true)]
    public async Task<IResult> GetAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/models/{model}")] HttpRequest request,
        string model)
    {
        var tenant = request.Tenant();
        var document = await registry.GetAsync(tenant, Names.Require(model, "model"), request.Aborted());
        var versions = await registry.ListVersionsAsync(tenant, model, DocumentQuery.DefaultLimit, continuation: null, request.Aborted());
        return Reply.Document(request, document.ETag, ModelView.Of(document.Value, [.. versions.Items.Select(version => version.Value)]));
    }

    /// <summary>Shows one version of a model.</summary>
    [Function("GetModelVersion")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(ModelVersion), ETag = true)]
    public async Task<IResult> GetVersionAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/models/{model}/versions/{version:int}")] HttpRequest request,
        string model,
        int version)
    {
        var document = await registry.GetVersionAsync(request.Tenant(), Names.Require(model, "model"), version, request.Aborted());
        return Reply.Document(request, document.ETag, document.Value);
    }

    /// <summary>Tells what to know before using a model version.</summary>
    [Function("GetModelCard")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(ModelCard), ETag = true)]
    public Task<IResult> GetCardAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/models/{model}/versions/{version:int}/card")] HttpRequest request,
        string model,
        int version)
        => GetFileAsync(request, model, version, ModelCard.FileName, "application/json");

    /// <summary>Tells what a model version takes and gives.</summary>
    [Function("GetModelSignature")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(ModelSignature), ETag = true)]
    public Task<IResult> GetSignatureAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/models/{model}/versions/{version:int}/signature")] HttpRequest request,
        string model,
        int version)
        => GetFileAsync(request, model, version, ModelSignature.FileName, "application/json");

    /// <summary>Tells how well a model version predicts rows it never saw.</summary>
    [Function("GetModelMetrics")]
    [RequiresRole(Role.Reader)]
    [TakesQuery("format", "The form of the answer, whatever `Accept` says.", Values = "json, html")]
    [Answers(200, typeof(ModelMetrics), ContentType = "text/html; charset=utf-8", ETag = true)]
    public async Task<IResult> GetMetricsAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/models/{model}/versions/{version:int}/metrics")] HttpRequest request,
        string model,
        int version)
    {
        Names.Require(model, "model");
        return request.Negotiate(Representation.Json, Representation.Html) == Representation.Html
            ? Reply.Page(await registry.OpenFileAsync(request.Tenant(), model, version, ModelMetrics.PageFileName, request.Aborted()))
            : Reply.Content(await registry.OpenFileAsync(request.Tenant(), model, version, ModelMetrics.FileName, request.Aborted()), "application/json");
    }

    /// <summary>Gives the ONNX file of a model version.</summary>
    [Function("GetModelContent")]
    [RequiresRole(Role.Reader)]
    [RequestLimits(TimeoutSeconds = 600)]
    [Answers(200, ContentType = "application/octet-stream", ETag = true)]
    public Task<IResult> GetContentAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/models/{model}/versions/{version:int}/content")] HttpRequest request,
        string model,
        int version)
        => GetFileAsync(request, model, version, ModelVersion.ContentFile, "application/octet-stream");

    private async Task<IResult> GetFileAsync(
        HttpRequest request, string model, int version, string file, string contentType)
    {
        var content = await registry.OpenFileAsync(
            request.Tenant(), Names.Require(model, "model"), version, file, request.Aborted());
        return Reply.Content(content, contentType);
    }
}
