using System.Buffers;
using System.Diagnostics;
using AIaaS.Serving.Batching;
using AIaaS.Serving.Models;
using AIaaS.Serving.Telemetry;

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
/// <param name="timeProvider">The clock.</param>
/// <param name="metrics">Null to measure nothing.</param>
public sealed class Predictor(TimeProvider timeProvider, ServingMetrics? metrics = null)
{
    /// <summary>Predicts the rows of one request; completes synchronously where the model is idle or its runs are short.</summary>
    /// <param name="lease">Held by the caller until the answer is written.</param>
    /// <param name="body">UTF-8 JSON, complete; not read any more once this returns.</param>
    /// <param name="response">Written to only once all predictions are made; not touched where this throws before.</param>
    /// <param name="context">The request.</param>
    /// <param name="cancellationToken">Takes the request out of the queue, or ends its run.</param>
    /// <exception cref="PredictionRequestException">The caller has to change the request.</exception>
    /// <exception cref="PredictionFailedException">The model failed on it.</exception>
    /// <exception cref="PredictionOverloadException">Too many wait for the model already.</exception>
    /// <exception cref="ModelBrokenException">The model failed on most of its latest requests.</exception>
    public ValueTask<PredictionSummary> PredictAsync(
        ModelLease lease, ReadOnlySequence<byte> body, IBufferWriter<byte> response, PredictionContext context, CancellationToken cancellationToken)
    {
        LoadedModel model;
        try
        {
            model = lease.Model;
        }
        catch (ObjectDisposedException e)
        {
            return ValueTask.FromException<PredictionSummary>(e);
        }

        var activity = metrics?.StartPrediction(model);
        PredictionWorkspace? workspace = null;
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            model.Queue.ThrowIfFull(context.Timeout);
            workspace = model.RentWorkspace();
            var started = timeProvider.GetTimestamp();
            workspace.Parse(body, context);
            var parsed = timeProvider.GetTimestamp();
            if (!TryRunNow(model, workspace, context.BypassCircuit, cancellationToken))
            {
                // From here on the workspace is that method's.
                var queued = workspace;
                workspace = null;
                return WhenRunAsync(model, queued, response, context, parsed - started, activity, cancellationToken);
            }

            var run = timeProvider.GetTimestamp();
            workspace.Write(response, context, workspace, first: 0);
            return new(End(model, activity, workspace.Rows.Rows, workspace.Rows.Rows, parsed - started, queue: 0, run - parsed, timeProvider.GetTimestamp() - run));
        }
        catch (OperationCanceledException e)
        {
            Fail(model, activity, e);
            return ValueTask.FromCanceled<PredictionSummary>(e.CancellationToken);
        }
        catch (Exception e)
        {
            Fail(model, activity, e);
            return ValueTask.FromException<PredictionSummary>(e);
        }
        finally
        {
            if (workspace is not null)
                model.ReturnWorkspace(workspace);
        }
    }

    /// <returns>False where the request has to wait its turn.</returns>
    private bool TryRunNow(LoadedModel model, PredictionWorkspace workspace, bool bypassCircuit, CancellationToken cancellationToken)
    {
        var rows = workspace.Rows.Rows;
        if (rows == 0)
            return true;
        if (!bypassCircuit)
            model.Breaker.ThrowIfOpen();
        if (!model.Queue.TryEnter(rows, out var lane))
            return false;
        try
        {
            var started = timeProvider.GetTimestamp();
            workspace.Run(0, rows, cancellationToken);
            model.NoteRun(1, rows, timeProvider.GetTimestamp() - started);
            if (!bypassCircuit)
                model.Breaker.Succeed();
            return true;
        }
        catch (Exception e) when (!bypassCircuit)
        {
            model.NoteFailure(e);
            throw;
        }
        finally
        {
            if (lane)
                model.Queue.Exit(model);
        }
    }

    private async ValueTask<PredictionSummary> WhenRunAsync(
        LoadedModel model,
        PredictionWorkspace workspace,
        IBufferWriter<byte> response,
        PredictionContext context,
        long parseTicks,
        Activity? activity,
        CancellationToken cancellationToken)
    {
        SharedOutputs? shared = null;
        try
        {
            RunOutcome outcome;
            try
            {
                outcome = await model.Queue.RunAsync(
                    new RowsRun(workspace, cancellationToken) { Enqueued = timeProvider.GetTimestamp() }, model, context.Timeout);
                if (!context.BypassCircuit)
                    model.Breaker.Succeed();
            }
            catch (Exception e) when (!context.BypassCircuit)
            {
                model.NoteFailure(e);
                throw;
            }

            shared = outcome.Shared;
            var run = timeProvider.GetTimestamp();
            workspace.Write(response, context, shared?.Workspace ?? workspace, outcome.First);
            return End(model, activity, workspace.Rows.Rows, outcome.RunRows, parseTicks, outcome.QueueTicks, outcome.RunTicks, timeProvider.GetTimestamp() - run);
        }
        catch (Exception e)
        {
            Fail(model, activity, e);
            throw;
        }
        finally
        {
            shared?.Release();
            model.ReturnWorkspace(workspace);
        }
    }

    private PredictionSummary End(LoadedModel model, Activity? activity, int rows, int runRows, long parse, long queue, long run, long write)
    {
        var summary = new PredictionSummary(rows, TimeOf(parse), TimeOf(queue), TimeOf(run), TimeOf(write)) { RunRows = runRows };
        metrics?.AddPrediction(model, summary);
        if (activity is not null)
        {
            activity.SetTag("rows", rows);
            activity.Dispose();
        }

        return summary;
    }

    private void Fail(LoadedModel model, Activity? activity, Exception exception)
    {
        metrics?.AddError(model, exception);
        if (activity is not null)
        {
            activity.SetStatus(ActivityStatusCode.Error, exception.GetType().Name);
            activity.Dispose();
        }
    }

    private TimeSpan TimeOf(long ticks) => timeProvider.GetElapsedTime(0, ticks);
}
