using AIaaS.Data.Exchange;
using AIaaS.Formats;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Predictions.Batches;

public enum BatchStatus
{
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

public enum BatchInputKind
{
    /// <summary>Rows of the request itself.</summary>
    Rows,

    /// <summary>An uploaded or dropped file.</summary>
    File,

    /// <summary>A version of a data set.</summary>
    Dataset,
}

/// <summary>Where a batch's rows come from.</summary>
public sealed record BatchInput
{
    public required BatchInputKind Kind { get; init; }

    /// <summary>The file's name, for <see cref="BatchInputKind.File"/>.</summary>
    public string? File { get; init; }

    /// <summary>The data set, for <see cref="BatchInputKind.Dataset"/>.</summary>
    public string? Dataset { get; init; }

    /// <summary>Its version, for <see cref="BatchInputKind.Dataset"/>.</summary>
    public int? Version { get; init; }
}

public enum WebhookStatus
{
    /// <summary>The batch has not ended, or the call is being tried again.</summary>
    Pending,
    Delivered,

    /// <summary>It was refused, or tried as often as we do.</summary>
    Failed,
}

/// <summary>Who is told when a batch has ended.</summary>
public sealed record BatchWebhook
{
    public required Uri Url { get; init; }

    /// <summary>The key of its signatures, in base64; told once, to whoever made the batch.</summary>
    public required string Secret { get; init; }

    public WebhookStatus Status { get; init; }

    /// <summary>How often it was called.</summary>
    public int Attempts { get; init; }

    /// <summary>What became of the last call, for people.</summary>
    public string? Detail { get; init; }
}

/// <summary>Predictions of many rows, made in the background by one version of a model.</summary>
public sealed record BatchPrediction
{
    public int SchemaVersion { get; init; } = 1;

    public required string Id { get; init; }

    public required BatchStatus Status { get; init; }

    /// <summary>The endpoint asked; null where a model was.</summary>
    public string? Endpoint { get; init; }

    public required string Model { get; init; }

    /// <summary>The version for all rows, settled when the batch was made.</summary>
    public required int ModelVersion { get; init; }

    public UnknownFeatures UnknownFeatures { get; init; }

    public NonFinite NonFinite { get; init; }

    /// <summary>The feature of each value where rows of a request are arrays; null for the order of the signature.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    public required BatchInput Input { get; init; }

    public required TableFormat Format { get; init; }

    public BatchWebhook? Webhook { get; init; }

    /// <summary>Rows to predict; null until they are counted.</summary>
    public long? Rows { get; init; }

    public long RowsDone { get; init; }

    /// <summary>Of those done, the ones that have an error in place of a prediction; rows that could not be read included.</summary>
    public long RowsFailed { get; init; }

    /// <summary>How often work was begun since a chunk was last finished.</summary>
    public int Attempts { get; init; }

    /// <summary>How often work failed since then, by no fault of a row.</summary>
    public int Failures { get; init; }

    public ErrorDetail? Error { get; init; }

    public required DateTimeOffset Created { get; init; }

    public DateTimeOffset? Started { get; init; }

    public DateTimeOffset? Ended { get; init; }

    /// <summary>Whether it was deleted.</summary>
    public bool Removed { get; init; }

    /// <summary>Whether the dropped file that it was made of was cleared away after that; one that is there from then on was dropped again.</summary>
    public bool DropCleared { get; init; }

    internal bool HasEnded => Status is BatchStatus.Succeeded or BatchStatus.Failed or BatchStatus.Cancelled;

    internal static DocumentKind<BatchPrediction> Kind { get; } = new("batch-predictions", "batch prediction", batch => new Dictionary<string, string>
    {
        [DocumentHeader.CreatedKey] = DocumentHeader.FormatCreated(batch.Created),
        [StatusKey] = batch.Removed ? RemovedText : StatusText(batch.Status),
    })
    {
        IsRemoved = batch => batch.Removed,
    };

    internal const string StatusKey = "status";

    /// <summary>In place of a status, so that a listing passes over what was deleted.</summary>
    internal const string RemovedText = "removed";

    internal static string StatusText(BatchStatus status) => status.ToString().ToLowerInvariant();

    /// <summary>Deletes it but for what tells it from others, and where its files are; its webhook is not called any more.</summary>
    internal BatchPrediction AsRemoved() => this with { Removed = true, Columns = null, Webhook = null, Error = null };

    internal static ObjectPath FileOf(string tenant, string batch, string file) => new(Containers.Predictions, $"{tenant}/{batch}/{file}");

    internal static string ResultsFile(TableFormat format) => $"results.{format.ToString().ToLowerInvariant()}";

    internal const string ErrorsFile = "errors.jsonl";
}

/// <summary>Names a batch across tenants.</summary>
/// <param name="Tenant">Whose it is.</param>
/// <param name="Batch">Its id.</param>
/// <param name="Late">Whether this comes late, for a batch that nobody has begun by then.</param>
public sealed record BatchReference(string Tenant, string Batch, bool Late = false);

/// <summary>Queues about batch predictions.</summary>
public static class BatchQueues
{
    /// <summary>A <see cref="BatchReference"/> to work on.</summary>
    public const string Work = "batch-predictions";

    /// <summary>A <see cref="BatchReference"/> that has ended and whose maker wants to hear of it.</summary>
    public const string Webhooks = "batch-webhooks";
}
