using System.Security.Cryptography;
using AIaaS.Formats;
using AIaaS.OnnxRuntime;
using AIaaS.Serving.Batching;
using AIaaS.Serving.Explanations.Trees;
using AIaaS.Serving.Inference;
using AIaaS.Serving.Predictions;
using AIaaS.Serving.Telemetry;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Models;

/// <summary>A session with its plan and its workspaces; counted, and disposed when the last holder releases it.</summary>
internal sealed class LoadedModel : IDisposable
{
    /// <summary>Below this size a run is shorter than waking other threads for it.</summary>
    private const long SmallModelBytes = 16 << 20;

    private const long FixedBytes = 1 << 20;

    private const int MeasuredRuns = 3;

    /// <summary>All options that an optimized graph depends on; what concerns threads and memory does not change it.</summary>
    private const string SettingsKey = "all";

    private readonly WorkspacePool? _workspaces;
    private readonly SessionOptions _sessionOptions;
    private readonly ModelEnvironment _environment;
    private readonly IModelSource _source;
    private readonly IReadOnlySet<string> _images;

    /// <summary>ONNX Runtime reads an optimized graph's weights where they lie, in this pinned array.</summary>
    private readonly byte[]? _weights;
    private readonly PredictionPlan? _plan;
    private InferencePlan? _inference;
    private TreeExplainer? _treeExplainer;
    private int _holders = 1;

    private LoadedModel(
        ModelReference reference,
        ModelSignature signature,
        PredictionPlan? plan,
        InferenceSession session,
        SessionOptions sessionOptions,
        byte[] file,
        ModelOrigin origin,
        IReadOnlySet<string> images,
        IModelSource source,
        ModelEnvironment environment)
    {
        Reference = reference;
        Signature = signature;
        Session = session;
        Origin = origin;
        _images = images;
        Bytes = Cost(file.Length);
        Tags = [new("model", reference.Id), new("version", reference.Version)];
        Breaker = new(environment.TimeProvider);
        Queue = new(environment.Batching, environment.Batching.Lanes ?? (IsSmall(file.Length) ? Environment.ProcessorCount : 1), environment.TimeProvider);
        _environment = environment;
        _source = source;
        MayHaveTrees = TreeExplainer.MayExplain(file);
        _sessionOptions = sessionOptions;
        _weights = origin == ModelOrigin.Optimized ? file : null;
        _plan = plan;
        _workspaces = plan is null ? null : new(() => new(plan, session));
    }

    public ModelReference Reference { get; }

    public ModelSignature Signature { get; }

    public InferenceSession Session { get; }

    /// <summary>The graph as tensors; worked out where somebody asks, since few models are asked both ways.</summary>
    public InferencePlan Inference => _inference ??= InferencePlan.Create(Session, Signature, _plan, _images);

    /// <summary>Whether it is worth while to ask for <see cref="FindTreesAsync"/>.</summary>
    public bool MayHaveTrees { get; private set; }

    public ModelOrigin Origin { get; }

    public CircuitBreaker Breaker { get; }

    public RunQueue Queue { get; }

    /// <summary>The model and its version, for metrics.</summary>
    public KeyValuePair<string, object?>[] Tags { get; }

    /// <summary>What the model counts against the memory budget.</summary>
    public long Bytes { get; }

    /// <summary>Whether the session is gone.</summary>
    public bool IsReleased => Volatile.Read(ref _holders) == 0;

