using AIaaS.Functions.Hosts;
using AIaaS.Functions.Runs;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Predictions.Batches;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace AIaaS.Functions.Datasets;

/// <summary>A file dropped into storage starts its pipeline, or has its rows predicted by an endpoint.</summary>
public sealed class DropFunctions(DropService drops, BatchPredictionService batches)
{
    /// <param name="content">Not read here: the file may be large, and is copied by the store.</param>
    /// <param name="path">Tenant, pipeline and file; captures are greedy, so the platform splits it.</param>
    /// <param name="client">Starts the run.</param>
    /// <param name="cancellationToken">Ends when the host stops.</param>
    [Function("FileDropped")]
    public async Task DroppedAsync(
        [BlobTrigger(Containers.Incoming + "/{path}", Connection = "Storage", Source = DropTrigger.Source)] Stream content,
        string path,
        [DurableClient] DurableTaskClient client,
        CancellationToken cancellationToken)
    {
        if (BatchPredictionService.IsDrop(path))
        {
            await PredictAsync(path, cancellationToken);
        }
        else if (await drops.AcceptAsync(path, cancellationToken) is { } accepted)
        {
            await client.ScheduleAsync(accepted.Reference.Tenant, accepted.Ticket, cancellationToken);
        }
    }

    private async Task PredictAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            await batches.AcceptDropAsync(path, cancellationToken);
        }
        catch (ProblemException refusal) when (refusal.Problem.Status < 500)
        {
            await drops.RefuseAsync(path, refusal.Message, cancellationToken);
        }
    }
}
