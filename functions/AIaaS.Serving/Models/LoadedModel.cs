using System.Security.Cryptography;
using AIaaS.Formats;
using AIaaS.OnnxRuntime;
using AIaaS.Serving.Inference;
using AIaaS.Serving.Predictions;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Models;

/// <summary>A session with its plan and its workspaces; counted, and disposed when the last holder releases it.</summary>
internal sealed class LoadedModel : IDisposable
{
    /// <summary>Below this size a run is shorter than waking other threads for it.</summary>
    private const long SmallModelBytes = 16 << 20;

    private const long FixedBytes = 1 << 20;

    private readonly WorkspacePool? _workspaces;
    private readonly SessionOptions _sessionOptions;
    private InferencePlan? _inference;
    private int _holders = 1;

    private LoadedModel(
        ModelReference reference, ModelSignature signature, PredictionPlan? plan, InferenceSession session, SessionOptions sessionOptions, long bytes)
    {
        Reference = reference;
        Signature = signature;
        Bytes = bytes;
        Session = session;
        _sessionOptions = sessionOptions;
        _workspaces = plan is null ? null : new(() => new(plan, session));
    }

    public ModelReference Reference { get; }

    public ModelSignature Signature { get; }

    public InferenceSession Session { get; }

    /// <summary>The graph as tensors; worked out where somebody asks, since few models are asked both ways.</summary>
    public InferencePlan Inference => _inference ??= InferencePlan.Create(Session, Signature);

    /// <summary>What the model counts against the memory budget.</summary>
    public long Bytes { get; }

    /// <summary>Whether the session is gone.</summary>
    public bool IsReleased => Volatile.Read(ref _holders) == 0;

    public static async Task<LoadedModel> LoadAsync(IModelSource source, ModelReference reference, long budget, CancellationToken cancellationToken)
    {
        await using var content = await source.OpenAsync(reference, cancellationToken);
        // The session is made of the very bytes that were checked; a file could change between a check and its use.
        var file = await ReadAsync(content.Stream, reference, budget, cancellationToken);
        var hash = Convert.ToHexStringLower(SHA256.HashData(file));
        if (!hash.Equals(reference.Sha256, StringComparison.OrdinalIgnoreCase))
            throw new ModelLoadException(reference, $"its file has SHA-256 {hash}, not {reference.Sha256} as registered; it was damaged or replaced.");

        OnnxRuntimeTelemetry.CreateEnvironment();
        var sessionOptions = CreateSessionOptions(file.Length);
        InferenceSession? session = null;
        LoadedModel? model = null;
        try
        {
            using (cancellationToken.UnsafeRegister(static o => ((SessionOptions)o!).SetLoadCancellationFlag(true), sessionOptions))
                session = new(file, sessionOptions);
            // A signature without features is of a model that takes tensors only.
            var plan = content.Signature.Inputs.Count == 0 ? null : PredictionPlan.Create(reference, content.Signature, session);
            model = new(reference, content.Signature, plan, session, sessionOptions, Cost(file.Length));
            model.WarmUp();
            return model;
        }
        catch (Exception e)
        {
            if (model is not null)
            {
                model.Release();
            }
            else
            {
                session?.Dispose();
                sessionOptions.Dispose();
            }

            cancellationToken.ThrowIfCancellationRequested();
            if (e is OnnxRuntimeException)
                throw new ModelLoadException(reference, $"ONNX Runtime cannot {(session is null ? "read" : "run")} it: {e.Message}", e);
            throw;
        }
    }

    /// <exception cref="PredictionRequestException">The model takes no rows.</exception>
    public PredictionWorkspace RentWorkspace() => (_workspaces ?? throw new PredictionRequestException(
        PredictionError.NoRows, "The model has no features by name, so that it takes no rows. Send it tensors by the Open Inference Protocol.")).Rent();

    public void ReturnWorkspace(PredictionWorkspace workspace) => _workspaces!.Return(workspace);

    public ValueTask<IDisposableReadOnlyCollection<OrtValue>> RunAsync(
        IReadOnlyCollection<string> inputNames,
        IReadOnlyCollection<OrtValue> inputs,
        IReadOnlyCollection<string> outputNames,
        int rows,
        CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        using var options = new RunOptions();
        using var registration = cancellationToken.UnsafeRegister(static o => ((RunOptions)o!).Terminate = true, options);
        try
        {
            return new(Session.Run(options, inputNames, inputs, outputNames));
        }
        catch (OnnxRuntimeException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new PredictionFailedException(e.Message, e);
        }
    }

    /// <summary>Called by those who know that the model is held, by the server or by themselves.</summary>
    public void Retain() => Interlocked.Increment(ref _holders);

    public void Release()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
            Dispose();
    }

    /// <summary>Only for <see cref="Release"/>: holders release.</summary>
    public void Dispose()
    {
        _workspaces?.Dispose();
        Session.Dispose();
        _sessionOptions.Dispose();
    }

    private static long Cost(long fileLength) => (2 * fileLength) + FixedBytes;

    private static SessionOptions CreateSessionOptions(long fileLength)
    {
        var options = new SessionOptions
        {
            // It keeps a plan per input shape, and row counts vary without bound.
            EnableMemoryPattern = false,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
            IntraOpNumThreads = fileLength < SmallModelBytes ? 1 : 0,
        };
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        return options;
    }

    private static async Task<byte[]> ReadAsync(Stream stream, ModelReference reference, long budget, CancellationToken cancellationToken)
    {
        var known = stream.CanSeek ? stream.Length - stream.Position : 0;
        ThrowIfTooLarge(known);
        using var buffer = new MemoryStream((int)known);
        var chunk = new byte[1 << 16];
        for (int read; (read = await stream.ReadAsync(chunk, cancellationToken)) > 0;)
        {
            ThrowIfTooLarge(buffer.Length + read);
            buffer.Write(chunk, 0, read);
        }

        if (buffer.Length == 0)
            throw new ModelLoadException(reference, "its file is empty.");
        return buffer.Length == buffer.Capacity ? buffer.GetBuffer() : buffer.ToArray();

        void ThrowIfTooLarge(long length)
        {
            if (Cost(length) > budget || length > Array.MaxLength)
                throw new ModelLoadException(reference, $"it needs more than the {budget} bytes of memory for models; raise that budget or register a smaller model.");
        }
    }

    private void WarmUp()
    {
        if (_workspaces is null)
            return;
        var workspace = RentWorkspace();
        try
        {
            workspace.Rows.AddExample();
            workspace.Run(CancellationToken.None);
        }
        finally
        {
            ReturnWorkspace(workspace);
        }
    }
}