    /// <summary>Loads a model: from the optimized graph on disk, else from its file on disk, else from where models are stored.</summary>
    /// <param name="source">Where it is stored.</param>
    /// <param name="reference">The model.</param>
    /// <param name="environment">What it shares with others.</param>
    /// <param name="reserve">Waits until there is memory for so many bytes; called once, before any of them is taken.</param>
    /// <param name="cancellationToken">Ends the load.</param>
    /// <exception cref="ModelLoadException">It cannot be served.</exception>
    public static async Task<LoadedModel> LoadAsync(
        IModelSource source, ModelReference reference, ModelEnvironment environment, Func<long, CancellationToken, Task> reserve, CancellationToken cancellationToken)
    {
        var signature = await source.ReadSignatureAsync(reference, cancellationToken);
        var length = environment.DiskCache?.FindLength(reference.Sha256);
        var stored = length is null ? await source.OpenFileAsync(reference, cancellationToken) : null;
        await using var stream = stored?.Stream;
        length ??= stored!.Length;
        ThrowIfTooLarge(reference, length.Value, environment.MemoryBudgetBytes);
        await reserve(Cost(length.Value), cancellationToken);
        if (environment.DiskCache?.TryReadOptimized(reference.Sha256, SettingsKey) is { } optimized
            && Cost(optimized.Length) <= environment.MemoryBudgetBytes
            && TryReadOwn(optimized, reference, environment.DiskCache) is { } own)
        {
            try
            {
                return Create(reference, signature, optimized, own, ModelOrigin.Optimized, source, environment, cancellationToken);
            }
            catch (ModelLoadException)
            {
                // Whatever is wrong with it, the model's own file tells the truth.
                environment.DiskCache.RemoveOptimized(reference.Sha256);
            }
        }

        var (file, origin) = await ReadFileAsync(source, stored, reference, environment, cancellationToken);
        ThrowIfTooLarge(reference, file.Length, environment.MemoryBudgetBytes);
        return Create(reference, signature, file, ReadOnnx(reference, file), origin, source, environment, cancellationToken);
    }

    /// <summary>Reads the model's own file where an optimized graph does not tell enough: which inputs are images.</summary>
    /// <returns>Null where it is needed and not on disk.</returns>
    private static OnnxFile? TryReadOwn(byte[] optimized, ModelReference reference, ModelDiskCache cache)
    {
        if (!OnnxFile.MayUseExtensions(optimized))
            return OnnxFile.WithoutExtensions;
        return cache.TryReadModel(reference.Sha256) is { } file ? ReadOnnx(reference, file) : null;
    }

    /// <param name="source">Where it is stored.</param>
    /// <param name="stored">Its file there where that is open already; left to the caller.</param>
    /// <param name="reference">The model.</param>
    /// <param name="environment">What it shares with others.</param>
    /// <param name="cancellationToken">Ends it.</param>
    private static async Task<(byte[] File, ModelOrigin Origin)> ReadFileAsync(
        IModelSource source, ModelFile? stored, ModelReference reference, ModelEnvironment environment, CancellationToken cancellationToken)
    {
        if (environment.DiskCache?.TryReadModel(reference.Sha256) is { } cached)
            return (cached, ModelOrigin.Disk);
        var opened = stored is null ? await source.OpenFileAsync(reference, cancellationToken) : null;
        await using var stream = opened?.Stream;
        // The session is made of the very bytes that were checked; a file could change between a check and its use.
        var file = await ReadAsync(stored ?? opened!, reference, environment.MemoryBudgetBytes, cancellationToken);
        var hash = Convert.ToHexStringLower(SHA256.HashData(file));
        if (!hash.Equals(reference.Sha256, StringComparison.OrdinalIgnoreCase))
            throw new ModelLoadException(reference, $"its file has SHA-256 {hash}, not {reference.Sha256} as registered; it was damaged or replaced.");
        environment.DiskCache?.AddModel(reference.Sha256, file);
        return (file, ModelOrigin.Store);
    }

