using System.Net;
using System.Net.Sockets;
using System.Text;
using AIaaS.Functions.Predictions;
using AIaaS.Functions.Tests.Requests;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AIaaS.Functions.Tests.Predictions;

/// <summary>Bodies on the genuine server, which says what it thinks of a reader in its log alone.</summary>
public sealed class RequestBodiesTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly PredictionAdmissionWorld _world = new(TimeProvider.System);
    private readonly RequestHarness.RecordingLog _log = new();
    private readonly CancellationTokenSource _deadline = new();
    private readonly TaskCompletionSource _reading = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WebApplication? _app;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders().AddProvider(_log);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.Run(AnswerAsync);
        await _app.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _app!.DisposeAsync();
        await _world.DisposeAsync();
        _log.Dispose();
        _deadline.Dispose();
    }

    [Fact]
    public async Task A_connection_serves_on_after_a_body_that_was_not_waited_for_to_its_end()
    {
        using var caller = new TcpClient();
        await caller.ConnectAsync(IPAddress.Loopback, new Uri(_app!.Urls.First()).Port);
        var stream = caller.GetStream();
        await stream.WriteAsync("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc"u8.ToArray());
        await _reading.Task.WaitAsync(Patience);

        await _deadline.CancelAsync();
        var late = await ReadAsync(stream);
        await stream.WriteAsync("defPOST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nghi"u8.ToArray());
        var next = await ReadAsync(stream);

        Assert.StartsWith("HTTP/1.1 504", late, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200", next, StringComparison.Ordinal);
        Assert.DoesNotContain(_log.Lines, line => line.Level >= LogLevel.Warning);
    }

    private static async Task<string> ReadAsync(NetworkStream stream)
    {
        using var patience = new CancellationTokenSource(Patience);
        var buffer = new byte[4096];
        return Encoding.ASCII.GetString(buffer, 0, await stream.ReadAsync(buffer, patience.Token));
    }

    private async Task AnswerAsync(HttpContext http)
    {
        http.SetCaller(new Caller("t", Role.Predictor, "key:1"));
        try
        {
            var reading = http.Request.ReadWholeBodyAsync(_world.Admission, _reading.Task.IsCompleted ? default : _deadline.Token);
            _reading.TrySetResult();
            var read = await reading;
            http.Request.BodyReader.AdvanceTo(read.Buffer.End);
        }
        catch (OperationCanceledException)
        {
            http.Response.StatusCode = StatusCodes.Status504GatewayTimeout;
        }
    }
}
