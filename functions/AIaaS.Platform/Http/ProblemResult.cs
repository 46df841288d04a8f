using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Security;
using AIaaS.Platform.Storage;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Platform.Http;

/// <summary>A refusal as RFC 9457 has it: <c>{"type":"urn:aiaas:problem:…","title","status","detail","field","correlationId"}</c>.</summary>
/// <remarks>Under <c>/v2</c> it is <c>{"error":"…"}</c> with the same status, as the Open Inference Protocol has it. The correlation id is the request's <see cref="HttpContext.TraceIdentifier"/>.</remarks>
public sealed class ProblemResult(Problem problem, string detail, string? field = null, TimeSpan? retryAfter = null) : IResult
{
    public const string ContentType = "application/problem+json";
    private const string TypePrefix = "urn:aiaas:problem:";

    private static readonly PathString InferencePath = "/v2";

    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public Problem Problem => problem;

    public string Detail => detail;

    /// <summary>Whether a path is of the Open Inference Protocol, whose refusals look otherwise.</summary>
    public static bool IsInference(PathString path) => path.StartsWithSegments(InferencePath);

    /// <summary>What a caller is told of an exception: a refusal in its own words, and nothing of anything else.</summary>
    public static ProblemResult From(Exception exception) => exception switch
    {
        ProblemException refusal => new ProblemResult(refusal.Problem, refusal.Message, refusal.Field, refusal.RetryAfter),
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => TooLarge(null),
        BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } => new ProblemResult(Problem.Timeout, "The body came too slowly. Send the request again."),
        BadHttpRequestException => new ProblemResult(Problem.MalformedBody, "The body ended early or is not framed as HTTP asks for. Send the request again."),
        JsonException json => From(JsonDiagnosis.ExplainSyntax(json)),
        PreconditionFailedException => new ProblemResult(Problem.PreconditionFailed, "Another writer was faster. Read what it is now and repeat the change on that."),
        StorageFullException => new ProblemResult(Problem.StorageFull, "Nothing was changed. Have space freed where the host keeps its data, then send the request again."),
        _ => new ProblemResult(Problem.Internal, "The request failed, and not by your fault. Try again; if it stays so, report the correlationId."),
    };

    /// <param name="limit">In bytes, where it is known.</param>
    public static ProblemResult TooLarge(long? limit) => new(
        Problem.TooLarge,
        limit is { } bytes
            ? $"The body may have at most {bytes.ToString(CultureInfo.InvariantCulture)} bytes here. Send less at once; for the file of a data set, an upload URL takes more."
            : "The body is larger than this route takes. Send less at once; for the file of a data set, an upload URL takes more.");

    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = problem.Status;
        var isInference = IsInference(httpContext.Request.Path);
        response.ContentType = isInference ? "application/json" : ContentType;
        response.Headers.CacheControl = "no-store";
        if (retryAfter is { } wait)
        {
            response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }

        if (problem.Status == StatusCodes.Status413PayloadTooLarge)
        {
            // The rest of the body is not read; a caller that reused the connection would lose its next request.
            response.Headers.Connection = "close";
        }

        if (problem.Status == StatusCodes.Status401Unauthorized)
        {
            response.Headers.WWWAuthenticate = $"ApiKey header=\"{Authenticator.KeyHeader}\"";
        }

        var buffer = new ArrayBufferWriter<byte>(512);
        using (var writer = new Utf8JsonWriter(buffer, WriterOptions))
        {
            writer.WriteStartObject();
            if (isInference)
            {
                writer.WriteString("error"u8, detail);
            }
            else
            {
                WriteProblem(writer, httpContext.TraceIdentifier);
            }

            writer.WriteEndObject();
        }

        response.ContentLength = buffer.WrittenCount;
        return response.Body.WriteAsync(buffer.WrittenMemory, httpContext.RequestAborted).AsTask();
    }

    private void WriteProblem(Utf8JsonWriter writer, string correlationId)
    {
        writer.WriteString("type"u8, TypePrefix + problem.Type);
        writer.WriteString("title"u8, problem.Title);
        writer.WriteNumber("status"u8, problem.Status);
        writer.WriteString("detail"u8, detail);
        if (field is not null)
        {
            writer.WriteString("field"u8, field);
        }

        writer.WriteString("correlationId"u8, correlationId);
    }
}
