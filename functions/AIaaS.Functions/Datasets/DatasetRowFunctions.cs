using AIaaS.Data;
using AIaaS.Functions.Requests;
using AIaaS.Platform;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Http;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Datasets;

/// <summary>The rows of data sets: page by page, or whole.</summary>
public sealed class DatasetRowFunctions(DatasetService datasets, DatasetReader reader)
{
    /// <summary>Gives rows of a data set, page by page.</summary>
    [Function("GetDatasetRows")]
    [RequiresRole(Role.Reader)]
    [TakesQuery("version", "Which version; the newest without it.", Type = typeof(int))]
    [TakesQuery("columns", "Only these columns; may be repeated. All without it.")]
    [TakesQuery("filter", "Only rows for which this SQL expression is true.")]
    [TakesQuery("limit", "How many rows at most.", Type = typeof(int))]
    [TakesQuery("continuation", "As the page before gave it.")]
    [TakesQuery("format", "The form of the answer, whatever `Accept` says.", Values = "json, csv")]
    [Answers(200, typeof(RowsView), ContentType = "text/csv; charset=utf-8")]
    public Task<IResult> GetRowsAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/datasets/{dataset}/rows")] HttpRequest request,
        string dataset)
        => GetRowsAsync(request, dataset, request.ReadVersion());

    /// <summary>Gives rows of one version of a data set, page by page.</summary>
    [Function("GetDatasetVersionRows")]
    [RequiresRole(Role.Reader)]
    [TakesQuery("columns", "Only these columns; may be repeated. All without it.")]
    [TakesQuery("filter", "Only rows for which this SQL expression is true.")]
    [TakesQuery("limit", "How many rows at most.", Type = typeof(int))]
    [TakesQuery("continuation", "As the page before gave it.")]
    [TakesQuery("format", "The form of the answer, whatever `Accept` says.", Values = "json, csv")]
    [Answers(200, typeof(RowsView), ContentType = "text/csv; charset=utf-8")]
    public Task<IResult> GetVersionRowsAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/datasets/{dataset}/versions/{version:int}/rows")] HttpRequest request,
        string dataset,
        int version)
        => GetRowsAsync(request, dataset, version);

    /// <summary>Gives all rows of a data set.</summary>
    [Function("GetDatasetData")]
    [RequiresRole(Role.Reader)]
    [RequestLimits(TimeoutSeconds = 600)]
    [TakesQuery("version", "Which version; the newest without it.", Type = typeof(int))]
    [TakesQuery("format", "The form of the answer, whatever `Accept` says.", Values = "parquet, csv")]
    [Answers(200, ContentType = "application/vnd.apache.parquet, text/csv; charset=utf-8")]
    public Task<IResult> GetDataAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/datasets/{dataset}/data")] HttpRequest request,
        string dataset)
        => GetDataAsync(request, dataset, request.ReadVersion());

    /// <summary>Gives all rows of one version of a data set.</summary>
    [Function("GetDatasetVersionData")]
    [RequiresRole(Role.Reader)]
    [RequestLimits(TimeoutSeconds = 600)]
    [TakesQuery("format", "The form of the answer, whatever `Accept` says.", Values = "parquet, csv")]
    [Answers(200, ContentType = "application/vnd.apache.parquet, text/csv; charset=utf-8")]
    public Task<IResult> GetVersionDataAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/datasets/{dataset}/versions/{version:int}/data")] HttpRequest request,
        string dataset,
        int version)
        => GetDataAsync(request, dataset, version);

    private async Task<IResult> GetRowsAsync(HttpRequest request, string dataset, int? version)
    {
        var (tenant, page) = (request.Tenant(), request.ReadPage());
        Names.Require(dataset, "dataset");
        var asked = new RowsRequest
        {
            Columns = [.. request.Query["columns"].Where(name => !string.IsNullOrEmpty(name)).Select(name => name!)],
            Filter = request.Query["filter"].ToString() is { Length: > 0 } filter ? filter : null,
            Limit = page.Limit,
            Continuation = page.Continuation,
        };
        if (request.Negotiate(Representation.Json, Representation.Csv) == Representation.Csv)
        {
            var csv = await reader.ReadCsvAsync(tenant, dataset, version, asked, request.Aborted());
            return Reply.Bytes(csv.Rows, "text/csv; charset=utf-8", csv.Continuation is { } next ? NextOf(request, next) : null);
        }

        var json = await reader.ReadJsonAsync(tenant, dataset, version, asked, request.Aborted());
        return Reply.Bytes(RowsView.Write(json), "application/json");
    }

    private async Task<IResult> GetDataAsync(HttpRequest request, string dataset, int? version)
    {
        var tenant = request.Tenant();
        Names.Require(dataset, "dataset");
        if (request.Negotiate(Representation.Parquet, Representation.Csv) == Representation.Parquet)
        {
            return Reply.Content(await datasets.OpenFileAsync(tenant, dataset, version, PreparedDataset.DataFileName, request.Aborted()), Representation.Parquet.MediaType);
        }

        var known = await datasets.ResolveVersionAsync(tenant, dataset, version, request.Aborted());
        return Reply.Download(
            "text/csv; charset=utf-8",
            $"{dataset}-{known.Version}.csv",
            (output, cancellationToken) => reader.CopyCsvAsync(tenant, dataset, known.Version, output, cancellationToken));
    }

    private static string NextOf(HttpRequest request, string continuation)
    {
        var others = request.Query.Where(parameter => parameter.Key != "continuation")
            .SelectMany(parameter => parameter.Value, (parameter, value) => KeyValuePair.Create(parameter.Key, value ?? ""));
        return request.Path + new QueryBuilder(others.Append(KeyValuePair.Create("continuation", continuation))).ToString();
    }
}
