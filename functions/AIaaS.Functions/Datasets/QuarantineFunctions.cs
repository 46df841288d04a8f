using AIaaS.Functions.Requests;
using AIaaS.Platform;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Http;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Datasets;

/// <summary>Rows that were put aside: page by page with their reasons, or whole, to be corrected and sent again.</summary>
public sealed class QuarantineFunctions(QuarantineReader quarantine)
{
    /// <summary>Gives the rows of a data set that were put aside.</summary>
    [Function("GetDatasetQuarantine")]
    [RequiresRole(Role.Reader)]
    [RequestLimits(TimeoutSeconds = 600)]
    [TakesQuery("version", "Which version; the newest without it.", Type = typeof(int))]
    [TakesQuery("reason", "Only rows that were put aside for this reason.")]
    [TakesQuery("file", "As CSV: only rows of this file.")]
    [TakesQuery("limit", "How many rows at most.", Type = typeof(int))]
    [TakesQuery("continuation", "As the page before gave it.")]
    [TakesQuery("format", "The form of the answer, whatever `Accept` says.", Values = "json, csv, jsonl")]
    [Answers(200, typeof(QuarantineView), ContentType = "text/csv; charset=utf-8, application/x-ndjson")]
    public async Task<IResult> GetAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/datasets/{dataset}/quarantine")] HttpRequest request,
        string dataset)
    {
        // Pages of one listing are of one version, whatever newer ones there are by now.
        var version = request.ReadPage().Continuation is { } continuation ? QuarantineReader.VersionOf(continuation) : request.ReadVersion();
        return await GetAsync(request, dataset, await quarantine.FindAsync(request.Tenant(), Names.Require(dataset, "dataset"), version, request.Aborted()));
    }

    /// <summary>Gives the rows of one version that were put aside.</summary>
    [Function("GetDatasetVersionQuarantine")]
    [RequiresRole(Role.Reader)]
    [RequestLimits(TimeoutSeconds = 600)]
    [TakesQuery("reason", "Only rows that were put aside for this reason.")]
    [TakesQuery("file", "As CSV: only rows of this file.")]
    [TakesQuery("limit", "How many rows at most.", Type = typeof(int))]
    [TakesQuery("continuation", "As the page before gave it.")]
    [TakesQuery("format", "The form of the answer, whatever `Accept` says.", Values = "json, csv, jsonl")]
    [Answers(200, typeof(QuarantineView), ContentType = "text/csv; charset=utf-8, application/x-ndjson")]
    public async Task<IResult> GetOfVersionAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/datasets/{dataset}/versions/{version:int}/quarantine")] HttpRequest request,
        string dataset,
        int version)
        => await GetAsync(request, dataset, await quarantine.FindAsync(request.Tenant(), Names.Require(dataset, "dataset"), version, request.Aborted()));

    /// <summary>Gives the rows that a run put aside, also where it made no version.</summary>
    [Function("GetRunQuarantine")]
    [RequiresRole(Role.Reader)]
    [RequestLimits(TimeoutSeconds = 600)]
    [TakesQuery("reason", "Only rows that were put aside for this reason.")]
    [TakesQuery("file", "As CSV: only rows of this file.")]
    [TakesQuery("limit", "How many rows at most.", Type = typeof(int))]
    [TakesQuery("continuation", "As the page before gave it.")]
    [TakesQuery("format", "The form of the answer, whatever `Accept` says.", Values = "json, csv, jsonl")]
    [Answers(200, typeof(QuarantineView), ContentType = "text/csv; charset=utf-8, application/x-ndjson")]
    public async Task<IResult> GetOfRunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/runs/{run}/quarantine")] HttpRequest request,
        string run)
        => await GetAsync(request, run, await quarantine.FindAsync(new RunReference(request.Tenant(), Names.Require(run, "run")), request.Aborted()));

    private async Task<IResult> GetAsync(HttpRequest request, string name, QuarantineFile file)
    {
        var (tenant, page) = (request.Tenant(), request.ReadPage());
        var reason = request.Query["reason"].ToString() is { Length: > 0 } asked ? asked : null;
        var form = request.Negotiate(Representation.Json, Representation.Csv, Representation.JsonLines);
        if (form == Representation.JsonLines)
        {
            return Reply.Content(await quarantine.OpenAsync(file, request.Aborted()), Representation.JsonLines.MediaType);
        }

        if (form == Representation.Csv)
        {
            var source = request.Query["file"].ToString() is { Length: > 0 } named ? named : null;
            return Reply.Download(
                "text/csv; charset=utf-8",
                $"{name}-{file.Version}-quarantine.csv",
                (output, cancellationToken) => quarantine.CopyCsvAsync(tenant, file, source, reason, output, cancellationToken));
        }

        return Reply.Json(QuarantineView.Of(await quarantine.ReadAsync(file, reason, page.Limit, page.Continuation, request.Aborted())));
    }
}
