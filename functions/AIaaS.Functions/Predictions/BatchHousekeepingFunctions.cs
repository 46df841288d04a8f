using AIaaS.Functions.Hosts;
using AIaaS.Platform.Predictions.Batches;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Predictions;

/// <summary>Clears away what is left of deleted batch predictions.</summary>
public sealed class BatchHousekeepingFunctions(BatchHousekeeping housekeeping)
{
    [Function("CleanBatchPredictions")]
    public Task CleanAsync([TimerTrigger(Schedules.Housekeeping)] TimerInfo timer, CancellationToken cancellationToken)
        => housekeeping.CleanAllAsync(cancellationToken);
}
