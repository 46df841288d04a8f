using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using AIaaS.Serving.Batching;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;
using AIaaS.Serving.Telemetry;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Inference;

/// <summary>Bounds of an <see cref="InferenceEngine"/>.</summary>
public sealed record InferenceOptions
{
    /// <summary>Memory for the inputs of one request, in bytes; a text counts 64 for itself.</summary>
    public long MaxTensorBytes { get; init; } = 256L << 20;
}

/// <summary>
/// Answers inference requests of the Open Inference Protocol, version 2, with its binary tensor data and classification
/// extensions: bodies in, bodies out, without HTTP. Safe for concurrent use.
/// </summary>
/// <remarks>
/// <para>Data in JSON is flat or nested as its shape; FP16 and BF16 are taken and given as numbers too. A null is NaN where the
/// datatype has it, and an empty text; NaN and infinity, which JSON has no numbers for, are given as null, so they are told
/// apart in binary data only. Numbers that a datatype cannot hold are refused.</para>
/// <para>Unknown properties and parameters are ignored; known ones that are given twice are refused.</para>
/// </remarks>
/// <param name="options">Bounds.</param>
/// <param name="timeProvider">The clock.</param>
/// <param name="metrics">Null to measure nothing.</param>
public sealed class InferenceEngine(InferenceOptions options, TimeProvider timeProvider, ServingMetrics? metrics = null)
{
    /// <summary>Above this a request runs by itself: copying its tensors would cost more than sharing a run saves.</summary>
    private const long MostJoinedBytes = 1 << 20;

    private readonly ConcurrentQueue<InferenceWorkspace> _idle = new();

    /// <summary>What a model takes and gives.</summary>
    public static TensorSignature Describe(ModelLease lease)
    {
        var plan = lease.Model.Inference;
        return new([.. plan.Inputs.Select(i => i.Metadata)], [.. plan.Outputs.Select(o => o.Metadata)]);
    }

    /// <summary>Runs a model on the tensors of a request.</summary>
    /// <param name="lease">Held by the caller until the answer is disposed.</param>
    /// <param name="body">The whole body, decompressed; not used after this has returned its task.</param>
    /// <param name="headerLength">Length of its JSON object in bytes where binary data follows, 0 for binary data alone, null for JSON alone.</param>
    /// <param name="modelName">Given back as <c>model_name</c>.</param>
    /// <param name="modelVersion">Given back as <c>model_version</c>.</param>
    /// <param name="timeout">What the request has left, where it has a deadline.</param>
    /// <param name="cancellationToken">Ends the wait for the model and its run.</param>
    /// <exception cref="InferenceRequestException">The caller has to change the request.</exception>
    /// <exception cref="PredictionFailedException">The model failed on it.</exception>
    /// <exception cref="PredictionOverloadException">It would have to wait too long.</exception>
    /// <exception cref="ModelBrokenException">The model failed on most of its latest requests.</exception>
    public ValueTask<InferenceAnswer> InferAsync(
        ModelLease lease,
        in ReadOnlySequence<byte> body,
        long? headerLength,
        string modelName,
        string modelVersion,
        TimeSpan? timeout,
        CancellationToken cancellationToken)
    {
        var workspace = _idle.TryDequeue(out var idle) ? idle : new();
        var model = lease.Model;
        var activity = metrics?.StartInference(model);
        try
        {
            model.Queue.ThrowIfFull(timeout);
            var started = timeProvider.GetTimestamp();
            var plan = model.Inference;
            workspace.Begin(plan, options.MaxTensorBytes);
            InferenceRequestReader.Read(body, headerLength, plan, workspace);
            var parse = timeProvider.GetElapsedTime(started);
            return RunAsync(model, plan, workspace, body.Length, parse, activity, modelName, modelVersion, timeout, cancellationToken);
        }
        catch (Exception e)
        {
            Fail(model, activity, e);
            Return(workspace);
            return ValueTask.FromException<InferenceAnswer>(e);
        }
    }

    internal void Return(InferenceWorkspace workspace)
    {
        workspace.Clear();
        if (_idle.Count < 2 * Environment.ProcessorCount)
            _idle.Enqueue(workspace);
        else
            workspace.Dispose();
    }

