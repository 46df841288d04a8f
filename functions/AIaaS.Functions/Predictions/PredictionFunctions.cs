using System.Buffers;
using AIaaS.Functions.Requests;
using AIaaS.Platform;
using AIaaS.Platform.Http;
using AIaaS.Platform.Predictions;
using AIaaS.Platform.Predictions.Batches;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Security;
using AIaaS.Serving.Predictions;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Predictions;

/// <summary>Predictions of endpoints.</summary>
public sealed class PredictionFunctions(
    PredictionService predictions, BatchPredictionService batches, PredictionAdmission admission, IdempotencyKeys idempotency, TimeProvider time)
{
    private const long LargestRequest = 16 << 20;

    /// <summary>Predicts rows, by the version that the endpoint's traffic chooses.</summary>
    /// <remarks>Reads from the request's own buffers and writes into the response's, with nothing in between.</remarks>
    [Function("Predict")]
    [RequiresRole(Role.Predictor)]
    [RequestLimits(MaxBodyBytes = LargestRequest, TimeoutSeconds = 60)]
    [Takes(typeof(PredictionRequestBody), ContentTypes = "text/csv, text/plain, image/jpeg, image/png", Example = """{"rows":[{"island":"Biscoe","bill_length_mm":46.1,"flipper_length_mm":211}]}""")]
    [Answers(200, typeof(PredictionAnswerBody), Example = """{"requestId":"4bf92f3577b34da6a3ce929d0e0e4736","model":{"name":"penguins","version":1},"predictions":[{"label":"Gentoo","probabilities":{"Adelie":0.001,"Chinstrap":0.004,"Gentoo":0.995}}]}""")]
    [TakesQuery("explain", "Whether each prediction is explained as well.", Type = typeof(bool))]
    [TakesQuery("scale", "What explanations of classes add up to; their probability without it.", Values = "probability, log-odds")]
    [TakesQuery("evaluations", "Runs of a row that an explanation may cost, 100 to 100 000.", Type = typeof(int))]
    [TakesQuery("seed", "Decides what sampled explanations sample.", Type = typeof(long))]
    [TakesHeader(RequestDeadline.Header, RequestDeadline.Description)]
    [TakesHeader(IdempotencyKeys.Header, "With `Prefer: respond-async`: lets the request be repeated within 24 hours without another batch prediction.")]
    [TakesHeader("Prefer", "`respond-async` has the rows predicted in the background: 202 and a batch prediction.")]
    [Answers(202, typeof(BatchPredictionView), Location = true, Description = "With `Prefer: respond-async`: a batch prediction; `Location` says where to watch it.")]
    public async Task<IResult> PredictAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/endpoints/{endpoint}/predictions")] HttpRequest request,
        string endpoint)
    {
        Names.Require(endpoint, "endpoint");
        var (context, response) = (request.HttpContext, request.HttpContext.Response);
        using var deadline = RequestDeadline.Of(request, time);
        PredictionSummary summary;
        try
        {
            if (request.QueryString.HasValue && ExplanationRequest.IsAskedFor(request))
            {
                return await ExplanationRequest.AnswerAsync(request, endpoint, predictions, admission, withPredictions: true, deadline.Token);
            }

            var format = RowFormats.Of(request);
            if (request.PrefersAsync() && format is RowFormat.Json)
            {
                return await PredictLaterAsync(request, endpoint, deadline.Token);
            }

            var read = await request.ReadWholeBodyAsync(admission, deadline.Token);
            try
            {
                summary = await predictions.PredictAsync(
                    request.Tenant(), endpoint, read.Buffer, response.BodyWriter, context.TraceIdentifier, deadline.Timeout, deadline.Token, format);
            }
            finally
            {
                // Given back where the request is refused as well: the connection serves on only with a reader at rest.
                request.BodyReader.AdvanceTo(read.Buffer.End);
            }
        }
        catch (OperationCanceledException) when (deadline.IsOver)
        {
            throw deadline.Expired();
        }

        response.ContentType = "application/json";
        if (summary.Repeated)
        {
            response.SetRepeated();
        }
        else
        {
            response.SetServerTiming(("parse", summary.Parse), ("queue", summary.Queue), ("run", summary.Run), ("write", summary.Write));
        }

        if (response.BodyWriter.CanGetUnflushedBytes)
        {
            // Known whole before it is sent, it needs no chunks.
            response.ContentLength = response.BodyWriter.UnflushedBytes;
        }

        await response.BodyWriter.FlushAsync(request.Aborted());
        return Results.Empty;
    }

    /// <summary>Tells how much each feature moves each prediction.</summary>
    [Function("ExplainPredictions")]
    [RequiresRole(Role.Predictor)]
    [RequestLimits(MaxBodyBytes = LargestRequest, TimeoutSeconds = 60)]
    [Takes(typeof(PredictionRequestBody), ContentTypes = "text/csv, text/plain, image/jpeg, image/png", Example = """{"rows":[{"island":"Biscoe","bill_length_mm":46.1,"flipper_length_mm":211}]}""")]
    [TakesQuery("scale", "What explanations of classes add up to; their probability without it.", Values = "probability, log-odds")]
    [TakesQuery("evaluations", "Runs of a row that an explanation may cost, 100 to 100 000.", Type = typeof(int))]
    [TakesQuery("seed", "Decides what sampled explanations sample.", Type = typeof(long))]
    [TakesHeader(RequestDeadline.Header, RequestDeadline.Description)]
    [Answers(200, typeof(ExplanationAnswerBody), Example = """{"requestId":"4bf92f3577b34da6a3ce929d0e0e4736","model":{"name":"prices","version":1},"explanations":[{"method":"exact","output":"value","baseValue":310.5,"prediction":402.25,"attributions":{"rooms":61.75,"age":30}}]}""")]
    public async Task<IResult> ExplainAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/endpoints/{endpoint}/explanations")] HttpRequest request,
        string endpoint)
    {
        Names.Require(endpoint, "endpoint");
        using var deadline = RequestDeadline.Of(request, time);
        try
        {
            return await ExplanationRequest.AnswerAsync(request, endpoint, predictions, admission, withPredictions: false, deadline.Token);
        }
        catch (OperationCanceledException) when (deadline.IsOver)
        {
            throw deadline.Expired();
        }
    }

    private async Task<IResult> PredictLaterAsync(HttpRequest request, string endpoint, CancellationToken cancellationToken)
    {
        var key = request.ReadIdempotencyKey();
        var body = await request.ReadJsonWithDigestAsync<PredictionRequestBody>(cancellationToken);
        var batch = new NewBatch
        {
            Id = await BatchPredictionFunctions.IdOfAsync(request, batches, idempotency, key, $"{endpoint} {body.Digest}"),
            Endpoint = endpoint,
            Input = new BatchInput { Kind = BatchInputKind.Rows },
            Columns = body.Value.Columns,
        };
        var made = await batches.CreateAsync(request.Tenant(), batch, body.Value.Rows, cancellationToken);
        request.HttpContext.Response.Headers["Preference-Applied"] = HttpRequestExtensions.RespondAsync;
        return BatchPredictionFunctions.Accepted(made);
    }
}
