using System.Buffers;
using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Problems;
using AIaaS.Serving.Batching;
using AIaaS.Serving.Inference;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;
using AIaaS.Serving.Telemetry;
using Microsoft.Extensions.Logging;

namespace AIaaS.Platform.Predictions;

/// <summary>Answers predictions of endpoints.</summary>
public sealed partial class PredictionService(
    EndpointDirectory endpoints,
    ModelRouter router,
    ModelHost models,
    Predictor predictor,
    PredictionAdmission admission,
    ResponseCache responses,
    InferenceStatistics statistics,
    ServingMetrics metrics,
    TimeProvider time,
    ILogger<PredictionService> logger)
{
    /// <summary>Answers one request.</summary>
    /// <param name="tenant">Whose endpoint.</param>
    /// <param name="endpoint">Its name.</param>
    /// <param name="body">The whole body.</param>
    /// <param name="response">Written to only once all predictions are made.</param>
    /// <param name="requestId">Given back in the answer.</param>
    /// <param name="timeout">What the request has left until its deadline, at which the token ends; null for none.</param>
    /// <param name="cancellationToken">Takes the request out of the queue, or ends the run of the model.</param>
    /// <param name="format">How the body is written.</param>
    /// <exception cref="ProblemException">There is no such endpoint, no room for the request, it is not acceptable, or the model failed.</exception>
    public async ValueTask<PredictionSummary> PredictAsync(
        string tenant,
        string endpoint,
        ReadOnlySequence<byte> body,
        IBufferWriter<byte> response,
        string requestId,
        TimeSpan? timeout,
        CancellationToken cancellationToken,
        RowFormat format = RowFormat.Json)
    {
        using var admitted = admission.Enter(tenant);
        var found = await endpoints.FindAsync(tenant, endpoint, cancellationToken)
            ?? throw new ProblemException(Problem.NotFound, $"There is no endpoint '{endpoint}'.");
        var version = router.Choose(tenant, endpoint, found.Traffic);
        var context = ContextOf(found, version, requestId, timeout, format);
        return found.ResponseCacheSeconds is { } seconds
            ? await PredictOrRepeatAsync(tenant, endpoint, body, response, context, TimeSpan.FromSeconds(seconds), cancellationToken)
            : await PredictAsync(tenant, endpoint, body, response, context, cancellationToken);
    }

    private async ValueTask<PredictionSummary> PredictOrRepeatAsync(
        string tenant,
        string endpoint,
        ReadOnlySequence<byte> body,
        IBufferWriter<byte> response,
        PredictionContext context,
        TimeSpan timeToLive,
        CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var key = ResponseCache.KeyOf(tenant, context, body);
        if (responses.TryWrite(key, response, context.RequestId, timeToLive) is { } rows)
        {
            NoteRepeated(tenant, context, started);
            return new PredictionSummary(rows, default, default, default, default) { Repeated = true };
        }

        var looking = time.GetElapsedTime(started);
        var answer = new ArrayBufferWriter<byte>(1024);
        var summary = await PredictAsync(tenant, endpoint, body, answer, context, cancellationToken);
        started = time.GetTimestamp();
        responses.Add(key, answer.WrittenSpan, summary.Rows);
        NoteMissed(tenant, context, looking + time.GetElapsedTime(started));
        response.Write(answer.WrittenSpan);
        return summary;
    }

    private void NoteRepeated(string tenant, in PredictionContext context, long started)
    {
        if (models.Find(tenant, context.ModelName, context.ModelVersion) is { } reference)
        {
            statistics.Repeated(reference, time.GetElapsedTime(started));
            metrics.AddRepeated(reference);
        }
    }

    private void NoteMissed(string tenant, in PredictionContext context, TimeSpan duration)
    {
        if (models.Find(tenant, context.ModelName, context.ModelVersion) is { } reference)
        {
            statistics.Missed(reference, duration);
        }
    }

    private async ValueTask<PredictionSummary> PredictAsync(
        string tenant, string endpoint, ReadOnlySequence<byte> body, IBufferWriter<byte> response, PredictionContext context, CancellationToken cancellationToken)
    {
        var (model, version) = (context.ModelName, context.ModelVersion);
        using var lease = await models.AcquireAsync(tenant, model, version, cancellationToken);
        var started = time.GetTimestamp();
        try
        {
            var summary = await predictor.PredictAsync(lease, body, response, context, cancellationToken);
            statistics.Succeeded(lease.Reference, summary);
            return summary;
        }
        catch (Exception e)
        {
            statistics.Failed(lease.Reference, time.GetElapsedTime(started));
            if (IsRefusal(e))
            {
                throw RefusalOf(e, tenant, endpoint, context);
            }

            throw;
        }
    }

    private static PredictionContext ContextOf(Endpoint endpoint, int version, string requestId, TimeSpan? timeout, RowFormat format)
        => new(requestId, endpoint.Model, version)
        {
            UnknownFeatures = endpoint.UnknownFeatures.ToPolicy(),
            NonFinite = endpoint.NonFinite.ToPolicy(),
            Format = format,
            Timeout = timeout,
        };

    private static bool IsRefusal(Exception exception)
        => exception is PredictionRequestException or PredictionOverloadException or ModelBrokenException or PredictionFailedException;

    private ProblemException RefusalOf(Exception exception, string tenant, string endpoint, in PredictionContext context)
    {
        var (model, version) = (context.ModelName, context.ModelVersion);
        switch (exception)
        {
            case PredictionRequestException refusal:
                var problem = refusal.Error switch
                {
                    PredictionError.MalformedRequest => Problem.MalformedBody,
                    PredictionError.WrongForm => Problem.UnsupportedMediaType,
                    _ => Problem.InvalidValue,
                };
                return new ProblemException(problem, refusal.Message) { Field = refusal.Feature };
            case PredictionOverloadException overload:
                metrics.AddRefusal("model");
                return new ProblemException(Problem.TooManyRequests, overload.Message) { RetryAfter = overload.RetryAfter };
            case ModelBrokenException broken:
                metrics.AddRefusal("circuit");
                return new ProblemException(
                    Problem.Unavailable, $"The model '{model}' version {version} failed on most of its latest requests and rests for a while. Try again, or deploy another version.")
                {
                    RetryAfter = broken.RetryAfter,
                };
            default:
                LogFailed(exception, tenant, endpoint, model, version);
                return new ProblemException(Problem.Internal, $"The model '{model}' version {version} failed on these rows. Try others, or deploy another version.");
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The model {Model} version {Version} failed behind the endpoint {Tenant}/{Endpoint}.")]
    private partial void LogFailed(Exception failure, string tenant, string endpoint, string model, int version);
}