    private async ValueTask<InferenceAnswer> RunAsync(
        LoadedModel model,
        InferencePlan plan,
        InferenceWorkspace workspace,
        long bodyLength,
        TimeSpan parse,
        Activity? activity,
        string modelName,
        string modelVersion,
        TimeSpan? timeout,
        CancellationToken cancellationToken)
    {
        IDisposableReadOnlyCollection<OrtValue>? outputs = null;
        try
        {
            var names = workspace.Requested.Count == 0
                ? plan.OutputNames
                : [.. workspace.Requested.Select(o => plan.OutputNames[o.Output])];
            var rows = plan.RowsOf(workspace);
            var call = new TensorCall(plan.InputNames, workspace.TakeValues(), names, rows)
            {
                Plan = plan.KeepsRowsApart(workspace) ? plan : null,
                IsSmall = bodyLength <= MostJoinedBytes && workspace.InputBytes <= MostJoinedBytes,
            };
            var outcome = await model.RunAsync(call, timeout, cancellationToken);
            outputs = outcome.Outputs;
            var ran = timeProvider.GetTimestamp();
            var binaryBytes = AnswerWriter.Write(workspace, plan, outputs, modelName, modelVersion, cancellationToken);
            var answer = new InferenceAnswer(this, workspace, outputs, binaryBytes)
            {
                Rows = rows,
                RunRows = outcome.RunRows,
                Parse = parse,
                Queue = timeProvider.GetElapsedTime(0, outcome.QueueTicks),
                Run = timeProvider.GetElapsedTime(0, outcome.RunTicks),
                Write = timeProvider.GetElapsedTime(ran),
            };
            metrics?.AddPrediction(model, new(rows, parse, answer.Queue, answer.Run, answer.Write));
            activity?.SetTag("rows", rows);
            activity?.Dispose();
            return answer;
        }
        catch (Exception e)
        {
            var refusal = RefusalOf(e);
            Fail(model, activity, refusal ?? e);
            outputs?.Dispose();
            Return(workspace);
            if (refusal is not null)
                throw refusal;
            throw;
        }
    }

    private static InferenceRequestException? RefusalOf(Exception exception) =>
        exception is PredictionRequestException { Message: var message } ? new(message)
        : TensorFailure.ReasonOf(exception) is { } reason ? new($"The model cannot be run on these tensors: {reason}. Change their shapes or values.")
        : null;

    private void Fail(LoadedModel model, Activity? activity, Exception exception)
    {
        metrics?.AddError(model, exception);
        activity?.SetStatus(ActivityStatusCode.Error, exception.GetType().Name);
        activity?.Dispose();
    }
}

/// <summary>An answer that is ready to be sent. To be disposed once it is; then its memory serves the next request.</summary>
public sealed class InferenceAnswer : IDisposable
{
    private readonly InferenceEngine _engine;
    private readonly IDisposableReadOnlyCollection<OrtValue> _outputs;
    private readonly long _binaryBytes;
    private InferenceWorkspace? _workspace;

    internal InferenceAnswer(
        InferenceEngine engine, InferenceWorkspace workspace, IDisposableReadOnlyCollection<OrtValue> outputs, long binaryBytes)
    {
        (_engine, _workspace, _outputs, _binaryBytes) = (engine, workspace, outputs, binaryBytes);
        HeaderLength = workspace.BinaryParts.Count > 0 ? workspace.Json.Length : null;
        Length = workspace.Json.Length + binaryBytes;
    }

    /// <summary>Length of the JSON object where binary data follows it, else null.</summary>
    public int? HeaderLength { get; }

    /// <summary>Length of the whole body.</summary>
    public long Length { get; }

    /// <summary>The first dimension of its inputs where that is one of rows, else 1.</summary>
    public int Rows { get; internal init; }

    /// <summary>Most rows of a run that it took part in, those of other requests among them.</summary>
    public int RunRows { get; internal init; }

    /// <summary>Reading the request.</summary>
    public TimeSpan Parse { get; internal init; }

    /// <summary>Waiting for the model's turn.</summary>
    public TimeSpan Queue { get; internal init; }

    /// <summary>Running it, with the rows of others where they shared a run.</summary>
    public TimeSpan Run { get; internal init; }

    /// <summary>Writing the JSON.</summary>
    public TimeSpan Write { get; internal init; }

    /// <summary>Writes the body.</summary>
    public void WriteTo(IBufferWriter<byte> target)
    {
        var workspace = _workspace ?? throw new ObjectDisposedException(nameof(InferenceAnswer));
        target.Write(workspace.Json.Written);
        if (_binaryBytes > 0)
            AnswerWriter.WriteBinary(workspace, target);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _workspace, null) is not { } workspace)
            return;
        _outputs.Dispose();
        _engine.Return(workspace);
    }
}
