using System.Buffers;
using AIaaS.Serving.Models;

namespace AIaaS.Serving.Predictions;

/// <summary>
/// Answers prediction requests: <c>{"rows":[{"feature":value,…},…]}</c> to
/// <c>{"requestId","model":{"name","version"},"predictions":[…]}</c>, one prediction per row in order.
/// </summary>
/// <remarks>
/// <para>A row may also be an array of all features' values in the signature's order. Per feature: numbers for numbers and
/// integers; true or false for booleans; an RFC 3339 string for times (UTC where it has no offset); strings for categories and
/// texts, and numbers or booleans too where the training categories look so. A feature that is null or not given is imputed by
/// the model, and refused where the signature requires it or its element type (integer, bool) has no value for missing.
/// Numbers are rounded to the model's element type; those it cannot hold are refused. No rows give no predictions.</para>
/// <para>A prediction has, as the signature's outputs say: <c>label</c> in the target's JSON type, <c>probabilities</c> by the
/// classes' string form, <c>value</c>, and other outputs by name, nested as they are shaped. NaN and infinity become null.</para>
/// </remarks>
public sealed class Predictor(TimeProvider timeProvider)
{
    /// <summary>Predicts the rows of one request.</summary>
    /// <param name="lease">Held by the caller until the answer is written.</param>
    /// <param name="body">UTF-8 JSON, complete.</param>
    /// <param name="response">Written to only once all predictions are made; not touched where this throws before.</param>
    /// <param name="context">The request.</param>
    /// <param name="cancellationToken">Ends the run of the model.</param>
    /// <exception cref="PredictionRequestException">The caller has to change the request.</exception>
    /// <exception cref="PredictionFailedException">The model failed on it.</exception>
    public ValueTask<PredictionSummary> PredictAsync(
        ModelLease lease, ReadOnlySequence<byte> body, IBufferWriter<byte> response, PredictionContext context, CancellationToken cancellationToken)
    {
        try
        {
            return new(Predict(lease.Model, body, response, context, cancellationToken));
        }
        catch (OperationCanceledException e)
        {
            return ValueTask.FromCanceled<PredictionSummary>(e.CancellationToken);
        }
        catch (Exception e)
        {
            return ValueTask.FromException<PredictionSummary>(e);
        }
    }

    private PredictionSummary Predict(
        LoadedModel model, in ReadOnlySequence<byte> body, IBufferWriter<byte> response, in PredictionContext context, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var workspace = model.RentWorkspace();
        try
        {
            var started = timeProvider.GetTimestamp();
            workspace.Parse(body, context);
            var parsed = timeProvider.GetTimestamp();
            workspace.Run(cancellationToken);
            var run = timeProvider.GetTimestamp();
            workspace.Write(response, context);
            var written = timeProvider.GetTimestamp();
            return new(
                workspace.Rows.Rows,
                timeProvider.GetElapsedTime(started, parsed),
                timeProvider.GetElapsedTime(parsed, run),
                timeProvider.GetElapsedTime(run, written));
        }
        finally
        {
            model.ReturnWorkspace(workspace);
        }
    }
}
