using System.Globalization;
using AIaaS.Formats;
using AIaaS.Functions.Requests;
using AIaaS.Functions.Runs;
using AIaaS.Platform;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Http;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Security;
using AIaaS.Platform.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace AIaaS.Functions.Datasets;

/// <summary>Data sets: uploads, versions, profiles and quality reports, and their end.</summary>
public sealed class DatasetFunctions(DatasetService datasets, RunService runs)
{
    /// <summary>What the host in front of a function passes on at most; larger files go by upload URLs.</summary>
    private const long LargestUpload = 100L << 20;
    private const string NoPipeline = "none";

    /// <summary>Uploads a table and starts a run over it.</summary>
    [Function("PutDataset")]
    [RequiresRole(Role.Trainer)]
    [RequestLimits(MaxBodyBytes = LargestUpload, TimeoutSeconds = 600)]
    [Takes(ContentTypes = "text/csv, text/tab-separated-values, application/json, application/x-ndjson, application/vnd.apache.parquet, application/zip, application/gzip, application/zstd, application/octet-stream", Example = "age,income,churned\n42,51000,no\n")]
    [TakesQuery("file", "What the file is called; the same name replaces. By the content type without it.")]
    [TakesQuery("append", "Whether the other files of the data set stay.", Type = typeof(bool))]
    [TakesQuery("pipeline", "The pipeline that runs, or `none` to prepare only; the data set's name without it.")]
    [TakesHeader("If-Match", "The ETag that the data set must still have, or `*` for any; 412 otherwise.")]
    [TakesHeader("If-None-Match", "`*` where the data set must not exist yet; 412 otherwise.")]
    [Answers(202, typeof(StartedRun), Location = true)]
    public async Task<IResult> PutAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = "api/v1/datasets/{dataset}")] HttpRequest request,
        string dataset,
        [DurableClient] DurableTaskClient client)
    {
        var tenant = request.Tenant();
        Names.Require(dataset, "dataset");
        var pipeline = request.Query["pipeline"].ToString() switch
        {
            "" => dataset,
            NoPipeline => null,
            var named => Names.Require(named, "pipeline"),
        };
        var append = ReadFlag(request, "append");
        var conditions = request.ReadWriteConditions();
        var file = UploadedFile.NameOf(request);
        await datasets.UploadAsync(tenant, dataset, file, request.Body, append, conditions, request.Aborted());

        var ticket = await runs.RequestAsync(tenant, pipeline, dataset, runs.NewId(), $"uploaded file {file}", request.Aborted());
        await client.ScheduleAsync(tenant, ticket, request.Aborted());
        return RunReply.Accepted(ticket.Run);
    }

    /// <summary>Lists data sets.</summary>
    [Function("ListDatasets")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(DatasetView), List = true)]
    public async Task<IResult> ListAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/datasets")] HttpRequest request)
    {
        var query = request.ReadPage();
        var page = await datasets.ListAsync(request.Tenant(), query.Limit, query.Continuation, request.Aborted());
        return Reply.List(page, document => DatasetView.Of(document.Value));
    }

    /// <summary>Shows a data set and the files it is made of.</summary>
    [Function("GetDataset")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(DatasetView), ETag = true)]
    public async Task<IResult> GetAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/datasets/{dataset}")] HttpRequest request,
        string dataset)
    {
        var document = await datasets.GetAsync(request.Tenant(), Names.Require(dataset, "dataset"), request.Aborted());
        return Reply.Document(request, document.ETag, DatasetView.Of(document.Value));
    }

    /// <summary>Shows one prepared version of a data set.</summary>
    [Function("GetDatasetVersion")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(DatasetVersionView), ETag = true)]
    public async Task<IResult> GetVersionAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/datasets/{dataset}/versions/{version:int}")] HttpRequest request,
        string dataset,
        int version)
    {
        var document = await datasets.GetVersionAsync(
            request.Tenant(), Names.Require(dataset, "dataset"), version, request.Aborted());
        return Reply.Document(request, document.ETag, DatasetVersionView.Of(document.Value));
    }

    /// <summary>Lists the versions of a data set.</summary>
    [Function("ListDatasetVersions")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(DatasetVersionView), List = true)]
    public async Task<IResult> ListVersionsAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/datasets/{dataset}/versions")] HttpRequest request,
        string dataset)
    {
        var query = request.ReadPage();
        var page = await datasets.ListVersionsAsync(request.Tenant(), Names.Require(dataset, "dataset"), query.Limit, query.Continuation, request.Aborted());
        return Reply.List(page, document => DatasetVersionView.Of(document.Value));
    }

    /// <summary>Deletes a data set, its versions and files; models trained on it stay.</summary>
    [Function("DeleteDataset")]
    [RequiresRole(Role.Trainer)]
    [RequestLimits(TimeoutSeconds = 120)]
    [Takes(Conditions = true)]
    [Answers(204)]
    public async Task<IResult> DeleteAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "api/v1/datasets/{dataset}")] HttpRequest request,
        string dataset)
    {
        await datasets.DeleteAsync(request.Tenant(), Names.Require(dataset, "dataset"), request.ReadWriteConditions(), request.Aborted());
        return Reply.NoContent();
    }

    /// <summary>Tells what is in a data set, column by column.</summary>
    [Function("GetDatasetProfile")]
    [RequiresRole(Role.Reader)]
    [TakesQuery("version", "Which version; the newest without it.", Type = typeof(int))]
    [Answers(200, typeof(DataProfile), ETag = true)]
    public async Task<IResult> GetProfileAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/datasets/{dataset}/profile")] HttpRequest request,
        string dataset)
    {
        var content = await datasets.OpenFileAsync(
            request.Tenant(), Names.Require(dataset, "dataset"), request.ReadVersion(), DataProfile.FileName, request.Aborted());
        return Reply.Content(content, "application/json");
    }

    /// <summary>Tells what preparing a data set found and did.</summary>
    [Function("GetDatasetQuality")]
    [RequiresRole(Role.Reader)]
    [TakesQuery("version", "Which version; the newest without it.", Type = typeof(int))]
    [TakesQuery("format", "The form of the answer, whatever `Accept` says.", Values = "json, html")]
    [Answers(200, typeof(QualityReport), ContentType = "text/html; charset=utf-8", ETag = true)]
    public Task<IResult> GetQualityAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/datasets/{dataset}/quality")] HttpRequest request,
        string dataset)
    {
        Names.Require(dataset, "dataset");
        var version = request.ReadVersion();
        return QualityReply.OfAsync(request, file => datasets.OpenFileAsync(request.Tenant(), dataset, version, file, request.Aborted()));
    }

    private static bool ReadFlag(HttpRequest request, string name) => request.Query[name].ToString() switch
    {
        "" or "false" => false,
        "true" => true,
        _ => throw new ProblemException(Problem.InvalidValue, $"'{name}' must be 'true' or 'false'.") { Field = name },
    };
}

internal static class QualityReply
{
    /// <summary>A quality report as the caller likes it: JSON, or a page for people.</summary>
    public static async Task<IResult> OfAsync(HttpRequest request, Func<string, Task<ObjectContent>> open)
        => request.Negotiate(Representation.Json, Representation.Html) == Representation.Html
            ? Reply.Page(await open(QualityReport.PageFileName))
            : Reply.Content(await open(QualityReport.FileName), "application/json");
}

internal static class VersionQuery
{
    /// <summary>Reads <c>?version=</c>.</summary>
    /// <returns>Null for the newest.</returns>
    /// <exception cref="ProblemException">It is no version number.</exception>
    public static int? ReadVersion(this HttpRequest request) => request.Query["version"].ToString() switch
    {
        "" => null,
        var text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 => number,
        _ => throw new ProblemException(Problem.InvalidValue, "'version' must be a version number from 1.") { Field = "version" },
    };
}
