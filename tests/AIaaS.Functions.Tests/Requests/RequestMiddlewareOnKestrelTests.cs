using System.Net;
using AIaaS.Functions.Requests;
using AIaaS.Platform.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Logging;

namespace AIaaS.Functions.Tests.Requests;

/// <summary>What only the genuine server shows: chunked bodies and callers that hang up.</summary>
public sealed class RequestMiddlewareOnKestrelTests : IAsyncLifetime, IDisposable
{
    private readonly RequestHarness _harness = new(typeof(Samples));
    private readonly TaskCompletionSource _running = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WebApplication? _app;
    private HttpClient? _client;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.Run(AnswerAsync);
        await _app.StartAsync();
        _client = new HttpClient { BaseAddress = new Uri(_app.Urls.First()), Timeout = TimeSpan.FromSeconds(30) };
    }

    public async Task DisposeAsync() => await _app!.DisposeAsync();

    public void Dispose()
    {
        _client?.Dispose();
        _harness.Dispose();
    }

    [Theory]
    [InlineData(1000, HttpStatusCode.OK)]
    [InlineData(1001, HttpStatusCode.RequestEntityTooLarge)]
    public async Task A_chunked_body_is_held_to_the_routes_limit(int length, HttpStatusCode status)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/read") { Content = new StreamContent(new MemoryStream(new byte[length])) };
        request.Headers.TransferEncodingChunked = true;

        using var response = await _client!.SendAsync(request);

        Assert.Equal(status, response.StatusCode);
    }

    [Fact]
    public async Task A_caller_that_hangs_up_ends_its_function_without_an_error()
    {
        using var hangUp = new CancellationTokenSource();
        var sending = _client!.GetAsync("/hang", hangUp.Token);
        await _running.Task.WaitAsync(TimeSpan.FromSeconds(30));

        await hangUp.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);
        await _ended.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.DoesNotContain(_harness.Log.Lines, line => line.Level >= LogLevel.Warning);
    }

    private async Task AnswerAsync(HttpContext http)
    {
        var hang = http.Request.Path == "/hang";
        await _harness.InvokeAsync(http, "Open", () => hang ? HangAsync(http) : ReadAsync(http), default);
        if (hang)
        {
            _ended.TrySetResult();
        }
    }

    private static async Task<object?> ReadAsync(HttpContext http)
    {
        await http.Request.Body.CopyToAsync(Stream.Null, http.RequestAborted);
        return Reply.Json("read");
    }

    private async Task<object?> HangAsync(HttpContext http)
    {
        _running.TrySetResult();
        await Task.Delay(Timeout.Infinite, http.RequestAborted);
        return Reply.NoContent();
    }

    private sealed class Samples
    {
        [Function("Open")]
        [Anonymous]
        [RequestLimits(MaxBodyBytes = 1000, TimeoutSeconds = 25)]
        public IResult Open([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "open")] HttpRequest request) => Results.Ok(request);
    }
}
