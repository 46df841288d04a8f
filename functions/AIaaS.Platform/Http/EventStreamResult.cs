using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AIaaS.Platform.Http;

/// <summary>One server-sent event.</summary>
/// <param name="Id">What a reader resumes from.</param>
/// <param name="Type">The event's type.</param>
/// <param name="Data">One line of UTF-8 JSON.</param>
public sealed record ServerEvent(string Id, string Type, ReadOnlyMemory<byte> Data);

/// <summary>Server-sent events, each sent as it comes, with a comment every 15 s so that nothing in between closes an idle connection.</summary>
public sealed class EventStreamResult(IAsyncEnumerable<ServerEvent> events) : IResult
{
    private static readonly TimeSpan CommentEvery = TimeSpan.FromSeconds(15);

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var time = httpContext.RequestServices.GetService<TimeProvider>() ?? TimeProvider.System;
        var response = httpContext.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-cache,no-store";
        httpContext.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        // A stream may last for hours: when the host stops it ends, and its reader resumes it elsewhere.
        var stopping = httpContext.RequestServices.GetService<IHostApplicationLifetime>()?.ApplicationStopping ?? CancellationToken.None;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(httpContext.RequestAborted, stopping);
        var writer = response.BodyWriter;
        await writer.FlushAsync(over.Token);

        await using var enumerator = events.GetAsyncEnumerator(over.Token);
        var next = enumerator.MoveNextAsync().AsTask();
        try
        {
            while (true)
            {
                try
                {
                    if (!await next.WaitAsync(CommentEvery, time, over.Token))
                    {
                        return;
                    }
                }
                catch (TimeoutException)
                {
                    writer.Write(": still here\n\n"u8);
                    await writer.FlushAsync(over.Token);
                    continue;
                }

                Write(writer, enumerator.Current);
                await writer.FlushAsync(over.Token);
                next = enumerator.MoveNextAsync().AsTask();
            }
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            // The reader left or the host stops; the enumerator may only be disposed once its last step is over.
            await next.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    private static void Write(PipeWriter writer, ServerEvent happened)
    {
        writer.Write(Encoding.UTF8.GetBytes($"id: {happened.Id}\nevent: {happened.Type}\ndata: "));
        writer.Write(happened.Data.Span);
        writer.Write("\n\n"u8);
    }
}
