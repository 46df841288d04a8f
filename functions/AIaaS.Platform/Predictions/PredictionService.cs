using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Problems;
using AIaaS.Serving.Predictions;
using Microsoft.Extensions.Logging;

namespace AIaaS.Platform.Predictions;

/// <summary>Answers predictions of endpoints.</summary>
public sealed partial class PredictionService(EndpointDirectory endpoints, ModelHost models, Predictor predictor, ILogger<PredictionService> logger)
{
    // Coprime to 100, so that a hundred requests in a row take each position once and shares are met exactly.
    private const uint Stride = 61;

    // Each endpoint counts its own: a shared counter would deal endpoints that are called in turn always the same positions.
    private readonly ConcurrentDictionary<(string Tenant, string Endpoint), StrongBox<uint>> _requests = new();

    /// <summary>Answers one request.</summary>
    /// <param name="tenant">Whose endpoint.</param>
    /// <param name="endpoint">Its name.</param>
    /// <param name="body">The whole body.</param>
    /// <param name="response">Written to only once all predictions are made.</param>
    /// <param name="requestId">Given back in the answer.</param>
    /// <param name="cancellationToken">Ends the run of the model.</param>
    /// <param name="format">How the body is written.</param>
    /// <exception cref="ProblemException">There is no such endpoint, the request is not acceptable, or the model failed.</exception>
    public async ValueTask<PredictionSummary> PredictAsync(
        string tenant,
        string endpoint,
        ReadOnlySequence<byte> body,
        IBufferWriter<byte> response,
        string requestId,
        CancellationToken cancellationToken,
        RowFormat format = RowFormat.Json)
    {
        var found = await endpoints.FindAsync(tenant, endpoint, cancellationToken)
            ?? throw new ProblemException(Problem.NotFound, $"There is no endpoint '{endpoint}'.");
        var version = found.Traffic.Count == 1 ? found.Traffic[0].Version : Choose(tenant, endpoint, found.Traffic);
        using var lease = await models.AcquireAsync(tenant, found.Model, version, cancellationToken);
        var context = new PredictionContext(requestId, found.Model, version)
        {
            UnknownFeatures = found.UnknownFeatures is UnknownFeatures.Ignore ? UnknownFeaturePolicy.Ignore : UnknownFeaturePolicy.Refuse,
            NonFinite = found.NonFinite is NonFinite.Missing ? NonFinitePolicy.Missing : NonFinitePolicy.Refuse,
            Format = format,
        };
        try
        {
            return await predictor.PredictAsync(lease, body, response, context, cancellationToken);
        }
        catch (PredictionRequestException refusal)
        {
            throw new ProblemException(
                refusal.Error switch
                {
                    PredictionError.MalformedRequest => Problem.MalformedBody,
                    PredictionError.WrongForm => Problem.UnsupportedMediaType,
                    _ => Problem.InvalidValue,
                }, refusal.Message)
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

    private int Choose(string tenant, string endpoint, IReadOnlyList<TrafficShare> traffic)
    {
        var requests = _requests.GetOrAdd((tenant, endpoint), static _ => new StrongBox<uint>());
        var position = (int)(Interlocked.Increment(ref requests.Value) * (ulong)Stride % 100);
        foreach (var share in traffic)
        {
            position -= share.Percent;
            if (position < 0)
            {
                return share.Version;
            }
        }

        return traffic[^1].Version;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The model {Model} version {Version} failed behind the endpoint {Tenant}/{Endpoint}.")]
    private partial void LogFailed(Exception failure, string tenant, string endpoint, string model, int version);
}
