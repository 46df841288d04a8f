using AIaaS.Functions.Hosts;
using AIaaS.Platform.Datasets;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Datasets;

/// <summary>Removes files of data sets that nothing refers to any longer.</summary>
public sealed class DatasetHousekeepingFunctions(DatasetHousekeeping housekeeping)
{
    [Function("CleanDatasets")]
    public Task CleanAsync([TimerTrigger(Schedules.Housekeeping)] TimerInfo timer, CancellationToken cancellationToken)
        => housekeeping.CleanAllAsync(cancellationToken);
}