    private static LoadedModel Create(
        ModelReference reference,
        ModelSignature signature,
        byte[] file,
        OnnxFile onnx,
        ModelOrigin origin,
        IModelSource source,
        ModelEnvironment environment,
        CancellationToken cancellationToken)
    {
        var usesExtensions = onnx.UsesExtensions;
        OnnxRuntimeTelemetry.CreateEnvironment();
        var unfinished = origin == ModelOrigin.Optimized ? null : environment.DiskCache?.TryBeginOptimized(reference.Sha256);
        var sessionOptions = CreateSessionOptions(file.Length, origin, unfinished, usesExtensions);
        InferenceSession? session = null;
        LoadedModel? model = null;
        try
        {
            session = CreateSession(file, ref sessionOptions, unfinished, usesExtensions, cancellationToken);
            if (unfinished is not null)
                environment.DiskCache!.AddOptimized(reference.Sha256, SettingsKey, unfinished);
            // A signature without features is of a model that takes tensors only.
            var plan = signature.Inputs.Count == 0 ? null : PredictionPlan.Create(reference, signature, session, onnx.DecodedImages, cancellationToken);
            model = new(reference, signature, plan, session, sessionOptions, file, origin, onnx.DecodedImages, source, environment);
            model.WarmUp(cancellationToken);
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

            if (unfinished is not null)
                environment.DiskCache!.Discard(unfinished);
            cancellationToken.ThrowIfCancellationRequested();
            var reason = e switch
            {
                OnnxRuntimeException => $"ONNX Runtime cannot {(session is null ? "read" : "run")} it: {e.Message}",
                PredictionFailedException { InnerException: { } cause } => $"ONNX Runtime cannot run it: {cause.Message}",
                PredictionRequestException => $"it does not run on an example: {e.Message}",
                _ => null,
            };
            if (reason is not null)
                throw new ModelLoadException(reference, reason, e);
            throw;
        }
    }

    private static InferenceSession CreateSession(byte[] file, ref SessionOptions options, string? unfinished, bool usesExtensions, CancellationToken cancellationToken)
    {
        try
        {
            return Load(options);
        }
        catch (OnnxRuntimeException) when (unfinished is not null && !cancellationToken.IsCancellationRequested)
        {
            // Perhaps only writing the optimized graph failed, for instance on a full disk.
            options.Dispose();
            options = CreateSessionOptions(file.Length, ModelOrigin.Store, unfinished: null, usesExtensions);
            return Load(options);
        }

        InferenceSession Load(SessionOptions options)
        {
            using (cancellationToken.UnsafeRegister(static o => ((SessionOptions)o!).SetLoadCancellationFlag(true), options))
                return new(file, options);
        }
    }

    /// <exception cref="PredictionRequestException">The model takes no rows.</exception>
    public PredictionWorkspace RentWorkspace() => (_workspaces ?? throw new PredictionRequestException(
        PredictionError.NoRows, "The model has no features by name, so that it takes no rows. Send it tensors by the Open Inference Protocol.")).Rent();

    public void ReturnWorkspace(PredictionWorkspace workspace) => _workspaces!.Return(workspace);

    /// <summary>Runs the graph on tensors when it is their turn.</summary>
    /// <param name="call">The tensors.</param>
    /// <param name="timeout">What the request has left, where it has a deadline.</param>
    /// <param name="cancellationToken">Ends the wait and the run.</param>
    /// <exception cref="PredictionFailedException">The model failed.</exception>
    /// <exception cref="PredictionOverloadException">It would have to wait too long.</exception>
    /// <exception cref="ModelBrokenException">The model failed on most of its latest requests.</exception>
    public ValueTask<TensorOutcome> RunAsync(TensorCall call, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ArgumentOutOfRangeException.ThrowIfNegative(call.Rows);
        Breaker.ThrowIfOpen();
        if (!Queue.TryEnter(call.Rows, out var lane))
            return WhenRunAsync(call, timeout, cancellationToken);
        try
        {
            var started = _environment.TimeProvider.GetTimestamp();
            var outputs = Run(call.InputNames, call.Inputs, call.OutputNames, cancellationToken);
            var ticks = _environment.TimeProvider.GetTimestamp() - started;
            NoteRun(1, call.Rows, ticks);
            Breaker.Succeed();
            return new(new TensorOutcome(outputs, QueueTicks: 0, ticks, call.Rows));
        }
        catch (Exception e)
        {
            NoteFailure(e, ofTensors: true);
            throw;
        }
        finally
        {
            if (lane)
                Queue.Exit(this);
        }
    }

