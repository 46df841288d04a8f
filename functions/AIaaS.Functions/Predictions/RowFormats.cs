using AIaaS.Platform.Problems;
using AIaaS.Serving.Predictions;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace AIaaS.Functions.Predictions;

/// <summary>How rows are written, by the request's content type.</summary>
internal static class RowFormats
{
    /// <exception cref="ProblemException">The content type is none that rows come in.</exception>
    public static RowFormat Of(HttpRequest request)
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
}
