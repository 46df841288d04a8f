using System.Text;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Functions.Requests;
using AIaaS.Functions.Runs;
using AIaaS.Platform;
using AIaaS.Platform.Http;
using AIaaS.Platform.Pipelines;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace AIaaS.Functions.Pipelines;

/// <summary>A pipeline as callers see it; <c>PUT</c> takes its <c>definition</c>.</summary>
public sealed record PipelineView(string Name, DateTimeOffset Created, DateTimeOffset Updated, bool Inferred, PipelineDefinition Definition)
{
    internal static PipelineView Of(Pipeline pipeline)
        => new(pipeline.Name, pipeline.Created, pipeline.Updated, pipeline.Inferred, pipeline.Definition);
}

/// <summary>Which data a run asked for by hand is over.</summary>
public sealed record RunRequest
{
    /// <summary>Null for the data set of the pipeline's name.</summary>
    public string? Dataset { get; init; }
}

/// <summary>Pipelines: defined in YAML or JSON, and run by hand.</summary>
public sealed class PipelineFunctions(PipelineService pipelines, RunService runs, IdempotencyKeys idempotency)
{
    private const int LargestDefinition = 64 << 10;

    /// <summary>Defines a pipeline, in YAML or JSON.</summary>
    [Function("PutPipeline")]
    [RequiresRole(Role.Trainer)]
    [RequestLimits(MaxBodyBytes = LargestDefinition)]
    [Takes(typeof(PipelineDefinition), ContentTypes = "application/yaml, text/plain", Example = """{"target":"churned","task":"classification","split":{"holdout":0.2},"gate":{"metric":"auc","minimum":0.8}}""")]
    [Answers(200, typeof(PipelineView), ETag = true)]
    [Answers(201, typeof(PipelineView), ETag = true)]
    public async Task<IResult> PutAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = "api/v1/pipelines/{pipeline}")] HttpRequest request,
        string pipeline)
    {
        var tenant = request.Tenant();
        Names.Require(pipeline, "pipeline");
        using var reader = new StreamReader(
            request.Body, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true, throwOnInvalidBytes: true), detectEncodingFromByteOrderMarks: false);
        string text;
        try
        {
            text = await reader.ReadToEndAsync(request.Aborted());
        }
        catch (DecoderFallbackException)
        {
            throw new ProblemException(Problem.MalformedBody, "A pipeline is text in UTF-8.");
        }

        var (document, created) = await pipelines.PutAsync(tenant, pipeline, PipelineReader.Read(text), request.ReadWriteConditions(), request.Aborted());
        return Reply.Put(document.ETag, created, PipelineView.Of(document.Value));
    }

    /// <summary>Lists pipelines.</summary>
    [Function("ListPipelines")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(PipelineView), List = true)]
    public async Task<IResult> ListAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/pipelines")] HttpRequest request)
    {
        var query = request.ReadPage();
        var page = await pipelines.ListAsync(request.Tenant(), query.Limit, query.Continuation, request.Aborted());
        return Reply.List(page, document => PipelineView.Of(document.Value));
    }

    /// <summary>Shows a pipeline.</summary>
    [Function("GetPipeline")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(PipelineView), ETag = true)]
    public async Task<IResult> GetAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/pipelines/{pipeline}")] HttpRequest request,
        string pipeline)
    {
        var document = await pipelines.GetAsync(request.Tenant(), Names.Require(pipeline, "pipeline"), request.Aborted());
        return Reply.Document(request, document.ETag, PipelineView.Of(document.Value));
    }

    /// <summary>Removes a pipeline; what its runs made stays.</summary>
    [Function("DeletePipeline")]
    [RequiresRole(Role.Trainer)]
    [Takes(Conditions = true)]
    [Answers(204)]
    public async Task<IResult> DeleteAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "api/v1/pipelines/{pipeline}")] HttpRequest request,
        string pipeline)
    {
        await pipelines.DeleteAsync(
            request.Tenant(), Names.Require(pipeline, "pipeline"), request.ReadWriteConditions().IfMatch, request.Aborted());
        return Reply.NoContent();
    }

    /// <summary>Starts a run by hand.</summary>
    [Function("StartPipelineRun")]
    [RequiresRole(Role.Trainer)]
    [RequestLimits(MaxBodyBytes = LargestDefinition)]
    [Takes(typeof(RunRequest), Optional = true, IdempotencyKey = true, Example = """{"dataset":"churn-2026"}""")]
    [Answers(202, typeof(StartedRun), Location = true)]
    public async Task<IResult> StartRunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/pipelines/{pipeline}/runs")] HttpRequest request,
        string pipeline,
        [DurableClient] DurableTaskClient client)
    {
        var tenant = request.Tenant();
        await pipelines.GetAsync(tenant, Names.Require(pipeline, "pipeline"), request.Aborted());
        var idempotencyKey = request.ReadIdempotencyKey();
        var asked = request.ContentLength is 0 or null && !request.Headers.ContainsKey("Transfer-Encoding")
            ? new JsonBody<RunRequest>(new RunRequest(), "")
            : await request.ReadJsonWithDigestAsync<RunRequest>(request.Aborted());
        var dataset = asked.Value.Dataset is null ? pipeline : Names.Require(asked.Value.Dataset, "dataset");
        var id = runs.NewId();
        if (idempotencyKey is not null)
        {
            // The same key asks for the same run again, which may have begun or ended by now.
            id = (await idempotency.ClaimAsync(tenant, $"start-run/{pipeline}", idempotencyKey, asked.Digest, id, request.Aborted())).Resource;
        }

        var ticket = await runs.RequestAsync(tenant, pipeline, dataset, id, "asked for by request", request.Aborted());
        await client.ScheduleAsync(tenant, ticket, request.Aborted());
        return RunReply.Accepted(ticket.Run);
    }
}