    private async ValueTask<TensorOutcome> WhenRunAsync(TensorCall call, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        using var run = new TensorsRun(call, this, cancellationToken) { Enqueued = _environment.TimeProvider.GetTimestamp() };
        try
        {
            var outcome = await Queue.RunAsync(run, this, timeout);
            Breaker.Succeed();
            return new(run.TakeOutputs(), outcome.QueueTicks, outcome.RunTicks, outcome.RunRows);
        }
        catch (Exception e)
        {
            NoteFailure(e, ofTensors: true);
            throw;
        }
    }

    /// <summary>Runs the graph at once; for those whose turn it is.</summary>
    /// <exception cref="PredictionFailedException">The model failed.</exception>
    /// <exception cref="PredictionRequestException">An image is damaged.</exception>
    public IDisposableReadOnlyCollection<OrtValue> Run(
        IReadOnlyCollection<string> inputNames, IReadOnlyCollection<OrtValue> inputs, IReadOnlyCollection<string> outputNames, CancellationToken cancellationToken)
    {
        using var options = new RunOptions();
        using var registration = cancellationToken.UnsafeRegister(static o => ((RunOptions)o!).Terminate = true, options);
        try
        {
            return Session.Run(options, inputNames, inputs, outputNames);
        }
        catch (OnnxRuntimeException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (_images.Count > 0 && OnnxFile.IsOfDecoding(e))
                throw new PredictionRequestException(PredictionError.BadImage, "The image cannot be decoded; it is damaged.");
            throw new PredictionFailedException(e.Message, e);
        }
    }

