using System.Buffers;
using System.Text.Json;
using AIaaS.Platform.Problems;
using AIaaS.Serving.Explanations;
using AIaaS.Serving.Predictions;

namespace AIaaS.Platform.Predictions;

public sealed partial class PredictionService
{
    /// <summary>Explains the predictions for one request's rows.</summary>
    /// <param name="tenant">Whose endpoint.</param>
    /// <param name="endpoint">Its name.</param>
    /// <param name="body">The whole body, as for a prediction; at most 20 rows.</param>
    /// <param name="response">Written to only once all is explained.</param>
    /// <param name="requestId">Given back in the answer.</param>
    /// <param name="options">How.</param>
    /// <param name="withPredictions">Whether the answer is that of a prediction, with <c>explanations</c> beside <c>predictions</c>.</param>
    /// <param name="format">How the body is written.</param>
    /// <param name="cancellationToken">Ends the runs of the model.</param>
    /// <exception cref="ProblemException">There is no such endpoint, its model has no background sample, the request is not acceptable, or the model failed.</exception>
    public async Task ExplainAsync(
        string tenant,
        string endpoint,
        ReadOnlySequence<byte> body,
        IBufferWriter<byte> response,
        string requestId,
        ExplanationOptions options,
        bool withPredictions,
        RowFormat format,
        CancellationToken cancellationToken)
    {
        using var admitted = admission.Enter(tenant);
        var found = await endpoints.FindAsync(tenant, endpoint, cancellationToken)
            ?? throw new ProblemException(Problem.NotFound, $"There is no endpoint '{endpoint}'.");
        var version = router.Choose(tenant, endpoint, found.Traffic);
        var context = ContextOf(found, version, requestId, timeout: null, format);
        var background = await models.FindBackgroundAsync(tenant, found.Model, version, cancellationToken)
            ?? throw new ProblemException(
                Problem.Conflict, $"The model '{found.Model}' version {version} has no background sample to explain against. Import it again with the part 'background'.");
        using var lease = await models.AcquireAsync(tenant, found.Model, version, cancellationToken);
        try
        {
            var explanations = new ArrayBufferWriter<byte>(1024);
            await Explainer.ExplainAsync(lease, body, background, explanations, context, options, cancellationToken);
            if (!withPredictions)
            {
                response.Write(explanations.WrittenSpan);
                return;
            }

            var predictions = new ArrayBufferWriter<byte>(1024);
            await predictor.PredictAsync(lease, body, predictions, context, cancellationToken);
            Join(predictions.WrittenSpan, explanations.WrittenMemory, response);
        }
        catch (Exception e) when (IsRefusal(e))
        {
            throw RefusalOf(e, tenant, endpoint, context);
        }
        catch (InvalidDataException e)
        {
            throw new ProblemException(Problem.Conflict, $"The background sample of the model '{found.Model}' version {version} does not fit it: {e.Message}");
        }
    }

    private static void Join(ReadOnlySpan<byte> predictions, ReadOnlyMemory<byte> explanations, IBufferWriter<byte> response)
    {
        using var document = JsonDocument.Parse(explanations);
        response.Write(predictions[..^1]);
        response.Write(",\"explanations\":"u8);
        response.Write(System.Text.Encoding.UTF8.GetBytes(document.RootElement.GetProperty("explanations").GetRawText()));
        response.Write("}"u8);
    }
}
