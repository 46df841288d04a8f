using AIaaS.Formats;
using AIaaS.Functions.Datasets;
using AIaaS.Functions.Requests;
using AIaaS.Platform;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Http;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace AIaaS.Functions.Runs;

/// <summary>Runs: listed, watched, cancelled.</summary>
public sealed class RunFunctions(RunService runs, RunViews views, QuarantineReader reports)
{
    /// <summary>Lists runs.</summary>
    [Function("ListRuns")]
    [RequiresRole(Role.Reader)]
    [TakesQuery("pipeline", "Only runs of this pipeline.")]
    [TakesQuery("status", "Only runs that stand so.", Values = "queued, running, waiting, succeeded, failed, cancelled")]
    [Answers(200, typeof(RunView), List = true)]
    public async Task<IResult> ListAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/runs")] HttpRequest request)
    {
        var tenant = request.Tenant();
        var pipeline = request.Query["pipeline"].ToString() is { Length: > 0 } named ? Names.Require(named, "pipeline") : null;
        var status = request.Query["status"].ToString() switch
        {
            "" => (RunStatus?)null,
            var text when Enum.TryParse<RunStatus>(text, ignoreCase: true, out var known) && !char.IsDigit(text[0]) => known,
            _ => throw new ProblemException(Problem.InvalidValue, "'status' must be queued, running, waiting, succeeded, failed or cancelled.") { Field = "status" },
        };
        var query = request.ReadPage();
        var page = await runs.ListAsync(tenant, pipeline, status, query.Limit, query.Continuation, request.Aborted());
        return Reply.List(page, document => RunView.Of(document.Value));
    }

    /// <summary>Shows a run with its progress.</summary>
    [Function("GetRun")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(RunView), ETag = true)]
    public async Task<IResult> GetAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/runs/{run}")] HttpRequest request,
        string run)
    {
        var seen = await views.GetAsync(new RunReference(request.Tenant(), Names.Require(run, "run")), request.Aborted());
        return Reply.Document(request, seen.EventId, seen.View);
    }

    /// <summary>Streams every state of a run until it has ended, as server-sent events whose data is the run.</summary>
    [Function("WatchRun")]
    [RequiresRole(Role.Reader)]
    [RequestLimits(TimeoutSeconds = 0)]
    [TakesHeader("Last-Event-ID", "The id of the last event seen; events go on after it.")]
    [Answers(200, ContentType = "text/event-stream")]
    public async Task<IResult> WatchAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/runs/{run}/events")] HttpRequest request,
        string run)
    {
        var reference = new RunReference(request.Tenant(), Names.Require(run, "run"));
        await views.GetAsync(reference, request.Aborted());
        return new EventStreamResult(views.WatchAsync(reference, request.Headers["Last-Event-ID"].ToString()));
    }

    /// <summary>Gives what a trial's job printed.</summary>
    [Function("GetTrialLog")]
    [RequiresRole(Role.Reader)]
    [Answers(200, ContentType = "text/plain; charset=utf-8", ETag = true)]
    public async Task<IResult> GetTrialLogAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/runs/{run}/trials/{trial:int}/log")] HttpRequest request,
        string run,
        int trial)
    {
        var reference = new RunReference(request.Tenant(), Names.Require(run, "run"));
        return Reply.Content(await views.OpenTrialLogAsync(reference, trial, request.Aborted()), "text/plain; charset=utf-8");
    }

    /// <summary>Tells what a run found and did to its data, also where it made no version.</summary>
    [Function("GetRunQuality")]
    [RequiresRole(Role.Reader)]
    [TakesQuery("format", "The form of the answer, whatever `Accept` says.", Values = "json, html")]
    [Answers(200, typeof(QualityReport), ContentType = "text/html; charset=utf-8", ETag = true)]
    public Task<IResult> GetQualityAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/runs/{run}/quality")] HttpRequest request,
        string run)
    {
        var reference = new RunReference(request.Tenant(), Names.Require(run, "run"));
        return QualityReply.OfAsync(request, file => reports.OpenReportAsync(reference, file, request.Aborted()));
    }

    /// <summary>Stops a run.</summary>
    [Function("CancelRun")]
    [RequiresRole(Role.Trainer)]
    [Takes]
    [Answers(202, typeof(RunView), Location = true)]
    public async Task<IResult> CancelAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/runs/{run}/cancel")] HttpRequest request,
        string run,
        [DurableClient] DurableTaskClient client)
    {
        var tenant = request.Tenant();
        var cancelled = await runs.CancelAsync(tenant, Names.Require(run, "run"), request.Aborted());
        if (await client.GetInstanceAsync(run, request.Aborted()) is { IsCompleted: false })
        {
            await client.RaiseEventAsync(run, RunPipelineOrchestrator.CancelEvent, cancellation: request.Aborted());
        }

        return Reply.Accepted(RunReply.LocationOf(run), RunView.Of(cancelled));
    }
}

internal static class RunReply
{
    public static string LocationOf(string run) => $"/api/v1/runs/{run}";

    /// <summary>A run goes on after this answer.</summary>
    public static IResult Accepted(Run run) => Reply.Accepted(LocationOf(run.Id), new StartedRun(run.Id, run.Dataset, run.DatasetVersion));
}

/// <summary>A run that goes on after the answer.</summary>
/// <param name="Run">Its id.</param>
/// <param name="Dataset">The data set that it works on.</param>
/// <param name="Version">The version of the data set that it makes.</param>
internal sealed record StartedRun(string Run, string Dataset, int Version);
