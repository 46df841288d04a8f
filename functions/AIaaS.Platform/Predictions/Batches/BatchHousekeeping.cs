using AIaaS.Platform.Documents;
using AIaaS.Platform.Http;
using AIaaS.Platform.Storage;
using Microsoft.Extensions.Logging;

namespace AIaaS.Platform.Predictions.Batches;

/// <summary>
/// Clears away what is left of deleted batch predictions. A deletion marks its batch before it begins; the mark goes once there is nothing left to look for.
/// </summary>
/// <remarks>
/// The files go at once, the document only after <see cref="Kept"/>: until then it tells that the batch was deleted to whoever is still at work
/// on it, and to whoever repeats the request that made it.
/// </remarks>
public sealed partial class BatchHousekeeping(Catalog catalog, IObjectStore store, TimeProvider time, ILogger<BatchHousekeeping> logger)
{
    /// <summary>How long the document of a deleted batch stays, which nobody sees: as long as a key can stand for it.</summary>
    public static readonly TimeSpan Kept = IdempotencyKeys.Lifetime;

    internal static readonly DocumentKind<CleaningMark> MarkKind = CleaningMark.KindOf("batch-predictions", "batch prediction");

    private readonly CleaningMarks _marks = new(MarkKind, catalog, time);

    /// <summary>Clears away what is left of every batch that is marked; one that cannot be keeps no other waiting.</summary>
    public Task CleanAllAsync(CancellationToken cancellationToken) => _marks.CleanAllAsync(CleanAsync, LogFailed, cancellationToken);

    /// <summary>Says that a batch is about to be deleted.</summary>
    internal Task MarkAsync(string tenant, string batch, CancellationToken cancellationToken) => _marks.MarkAsync(tenant, batch, cancellationToken);

    /// <summary>Clears away what is left of a batch if it was deleted. Safe to repeat, and to break off.</summary>
    internal async Task CleanAsync(string tenant, string batch, CancellationToken cancellationToken)
    {
        // In this order: a batch that is seen deleted was marked before that, so an older mark is not taken for that of its deletion.
        var known = (await catalog.FindAnyAsync(BatchPrediction.Kind, tenant, batch, cancellationToken))?.Value;
        var mark = await _marks.FindAsync(tenant, batch, cancellationToken);
        var over = mark is not null && mark.Value.Time + Kept < time.GetUtcNow();
        if (known is { Removed: true })
        {
            // At every look: whoever was at work when it was cancelled may have written since.
            await store.DeleteAllAsync(BatchPrediction.FileOf(tenant, batch, ""), cancellationToken);
            await ClearDropAsync(tenant, known, cancellationToken);
            if (over)
            {
                await catalog.DeleteAsync(BatchPrediction.Kind, tenant, batch, ifMatch: null, cancellationToken);
            }
        }

        if (over)
        {
            await _marks.ForgetAsync(mark!, cancellationToken);
        }
    }

    /// <summary>Removes the file in the drop zone that a batch was made of, once, unless another was dropped there since.</summary>
    private async Task ClearDropAsync(string tenant, BatchPrediction batch, CancellationToken cancellationToken)
    {
        // A file that comes after that may look the same, and is somebody's next batch.
        if (batch.DropCleared || BatchPredictionService.DropOf(tenant, batch) is not { } drop)
        {
            return;
        }

        if (await store.GetPropertiesAsync(drop, cancellationToken) is { } file && BatchPredictionService.IsOfDrop(batch, file.Path, file.ETag))
        {
            try
            {
                await store.DeleteAsync(drop, file.ETag, cancellationToken);
            }
            catch (PreconditionFailedException)
            {
                // Replaced just now: somebody's next batch.
            }
        }

        await catalog.UpdateAnyAsync(BatchPrediction.Kind, tenant, batch.Id, current => current with { DropCleared = true }, cancellationToken);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "What is left of the batch prediction {Tenant}/{Batch} could not be cleared away; the next look tries again.")]
    private partial void LogFailed(Exception failure, string tenant, string batch);
}
