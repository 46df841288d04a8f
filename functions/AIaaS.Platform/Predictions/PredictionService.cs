using System.Buffers;
using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Problems;
using AIaaS.Serving.Inference;
using AIaaS.Serving.Predictions;
using Microsoft.Extensions.Logging;

namespace AIaaS.Platform.Predictions;

/// <summary>Answers predictions of endpoints.</summary>
public sealed partial class PredictionService(EndpointDirectory endpoints, ModelRouter router, ModelHost models, Predictor predictor, InferenceStatistics statistics, ILogger<PredictionService> logger)
{
    /// <summary>Answers one request.</summary>
    /// <param name="tenant">Whose endpoint.</param>
    /// <param name="endpoint">Its name.</param>
    /// <param name="body">The whole body: <c>{"rows":[…]}</c> in UTF-8.</param>
    /// <param name="response">Written to only once all predictions are made.</param>
    /// <param name="requestId">Given back in the answer.</param>
    /// <param name="cancellationToken">Ends the run of the model.</param>
    /// <exception cref="ProblemException">There is no such endpoint, the request is not acceptable, or the model failed.</exception>
    public async ValueTask<PredictionSummary> PredictAsync(
        string tenant, string endpoint, ReadOnlySequence<byte> body, IBufferWriter<byte> response, string requestId, CancellationToken cancellationToken)
    {
        var found = await endpoints.FindAsync(tenant, endpoint, cancellationToken)
            ?? throw new ProblemException(Problem.NotFound, $"There is no endpoint '{endpoint}'.");
        var version = router.Choose(tenant, endpoint, found.Traffic);
        using var lease = await models.AcquireAsync(tenant, found.Model, version, cancellationToken);
        var policy = found.UnknownFeatures is UnknownFeatures.Ignore ? UnknownFeaturePolicy.Ignore : UnknownFeaturePolicy.Refuse;
        try
        {
            var summary = await predictor.PredictAsync(
                lease, body, response, new PredictionContext(requestId, found.Model, version, policy), cancellationToken);
            statistics.Succeeded(lease.Reference, summary.Rows, summary.Parse, summary.Run, summary.Write);
            return summary;
        }
        catch (PredictionRequestException refusal)
        {
            throw new ProblemException(
                refusal.Error is PredictionError.MalformedRequest ? Problem.MalformedBody : Problem.InvalidValue, refusal.Message)
            {
                Field = refusal.Feature,
            };
        }
        catch (PredictionFailedException failure)
        {
            LogFailed(failure, tenant, endpoint, found.Model, version);
            throw new ProblemException(Problem.Internal, $"The model '{found.Model}' version {version} failed on these rows. Try others, or deploy another version.");
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The model {Model} version {Version} failed behind the endpoint {Tenant}/{Endpoint}.")]
    private partial void LogFailed(Exception failure, string tenant, string endpoint, string model, int version);
}
