using AIaaS.Serving.Batching;

namespace AIaaS.Serving.Models;

/// <summary>Bounds of a <see cref="ModelServer"/>.</summary>
public sealed record ModelServerOptions
{
    /// <summary>
    /// Memory for models that are loaded or being loaded, in bytes. A model counts as twice its file (weights, and the copies that ONNX Runtime
    /// packs for its kernels) plus 1 MiB. Models that requests still hold stay beyond it until they are released.
    /// </summary>
    public long MemoryBudgetBytes { get; init; } = 1L << 30;

    /// <summary>How long a failed load is answered from memory before the model is tried again.</summary>
    public TimeSpan FailureRetention { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How requests for one model take turns.</summary>
    public BatchingOptions Batching { get; init; } = new();

    /// <summary>How long one load may take.</summary>
    public TimeSpan LoadTimeout { get; init; } = TimeSpan.FromMinutes(1);
}

/// <summary>What a <see cref="ModelServer"/> holds and has done since it was made.</summary>
/// <param name="Models">Models in memory that new requests find.</param>
/// <param name="Bytes">What they count against the budget.</param>
/// <param name="Loads">Loads that succeeded.</param>
/// <param name="LoadFailures">Loads that failed.</param>
/// <param name="Evictions">Models that made room for others.</param>
public readonly record struct ModelServerStatistics(int Models, long Bytes, long Loads, long LoadFailures, long Evictions);