    /// <summary>What explains the model by its trees; made of its file where somebody asks first, and kept.</summary>
    /// <param name="plan">What the model takes and gives.</param>
    /// <param name="output">What is to be explained, the same in each call.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Null where it has none that are read, or where its file cannot be had now.</returns>
    public async ValueTask<TreeExplainer?> FindTreesAsync(PredictionPlan plan, OutputPlan output, CancellationToken cancellationToken)
    {
        if (!MayHaveTrees || _treeExplainer is not null)
            return _treeExplainer;
        TreeExplainer? found = null;
        try
        {
            var (file, _) = await ReadFileAsync(_source, stored: null, Reference, _environment, cancellationToken);
            found = TreeExplainer.Create(file, plan, output, cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // The model itself runs, and there are other ways to explain it.
            if (e is not (OnnxRuntimeException or InvalidDataException))
                return null;
        }

        if (found is null)
            MayHaveTrees = false;
        else if (Interlocked.CompareExchange(ref _treeExplainer, found, null) is not null)
            found.Dispose();
        return _treeExplainer;
    }

    /// <summary>Notes a run that went well.</summary>
    /// <param name="requests">Requests in it.</param>
    /// <param name="rows">Rows in it.</param>
    /// <param name="ticks">Timestamp ticks it took.</param>
    public void NoteRun(int requests, int rows, long ticks)
    {
        Queue.Record(requests, rows, ticks);
        _environment.Metrics?.AddRun(this, requests, rows);
        _environment.Statistics?.Ran(Reference, rows, _environment.TimeProvider.GetElapsedTime(0, ticks));
    }

    /// <summary>Notes how a request's run ended that did not go well.</summary>
    /// <param name="exception">How it ended.</param>
    /// <param name="ofTensors">Whether the caller chose the shapes: what these bring about says nothing of the model.</param>
    public void NoteFailure(Exception exception, bool ofTensors = false)
    {
        if (exception is PredictionFailedException && !(ofTensors && TensorFailure.ReasonOf(exception) is not null))
            Breaker.Fail();
        else
            Breaker.Abandon();
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
        _treeExplainer?.Dispose();
        Session.Dispose();
        _sessionOptions.Dispose();
    }

    private static OnnxFile ReadOnnx(ModelReference reference, byte[] file)
    {
        try
        {
            return OnnxFile.Read(file);
        }
        catch (InvalidDataException e)
        {
            throw new ModelLoadException(reference, e.Message, e);
        }
    }

    private static long Cost(long fileLength) => (2 * fileLength) + FixedBytes;

    private static bool IsSmall(long fileLength) => fileLength < SmallModelBytes;

    private static SessionOptions CreateSessionOptions(long fileLength, ModelOrigin origin, string? unfinished, bool usesExtensions)
    {
        var options = new SessionOptions
        {
            // It keeps a plan per input shape, and row counts vary without bound.
            EnableMemoryPattern = false,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
            IntraOpNumThreads = IsSmall(fileLength) ? 1 : 0,
        };
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        if (usesExtensions)
            options.RegisterOrtExtensions();
        if (origin == ModelOrigin.Optimized)
        {
            options.AddSessionConfigEntry("session.load_model_format", "ORT");
            options.AddSessionConfigEntry("session.use_ort_model_bytes_directly", "1");
            options.AddSessionConfigEntry("session.use_ort_model_bytes_for_initializers", "1");
        }

        if (unfinished is not null)
        {
            options.OptimizedModelFilePath = unfinished;
            options.AddSessionConfigEntry("session.save_model_format", "ORT");
        }

        return options;
    }

    private static async Task<byte[]> ReadAsync(ModelFile stored, ModelReference reference, long budget, CancellationToken cancellationToken)
    {
        ThrowIfTooLarge(reference, stored.Length, budget);
        if (stored.Length == 0)
            throw new ModelLoadException(reference, "its file is empty.");
        var file = GC.AllocateUninitializedArray<byte>((int)stored.Length);
        if (await stored.Stream.ReadAtLeastAsync(file, file.Length, throwOnEndOfStream: false, cancellationToken) < file.Length)
            throw new ModelLoadException(reference, "its file ends before its length; it was damaged or replaced.");
        return file;
    }

    private static void ThrowIfTooLarge(ModelReference reference, long length, long budget)
    {
        if (Cost(length) > budget || length > Array.MaxLength)
            throw new ModelLoadException(reference, $"it needs more than the {budget} bytes of memory for models; raise that budget or register a smaller model.");
    }

    /// <summary>Runs the model a few times: the first run makes what later ones reuse, and the others tell what a run takes.</summary>
    private void WarmUp(CancellationToken cancellationToken)
    {
        if (_workspaces is null)
        {
            Inference.Probe(Session, Queue.Cost.Record, _environment.TimeProvider, cancellationToken);
            return;
        }

        var workspace = RentWorkspace();
        try
        {
            workspace.Rows.Clear();
            workspace.Rows.AddExample();
            workspace.Run(0, 1, cancellationToken);
            for (var i = 0; i < MeasuredRuns; i++)
            {
                var started = _environment.TimeProvider.GetTimestamp();
                workspace.Run(0, 1, cancellationToken);
                Queue.Cost.Record(1, _environment.TimeProvider.GetTimestamp() - started);
            }
        }
        finally
        {
            ReturnWorkspace(workspace);
        }
    }
}

/// <summary>Where a loaded model's graph came from.</summary>
internal enum ModelOrigin
{
    Store,
    Disk,
    Optimized,
}

/// <summary>What the models of a server share.</summary>
internal sealed record ModelEnvironment(
    long MemoryBudgetBytes, BatchingOptions Batching, ModelDiskCache? DiskCache, ServingMetrics? Metrics, InferenceStatistics? Statistics, TimeProvider TimeProvider);
