using System.Buffers;
using System.Globalization;
using AIaaS.Functions.Requests;
using AIaaS.Platform;
using AIaaS.Platform.Predictions;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Security;
using AIaaS.Serving.Predictions;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Predictions;

/// <summary>Predictions of endpoints.</summary>
public sealed class PredictionFunctions(PredictionService predictions, TimeProvider time)
{
    private const long LargestRequest = 16 << 20;

    /// <remarks>Reads from the request's own buffers and writes into the response's, with nothing in between.</remarks>
    [Function("Predict")]
    [RequiresRole(Role.Predictor)]
    [RequestLimits(MaxBodyBytes = LargestRequest, TimeoutSeconds = 60)]
    public async Task<IResult> PredictAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/endpoints/{endpoint}/predictions")] HttpRequest request,
        string endpoint)
    {
        if (request.ContentType is not null && !request.HasJsonContentType())
        {
            throw new ProblemException(Problem.UnsupportedMediaType, "Send rows as JSON with 'Content-Type: application/json', for instance {\"rows\":[{\"age\":42}]}.");
        }

        Names.Require(endpoint, "endpoint");
        var (context, response) = (request.HttpContext, request.HttpContext.Response);
        using var deadline = RequestDeadline.Of(request, time);
        var read = await request.BodyReader.ReadAsync(request.Aborted());
        while (!read.IsCompleted)
        {
            request.BodyReader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            read = await request.BodyReader.ReadAsync(request.Aborted());
        }

        PredictionSummary summary;
        try
        {
            summary = await predictions.PredictAsync(
                request.Tenant(), endpoint, read.Buffer, response.BodyWriter, context.TraceIdentifier, deadline.Timeout, deadline.Token);
        }
        catch (OperationCanceledException) when (deadline.IsOver)
        {
            throw deadline.Expired();
        }
        finally
        {
            // Given back where the request is refused as well: the connection serves on only with a reader at rest.
            request.BodyReader.AdvanceTo(read.Buffer.End);
        }

        response.ContentType = "application/json";
        response.Headers["Server-Timing"] = Timing(summary);
        if (response.BodyWriter.CanGetUnflushedBytes)
        {
            // Known whole before it is sent, it needs no chunks.
            response.ContentLength = response.BodyWriter.UnflushedBytes;
        }

        await response.BodyWriter.FlushAsync(request.Aborted());
        return Results.Empty;
    }

    private static string Timing(in PredictionSummary summary) => summary.Repeated ? "cache" : string.Create(
        CultureInfo.InvariantCulture,
        $"parse;dur={summary.Parse.TotalMilliseconds:0.###}, queue;dur={summary.Queue.TotalMilliseconds:0.###}, run;dur={summary.Run.TotalMilliseconds:0.###}, write;dur={summary.Write.TotalMilliseconds:0.###}");
}
