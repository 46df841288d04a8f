using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AIaaS.Platform.Predictions.Batches;
using AIaaS.Platform.Problems;
using AIaaS.Serving.Tests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Predictions.Batches;

public sealed class WebhookTests
{
    [Theory]
    [InlineData("http://example.com/hook")]
    [InlineData("https://127.0.0.1/hook")]
    [InlineData("https://10.1.2.3/hook")]
    [InlineData("https://169.254.169.254/metadata/instance")]
    [InlineData("https://168.63.129.16/")]
    [InlineData("https://[::1]/hook")]
    [InlineData("https://[::ffff:192.168.0.1]/hook")]
    [InlineData("https://[fd00::1]/hook")]
    [InlineData("https://2130706433/hook")]
    [InlineData("https://user:password@example.com/hook")]
    [InlineData("https://example.com/hook#part")]
    [InlineData("ftp://example.com/hook")]
    [InlineData("file:///etc/passwd")]
    public void A_URL_that_leads_into_our_own_network_or_is_not_secret_is_refused(string url)
    {
        var refusal = Assert.Throws<ProblemException>(() => new WebhookGuard(new WebhookOptions()).Demand(new Uri(url), "webhook.url"));

        Assert.Equal(("webhook.url", Problem.InvalidValue), (refusal.Field, refusal.Problem));
    }

    [Fact]
    public void A_URL_on_the_public_internet_is_taken() => new WebhookGuard(new WebhookOptions()).Demand(new Uri("https://example.com/hook?x=1"), "webhook.url");

    [Theory]
    [InlineData("100.64.0.1", false)]
    [InlineData("172.31.255.255", false)]
    [InlineData("172.32.0.1", true)]
    [InlineData("64:ff9b::a00:1", false)]
    [InlineData("2002:7f00:1::", false)]
    [InlineData("2606:4700::1111", true)]
    [InlineData("8.8.8.8", true)]
    public void Only_public_addresses_are_connected_to(string address, bool allowed)
        => Assert.Equal(allowed, new WebhookGuard(new WebhookOptions()).IsAllowed(IPAddress.Parse(address)));

    [Fact]
    public async Task A_name_that_leads_to_this_machine_is_not_connected_to()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new WebhookGuard(new WebhookOptions()).CreateClient();

        var failure = await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(new Uri($"http://localhost:{((IPEndPoint)listener.LocalEndpoint).Port}/")));

        Assert.Contains("public internet", failure.ToString(), StringComparison.Ordinal);
        Assert.False(listener.Pending());
    }

    [Fact]
    public async Task A_batch_that_ended_is_told_of_once_with_a_signature_that_holds()
    {
        await using var receiver = await Receiver.StartAsync(200);
        await using var world = await EndedAsync(receiver.Url);

        await SendAsync(world);
        await SendAsync(world);

        var (signature, body) = Assert.Single(receiver.Calls);
        var webhook = (await world.GetAsync()).Webhook!;
        var at = signature.Split(',')[0]["t=".Length..];
        var expected = HMACSHA256.HashData(Convert.FromBase64String(webhook.Secret), Encoding.UTF8.GetBytes($"{at}.{body}"));
        Assert.Equal($"t={at},v1={Convert.ToHexStringLower(expected)}", signature);
        Assert.Equal((WebhookStatus.Delivered, 1), (webhook.Status, webhook.Attempts));
        using var told = JsonDocument.Parse(body);
        Assert.Equal(("b", "succeeded"), (told.RootElement.GetProperty("id").GetString(), told.RootElement.GetProperty("status").GetString()));
    }

    [Fact]
    public async Task A_receiver_that_is_away_is_called_again_later_and_not_for_ever()
    {
        await using var receiver = await Receiver.StartAsync(503);
        await using var world = await EndedAsync(receiver.Url);
        world.World.Runs.Queue.Messages.Clear();

        for (var call = 0; call < 8; call++)
        {
            await SendAsync(world);
        }

        var webhook = (await world.GetAsync()).Webhook!;
        Assert.Equal((WebhookStatus.Failed, new WebhookOptions().MaximumAttempts), (webhook.Status, webhook.Attempts));
        Assert.Equal(webhook.Attempts, receiver.Calls.Count);
        Assert.Equal([10, 20, 40, 80, 160], world.World.Runs.Queue.Messages.Select(message => message.Delay!.Value.TotalSeconds));
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        await using var receiver = await Receiver.StartAsync(307);
        await using var world = await EndedAsync(receiver.Url);

        await SendAsync(world);

        Assert.Single(receiver.Calls);
        Assert.Equal(WebhookStatus.Failed, (await world.GetAsync()).Webhook!.Status);
    }

    [Fact]
    public async Task A_batch_that_has_not_ended_is_not_told_of()
    {
        await using var receiver = await Receiver.StartAsync(200);
        await using var world = await EndedAsync(receiver.Url, status: BatchStatus.Running);

        await SendAsync(world);

        Assert.Empty(receiver.Calls);
    }

    [Fact]
    public async Task A_batch_that_is_deleted_while_its_receiver_is_called_ends_quietly()
    {
        await using var receiver = await Receiver.StartAsync(503);
        await using var world = await EndedAsync(receiver.Url);
        world.World.Runs.Crash.Meanwhile = async (_, token) =>
        {
            if (receiver.Calls.Count == 0)
            {
                return false;
            }

            await world.Service.DeleteAsync(Tenant, "b", default, token);
            return true;
        };

        await SendAsync(world);
        await SendAsync(world);

        Assert.Single(receiver.Calls);
        await Assert.ThrowsAsync<ProblemException>(() => world.GetAsync());
    }

    private static async Task<BatchWorld> EndedAsync(Uri url, BatchStatus status = BatchStatus.Succeeded)
    {
        var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        await world.CreateAsync("""[{"length":1}]""", webhook: new Uri("https://example.com/hook"));
        await world.World.Runs.Catalog.UpdateAsync(
            BatchPrediction.Kind, Tenant, "b", current => current with { Status = status, Webhook = current.Webhook! with { Url = url } }, default);
        return world;
    }

    private static async Task SendAsync(BatchWorld world)
    {
        var options = new WebhookOptions { AllowLocal = true };
        using var sender = new WebhookSender(
            world.World.Runs.Catalog, world.World.Runs.Queue, new WebhookGuard(options), options, world.World.Runs.Time, NullLogger<WebhookSender>.Instance);
        await sender.SendAsync(new BatchReference(Tenant, "b"), default);
    }

    private sealed class Receiver : IAsyncDisposable
    {
        private readonly WebApplication _app;

        private Receiver(WebApplication app) => _app = app;

        public List<(string Signature, string Body)> Calls { get; } = [];

        public Uri Url => new($"{_app.Urls.First()}/hook");

        public static async Task<Receiver> StartAsync(int status)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            var receiver = new Receiver(builder.Build());
            receiver._app.Run(async context =>
            {
                using var reader = new StreamReader(context.Request.Body);
                var body = await reader.ReadToEndAsync();
                lock (receiver.Calls)
                {
                    receiver.Calls.Add((context.Request.Headers[WebhookSender.SignatureHeader].ToString(), body));
                }

                context.Response.Headers.Location = "/elsewhere";
                context.Response.StatusCode = status;
            });
            await receiver._app.StartAsync();
            return receiver;
        }

        public ValueTask DisposeAsync() => _app.DisposeAsync();
    }
}
