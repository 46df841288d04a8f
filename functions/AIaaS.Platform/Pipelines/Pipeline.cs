using AIaaS.Platform.Documents;

namespace AIaaS.Platform.Pipelines;

/// <summary>A pipeline as the catalog keeps it.</summary>
public sealed record Pipeline
{
    public int SchemaVersion { get; init; } = 1;

    public required string Name { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required DateTimeOffset Updated { get; init; }

    /// <summary>Whether it was inferred from a first data set rather than written by someone.</summary>
    public bool Inferred { get; init; }

    public required PipelineDefinition Definition { get; init; }

    internal static DocumentKind<Pipeline> Kind { get; } = new("pipelines", "pipeline", pipeline => new Dictionary<string, string>
    {
        [DocumentHeader.CreatedKey] = DocumentHeader.FormatCreated(pipeline.Created),
    });
}

/// <summary>Which runs a pipeline has in flight: one active, and for each data set at most one queued, into which newer requests coalesce.</summary>
public sealed record PipelineQueue
{
    public int SchemaVersion { get; init; } = 1;

    public string? ActiveRun { get; init; }

    /// <summary>Those whose turn is still to come, in its order.</summary>
    public IReadOnlyList<QueuedRun> Queued { get; init; } = [];

    internal static DocumentKind<PipelineQueue> Kind { get; } = new("pipeline-queues", "queue of the pipeline", _ => new Dictionary<string, string>());
}

/// <param name="Run">A run that waits for its turn.</param>
/// <param name="Dataset">What it is over.</param>
public sealed record QueuedRun(string Run, string Dataset);
