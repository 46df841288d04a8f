using System.Globalization;
using AIaaS.Data.Exchange;
using AIaaS.Functions.Datasets;
using AIaaS.Functions.Requests;
using AIaaS.Platform;
using AIaaS.Platform.Http;
using AIaaS.Platform.Predictions.Batches;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Predictions;

/// <summary>Predictions of many rows, made in the background.</summary>
public sealed class BatchPredictionFunctions(BatchPredictionService batches, IdempotencyKeys idempotency)
{
    private const long LargestUpload = 100L << 20;
    private const long LargestRows = 16L << 20;
    private const string Example = """{"endpoint":"churn","dataset":"customers","format":"csv","webhook":{"url":"https://example.com/hooks/churn"}}""";

    /// <summary>Has many rows predicted in the background: of a request as JSON, of a data set, or of a file that is the body.</summary>
    [Function("CreateBatchPrediction")]
    [RequiresRole(Role.Predictor)]
    [RequestLimits(MaxBodyBytes = LargestUpload, TimeoutSeconds = 600)]
    [Takes(typeof(BatchPredictionRequest), ContentTypes = "text/csv, text/tab-separated-values, application/x-ndjson, application/vnd.apache.parquet, application/octet-stream", IdempotencyKey = true, Example = Example)]
    [TakesQuery("endpoint", "With a file: the endpoint that predicts; or `model`.")]
    [TakesQuery("model", "With a file: the model that predicts; or `endpoint`.")]
    [TakesQuery("modelVersion", "With a file: the version of `model`; its champion without it, else its highest.", Type = typeof(int))]
    [TakesQuery("format", "With a file: how the results are written; JSON Lines without it.", Values = "jsonl, csv, parquet")]
    [TakesQuery("file", "With a file: what it is called; by its content type without it.")]
    [TakesQuery("webhook", "With a file: a URL that is told when the batch has ended.")]
    [Answers(202, typeof(BatchPredictionView), Location = true)]
    public async Task<IResult> CreateAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/batch-predictions")] HttpRequest request)
    {
        var key = request.ReadIdempotencyKey();
        return Accepted(request.ContentType is null || request.HasJsonContentType()
            ? await CreateOfJsonAsync(request, key)
            : await CreateOfFileAsync(request, key));
    }

    /// <summary>Lists batch predictions.</summary>
    [Function("ListBatchPredictions")]
    [RequiresRole(Role.Reader)]
    [TakesQuery("status", "Only those that stand so.", Values = "queued, running, succeeded, failed, cancelled")]
    [Answers(200, typeof(BatchPredictionView), List = true)]
    public async Task<IResult> ListAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/batch-predictions")] HttpRequest request)
    {
        var query = request.ReadPage();
        var status = ReadWord<BatchStatus>(request, "status", "queued, running, succeeded, failed or cancelled");
        var page = await batches.ListAsync(request.Tenant(), status, query.Limit, query.Continuation, request.Aborted());
        return Reply.List(page, document => BatchPredictionView.Of(document.Value));
    }

