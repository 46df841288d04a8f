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
using Microsoft.Net.Http.Headers;

namespace AIaaS.Functions.Predictions;

/// <summary>Predictions of endpoints.</summary>
public sealed class PredictionFunctions(PredictionService predictions)
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
        var format = FormatOf(request);
        Names.Require(endpoint, "endpoint");
        var (context, response) = (request.HttpContext, request.HttpContext.Response);
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
                request.Tenant(), endpoint, read.Buffer, response.BodyWriter, context.TraceIdentifier, request.Aborted(), format);
        }
        finally
        {
            // Given back where the request is refused as well: the connection serves on only with a reader at rest.
            request.BodyReader.AdvanceTo(read.Buffer.End);
        }

        response.ContentType = "application/json";
        response.Headers["Server-Timing"] = Timing(summary);
        await response.BodyWriter.FlushAsync(request.Aborted());
        return Results.Empty;
    }

    private static RowFormat FormatOf(HttpRequest request)
    {
        if (request.ContentType is null || request.HasJsonContentType())
        {
            return RowFormat.Json;
        }

        _ = MediaTypeHeaderValue.TryParse(request.ContentType, out var type);
        var format = type?.MediaType.ToString().ToLowerInvariant() switch
        {
            "text/csv" => RowFormat.Csv,
            "text/plain" => RowFormat.Text,
            "image/jpeg" or "image/png" => RowFormat.Image,
            _ => throw new ProblemException(
                Problem.UnsupportedMediaType,
                "Send rows as JSON with 'Content-Type: application/json', for instance {\"rows\":[{\"age\":42}]}, or as text/csv; a text as text/plain; an image as image/jpeg or image/png."),
        };
        return format == RowFormat.Image || type!.Charset is not { Length: > 0 } charset || charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)
            ? format
            : throw new ProblemException(Problem.UnsupportedMediaType, "Send the body in UTF-8.");
    }

    private static string Timing(PredictionSummary summary) => string.Create(
        CultureInfo.InvariantCulture,
        $"parse;dur={summary.Parse.TotalMilliseconds:0.###}, run;dur={summary.Run.TotalMilliseconds:0.###}, write;dur={summary.Write.TotalMilliseconds:0.###}");
}
