using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Json.Serialization;
using AIaaS.Formats;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace AIaaS.Platform.Http;

/// <param name="Items">Newest first.</param>
/// <param name="Continuation">Gives the next page; null, and said so, on the last.</param>
public sealed record ListEnvelope<T>(
    IReadOnlyList<T> Items, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Continuation);

/// <summary>The answers of our functions.</summary>
public static class Reply
{
    public static IResult Json<T>(T value, int status = StatusCodes.Status200OK) => new JsonResult<T>(value, status, null, null);

    /// <summary>An entry with its ETag, or 304 where the caller has this version already.</summary>
    public static IResult Document<T>(HttpRequest request, string etag, T value)
        => request.Has(etag) ? new EmptyResult(StatusCodes.Status304NotModified, etag) : new JsonResult<T>(value, StatusCodes.Status200OK, etag, null);

    /// <summary>What a <c>PUT</c> wrote: 201 or 200.</summary>
    public static IResult Put<T>(string etag, bool created, T value)
        => new JsonResult<T>(value, created ? StatusCodes.Status201Created : StatusCodes.Status200OK, etag, null);

    public static IResult Created<T>(string location, T value, string? etag = null) => new JsonResult<T>(value, StatusCodes.Status201Created, etag, location);

    /// <summary>Work that goes on after this answer.</summary>
    /// <param name="location">Where to watch it.</param>
    /// <param name="value">What is known of it.</param>
    public static IResult Accepted<T>(string location, T value) => new JsonResult<T>(value, StatusCodes.Status202Accepted, null, location);

    public static IResult List<T>(IEnumerable<T> items, string? continuation) => Json(new ListEnvelope<T>([.. items], continuation));

    /// <summary>The entries of a page in the form that callers see.</summary>
    public static IResult List<T, TItem>(DocumentPage<T> page, Func<Document<T>, TItem> select)
        where T : class
        => List(page.Items.Select(select), page.Continuation);

    /// <summary>A stored file as it is, or 304 where the caller has this version already; closed once it is sent.</summary>
    public static IResult Content(ObjectContent content, string contentType) => new ContentResult(content, contentType);

    /// <summary>A page for people that needs nothing but itself.</summary>
    public static IResult Page(ObjectContent content) => new ContentResult(content, "text/html; charset=utf-8");

    /// <summary>A page of a listing that is no JSON envelope.</summary>
    /// <param name="body">The page.</param>
    /// <param name="contentType">What it is.</param>
    /// <param name="next">Where the next page is; null on the last.</param>
    public static IResult Bytes(ReadOnlyMemory<byte> body, string contentType, string? next = null) => new BytesResult(body, contentType, next);

    /// <summary>A body that is written while it is made.</summary>
    /// <param name="contentType">What it is.</param>
    /// <param name="fileName">What a browser calls it.</param>
    /// <param name="write">Writes it.</param>
    public static IResult Download(string contentType, string fileName, Func<PipeWriter, CancellationToken, Task> write)
        => new DownloadResult(contentType, fileName, write);

    public static IResult NoContent() => Empty(StatusCodes.Status204NoContent);

    public static IResult Empty(int status, string? etag = null) => new EmptyResult(status, etag);

    private sealed class EmptyResult(int status, string? etag) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = status;
            if (etag is not null)
            {
                httpContext.Response.Headers.ETag = Conditions.Quote(etag);
            }

            return Task.CompletedTask;
        }
    }

    private sealed class ContentResult(ObjectContent content, string contentType) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            await using (content)
            {
                var response = httpContext.Response;
                response.Headers.ETag = Conditions.Quote(content.Properties.ETag);
                if (httpContext.Request.Has(content.Properties.ETag))
                {
                    response.StatusCode = StatusCodes.Status304NotModified;
                    return;
                }

                response.ContentType = contentType;
                if (contentType.StartsWith("text/html", StringComparison.Ordinal))
                {
                    // Values of somebody's data are in it. The page's own policy lets its one script run and nothing else; this keeps it from fetching anything.
                    response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; sandbox allow-scripts";
                    response.Headers.XContentTypeOptions = "nosniff";
                }

                response.ContentLength = content.Properties.Length;
                await content.Stream.CopyToAsync(response.Body, httpContext.RequestAborted);
            }
        }
    }

    private sealed class BytesResult(ReadOnlyMemory<byte> body, string contentType, string? next) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            response.ContentType = contentType;
            response.ContentLength = body.Length;
            if (next is not null)
            {
                response.Headers.Link = $"<{next}>; rel=\"next\"";
            }

            return response.Body.WriteAsync(body, httpContext.RequestAborted).AsTask();
        }
    }

    private sealed class DownloadResult(string contentType, string fileName, Func<PipeWriter, CancellationToken, Task> write) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.ContentType = contentType;
            httpContext.Response.Headers.ContentDisposition = new ContentDispositionHeaderValue("attachment") { FileNameStar = fileName }.ToString();
            return write(httpContext.Response.BodyWriter, httpContext.RequestAborted);
        }
    }

    private sealed class JsonResult<T>(T value, int status, string? etag, string? location) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            // Written out before the response begins: what cannot be written is still a clean 500.
            var body = JsonSerializer.SerializeToUtf8Bytes(value, JsonDefaults.Options);
            var response = httpContext.Response;
            response.StatusCode = status;
            response.ContentType = "application/json";
            response.ContentLength = body.Length;
            if (etag is not null)
            {
                response.Headers.ETag = Conditions.Quote(etag);
            }

            if (location is not null)
            {
                response.Headers[HeaderNames.Location] = location;
            }

            return response.Body.WriteAsync(body, httpContext.RequestAborted).AsTask();
        }
    }
}