    /// <summary>Shows a batch prediction with its progress.</summary>
    [Function("GetBatchPrediction")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(BatchPredictionView), ETag = true)]
    public async Task<IResult> GetAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/batch-predictions/{batch}")] HttpRequest request,
        string batch)
    {
        var document = await batches.GetAsync(request.Tenant(), Names.Require(batch, "batch"), request.Aborted());
        return Reply.Document(request, document.ETag, BatchPredictionView.Of(document.Value));
    }

    /// <summary>Stops a batch prediction; what it has done is not kept.</summary>
    [Function("CancelBatchPrediction")]
    [RequiresRole(Role.Predictor)]
    [Takes]
    [Answers(202, typeof(BatchPredictionView), Location = true)]
    public async Task<IResult> CancelAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/batch-predictions/{batch}/cancel")] HttpRequest request,
        string batch)
    {
        var cancelled = await batches.CancelAsync(request.Tenant(), Names.Require(batch, "batch"), request.Aborted());
        return Reply.Accepted(BatchPredictionView.LocationOf(cancelled), BatchPredictionView.Of(cancelled));
    }

    /// <summary>Deletes a batch prediction with its rows and results; 409 before it has ended.</summary>
    [Function("DeleteBatchPrediction")]
    [RequiresRole(Role.Predictor)]
    [RequestLimits(TimeoutSeconds = 120)]
    [Takes(Conditions = true)]
    [Answers(204)]
    public async Task<IResult> DeleteAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "api/v1/batch-predictions/{batch}")] HttpRequest request,
        string batch)
    {
        await batches.DeleteAsync(request.Tenant(), Names.Require(batch, "batch"), request.ReadWriteConditions(), request.Aborted());
        return Reply.NoContent();
    }

    /// <summary>Gives the predictions of a batch that succeeded; 409 before.</summary>
    [Function("GetBatchPredictionResults")]
    [RequiresRole(Role.Reader)]
    [RequestLimits(TimeoutSeconds = 600)]
    [Answers(200, ContentType = "application/x-ndjson, text/csv; charset=utf-8, application/vnd.apache.parquet", ETag = true)]
    public async Task<IResult> GetResultsAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/batch-predictions/{batch}/results")] HttpRequest request,
        string batch)
    {
        var (found, content) = await batches.OpenResultsAsync(request.Tenant(), Names.Require(batch, "batch"), request.Aborted());
        return Reply.Content(content, found.Format switch
        {
            TableFormat.Csv => "text/csv; charset=utf-8",
            TableFormat.Parquet => Representation.Parquet.MediaType,
            _ => Representation.JsonLines.MediaType,
        });
    }

    /// <summary>Gives the rows of a batch that have no prediction, with the reasons; 409 before it succeeded.</summary>
    [Function("GetBatchPredictionErrors")]
    [RequiresRole(Role.Reader)]
    [RequestLimits(TimeoutSeconds = 600)]
    [Answers(200, ContentType = "application/x-ndjson", ETag = true)]
    public async Task<IResult> GetErrorsAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/batch-predictions/{batch}/errors")] HttpRequest request,
        string batch)
        => Reply.Content(await batches.OpenErrorsAsync(request.Tenant(), Names.Require(batch, "batch"), request.Aborted()), Representation.JsonLines.MediaType);

    internal static IResult Accepted(BatchPrediction batch)
        => Reply.Accepted(BatchPredictionView.LocationOf(batch), BatchPredictionView.Of(batch, tellSecret: true));

    private async Task<BatchPrediction> CreateOfJsonAsync(HttpRequest request, string? key)
    {
        if (!request.HttpContext.TryLimitBody(LargestRows))
        {
            throw new ProblemException(Problem.TooLarge, "Rows may have at most 16 MiB in JSON. Send them as a file: as JSON Lines with 'Content-Type: application/x-ndjson', as CSV or as Parquet.");
        }

        var body = await request.ReadJsonWithDigestAsync<BatchPredictionRequest>(request.Aborted());
        var asked = body.Value;
        RequireOne(asked.Endpoint is not null, "endpoint", asked.Model is not null, "model");
        RequireOne(asked.Rows is not null, "rows", asked.Dataset is not null, "dataset");
        if (asked.Columns is not null && asked.Rows is null)
        {
            throw new ProblemException(Problem.InvalidValue, "'columns' names the values of 'rows'; a data set has its own.") { Field = "columns" };
        }

        var batch = new NewBatch
        {
            Id = await IdOfAsync(request, key, body.Digest),
            Endpoint = asked.Endpoint is null ? null : Names.Require(asked.Endpoint, "endpoint"),
            Model = asked.Model is null ? null : Names.Require(asked.Model.Name, "model.name"),
            ModelVersion = asked.Model?.Version,
            Input = asked.Dataset is null
                ? new BatchInput { Kind = BatchInputKind.Rows }
                : new BatchInput { Kind = BatchInputKind.Dataset, Dataset = Names.Require(asked.Dataset, "dataset"), Version = asked.Version },
            Columns = asked.Columns,
            Format = asked.Format,
            Webhook = asked.Webhook is null ? null : ReadUrl(asked.Webhook.Url, "webhook.url"),
        };
        return asked.Rows is { } rows
            ? await batches.CreateAsync(request.Tenant(), batch, rows, request.Aborted())
            : await batches.CreateAsync(request.Tenant(), batch, request.Aborted());
    }

    private async Task<BatchPrediction> CreateOfFileAsync(HttpRequest request, string? key)
    {
        var (endpoint, model) = (Word(request, "endpoint"), Word(request, "model"));
        RequireOne(endpoint is not null, "endpoint", model is not null, "model");
        var file = UploadedFile.NameOf(request);
        var batch = new NewBatch
        {
            // The file itself is compared with an earlier one as it is written; its name and what is asked of it are here.
            Id = await IdOfAsync(request, key, $"{request.QueryString} {file} {request.ContentLength?.ToString(CultureInfo.InvariantCulture)}"),
            Endpoint = endpoint is null ? null : Names.Require(endpoint, "endpoint"),
            Model = model is null ? null : Names.Require(model, "model"),
            ModelVersion = ReadVersion(request),
            Input = new BatchInput { Kind = BatchInputKind.File, File = file },
            Format = ReadWord<TableFormat>(request, "format", "jsonl, csv or parquet") ?? TableFormat.Jsonl,
            Webhook = Word(request, "webhook") is { } url ? ReadUrl(url, "webhook") : null,
        };
        return await batches.CreateAsync(request.Tenant(), batch, request.Body, request.Aborted());
    }

    private Task<string> IdOfAsync(HttpRequest request, string? key, string digest) => IdOfAsync(request, batches, idempotency, key, digest);

    /// <returns>The id of the batch that a request makes, or made when it came first.</returns>
    internal static async Task<string> IdOfAsync(HttpRequest request, BatchPredictionService batches, IdempotencyKeys idempotency, string? key, string digest)
        => key is null
            ? batches.NewId()
            : (await idempotency.ClaimAsync(request.Tenant(), "create-batch-prediction", key, digest, batches.NewId(), request.Aborted())).Resource;

    private static void RequireOne(bool first, string firstName, bool second, string secondName)
    {
        if (first == second)
        {
            throw new ProblemException(Problem.InvalidValue, $"Give '{firstName}' or '{secondName}', and not both.") { Field = firstName };
        }
    }

    private static Uri ReadUrl(string url, string field) => Uri.TryCreate(url, UriKind.Absolute, out var parsed)
        ? parsed
        : throw new ProblemException(Problem.InvalidValue, $"'{field}' must be a whole URL, for instance https://example.com/hook.") { Field = field };

    private static int? ReadVersion(HttpRequest request) => Word(request, "modelVersion") switch
    {
        null => null,
        var text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 => number,
        _ => throw new ProblemException(Problem.InvalidValue, "'modelVersion' must be a version number from 1.") { Field = "modelVersion" },
    };

    private static T? ReadWord<T>(HttpRequest request, string name, string words)
        where T : struct, Enum
        => Word(request, name) switch
        {
            null => null,
            var text when char.IsAsciiLetterLower(text[0]) && Enum.TryParse<T>(text, ignoreCase: true, out var known) => known,
            _ => throw new ProblemException(Problem.InvalidValue, $"'{name}' must be {words}.") { Field = name },
        };

    private static string? Word(HttpRequest request, string name) => request.Query[name].ToString() is { Length: > 0 } word ? word : null;
}
