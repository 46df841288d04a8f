using AIaaS.Platform.Documents;
using AIaaS.Platform.Http;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Runs;
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

    /// <summary>Clears away what is left of every batch that is marked; one that cannot be keeps no other waiting.</summary>
    public async Task CleanAllAsync(CancellationToken cancellationToken)
    {
        foreach (var header in await catalog.ListHeadersAsync(Mark.Kind, UnfinishedRun.AllTenants, "", cancellationToken))
        {
            var slash = header.Name.IndexOf('/', StringComparison.Ordinal);
            var (tenant, batch) = (header.Name[..slash], header.Name[(slash + 1)..]);
            try
            {
                await CleanAsync(tenant, batch, cancellationToken);
            }
            catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
            {
                LogFailed(exception, tenant, batch);
            }
        }
    }

    /// <summary>Says that a batch is about to be deleted.</summary>
    internal async Task MarkAsync(string tenant, string batch, CancellationToken cancellationToken)
        => await catalog.UpsertAsync(Mark.Kind, UnfinishedRun.AllTenants, $"{tenant}/{batch}", _ => new Mark(time.GetUtcNow()), cancellationToken);

    /// <summary>Clears away what is left of a batch if it was deleted. Safe to repeat, and to break off.</summary>
    internal async Task CleanAsync(string tenant, string batch, CancellationToken cancellationToken)
    {
        // In this order: a batch that is seen deleted was marked before that, so an older mark is not taken for that of its deletion.
        var known = (await catalog.FindAnyAsync(BatchPrediction.Kind, tenant, batch, cancellationToken))?.Value;
        var mark = await catalog.FindAsync(Mark.Kind, UnfinishedRun.AllTenants, $"{tenant}/{batch}", cancellationToken);
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
            await ForgetAsync(mark!, cancellationToken);
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

    private async Task ForgetAsync(Document<Mark> mark, CancellationToken cancellationToken)
    {
        try
        {
            await catalog.DeleteAsync(Mark.Kind, UnfinishedRun.AllTenants, mark.Name, mark.ETag, cancellationToken);
        }
        catch (ProblemException marked) when (marked.Problem == Problem.PreconditionFailed)
        {
            // Marked anew since.
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "What is left of the batch prediction {Tenant}/{Batch} could not be cleared away; the next look tries again.")]
    private partial void LogFailed(Exception failure, string tenant, string batch);

    /// <summary>Says that a batch is being deleted: <c>catalog/_unfinished/batch-predictions/{tenant}/{id}.json</c>.</summary>
    /// <param name="Time">Since when.</param>
    internal sealed record Mark(DateTimeOffset Time)
    {
        internal static DocumentKind<Mark> Kind { get; } = new("batch-predictions", "mark of the batch prediction", _ => new Dictionary<string, string>());
    }
}
