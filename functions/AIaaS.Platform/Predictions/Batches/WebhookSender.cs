using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Problems;
using Microsoft.Extensions.Logging;

namespace AIaaS.Platform.Predictions.Batches;

/// <summary>What a webhook tells of a batch that has ended.</summary>
/// <param name="Event"><c>batch-prediction.ended</c>.</param>
/// <param name="Id">The batch.</param>
/// <param name="Status">How it ended.</param>
/// <param name="Rows">Rows there were, as far as they were counted.</param>
/// <param name="RowsDone">Rows that were worked on.</param>
/// <param name="RowsFailed">Of those, the ones without a prediction.</param>
/// <param name="Ended">When it ended.</param>
public sealed record BatchEndedEvent(string Event, string Id, BatchStatus Status, long? Rows, long RowsDone, long RowsFailed, DateTimeOffset? Ended);

/// <summary>Tells the makers of batches that they have ended: a signed POST, tried several times with growing pauses.</summary>
/// <remarks>
/// The signature is <c>t={unix seconds},v1={hex}</c>, where hex is the HMAC-SHA-256 of <c>{t}.{body}</c> under the webhook's secret;
/// a receiver recomputes it, and refuses times long past. A call may come twice; its id is the batch's.
/// </remarks>
public sealed partial class WebhookSender(
    Catalog catalog, IMessageQueue messages, WebhookGuard guard, WebhookOptions options, TimeProvider time, ILogger<WebhookSender> logger) : IDisposable
{
    public const string SignatureHeader = "x-aiaas-signature";
    public const string DeliveryHeader = "x-aiaas-delivery";
    private const string EventName = "batch-prediction.ended";
    private readonly HttpClient _http = guard.CreateClient();

    public void Dispose() => _http.Dispose();

    /// <summary>Makes one call, and asks for the next where that is of use. Safe to repeat.</summary>
    public async Task SendAsync(BatchReference reference, CancellationToken cancellationToken)
    {
        var found = await catalog.FindAsync(BatchPrediction.Kind, reference.Tenant, reference.Batch, cancellationToken);
        if (found?.Value is not { HasEnded: true, Webhook: { Status: WebhookStatus.Pending } webhook } batch)
        {
            return;
        }

        var (status, detail) = await CallAsync(batch, webhook, cancellationToken);
        if (status is WebhookStatus.Pending && webhook.Attempts + 1 >= options.MaximumAttempts)
        {
            status = WebhookStatus.Failed;
        }

        if (status is WebhookStatus.Pending)
        {
            // Before the count is written: whoever dies in between calls once too often, and not once too few.
            await messages.SendAsync(
                BatchQueues.Webhooks,
                BinaryData.FromObjectAsJson(reference, JsonDefaults.Options),
                new SendOptions(reference.Batch, options.RetryDelay * Math.Pow(2, webhook.Attempts)),
                cancellationToken);
        }

        await catalog.UpdateAnyAsync(
            BatchPrediction.Kind,
            reference.Tenant,
            reference.Batch,
            // None any more where the batch was deleted meanwhile.
            current => current.Webhook is null
                ? current
                : current with { Webhook = current.Webhook with { Status = status, Attempts = webhook.Attempts + 1, Detail = detail } },
            cancellationToken);
        LogCalled(reference.Tenant, reference.Batch, webhook.Attempts + 1, detail);
    }

    /// <summary>The value of <see cref="SignatureHeader"/>.</summary>
    /// <param name="secret">In base64.</param>
    /// <param name="at">When it is sent.</param>
    /// <param name="body">What is sent.</param>
    internal static string Sign(string secret, DateTimeOffset at, ReadOnlySpan<byte> body)
    {
        var seconds = at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        byte[] signed = [.. Encoding.ASCII.GetBytes($"{seconds}."), .. body];
        return $"t={seconds},v1={Convert.ToHexStringLower(HMACSHA256.HashData(Convert.FromBase64String(secret), signed))}";
    }

    private async Task<(WebhookStatus Status, string Detail)> CallAsync(BatchPrediction batch, BatchWebhook webhook, CancellationToken cancellationToken)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new BatchEndedEvent(EventName, batch.Id, batch.Status, batch.Rows, batch.RowsDone, batch.RowsFailed, batch.Ended), JsonDefaults.Options);
        try
        {
            guard.Demand(webhook.Url, "webhook.url");
            using var request = new HttpRequestMessage(HttpMethod.Post, webhook.Url) { Content = new ByteArrayContent(body) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            request.Headers.Add(SignatureHeader, Sign(webhook.Secret, time.GetUtcNow(), body));
            request.Headers.Add(DeliveryHeader, batch.Id);

            // What the receiver writes is not read: it is nothing to us, and may be endless.
            using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            var status = (int)answer.StatusCode;
            return status switch
            {
                >= 200 and < 300 => (WebhookStatus.Delivered, $"answered {status}"),
                408 or 425 or 429 or >= 500 => (WebhookStatus.Pending, $"answered {status}"),
                >= 300 and < 400 => (WebhookStatus.Failed, $"answered {status}; redirects are not followed"),
                _ => (WebhookStatus.Failed, $"answered {status}"),
            };
        }
        catch (ProblemException refused)
        {
            return (WebhookStatus.Failed, refused.Message);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (WebhookStatus.Pending, $"took longer than {options.Timeout.TotalSeconds:0} s");
        }
        catch (HttpRequestException)
        {
            // Not in the words of our network stack, which would tell of our own network.
            return (WebhookStatus.Pending, "could not be reached");
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The webhook of the batch {Tenant}/{Batch} at call {Attempt}: {Detail}.")]
    private partial void LogCalled(string tenant, string batch, int attempt, string detail);
}
