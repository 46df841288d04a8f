using AIaaS.Functions.Hosts;
using AIaaS.Platform.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Logging;

namespace AIaaS.Functions.Operations;

/// <summary>Removes what nobody needs any longer.</summary>
public sealed partial class HousekeepingFunctions(IdempotencyKeys idempotency, TimeProvider time, ILogger<HousekeepingFunctions> logger)
{
    /// <summary>For how long an ended orchestration can still be looked into; its run's document stays.</summary>
    public static readonly TimeSpan HistoryLifetime = TimeSpan.FromDays(30);

    private static readonly OrchestrationRuntimeStatus[] Ended =
        [OrchestrationRuntimeStatus.Completed, OrchestrationRuntimeStatus.Failed, OrchestrationRuntimeStatus.Terminated];

    [Function("KeepHouse")]
    public async Task KeepHouseAsync(
        [TimerTrigger(Schedules.Housekeeping)] TimerInfo timer, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken)
    {
        await idempotency.PurgeAsync(cancellationToken);

        // The genuine store asks for both ends of the time.
        var filter = new PurgeInstancesFilter(DateTimeOffset.UnixEpoch, time.GetUtcNow() - HistoryLifetime, Ended);
        var purged = await client.PurgeAllInstancesAsync(filter, cancellationToken);
        LogPurged(purged.PurgedInstanceCount);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Removed the histories of {Count} orchestrations.")]
    private partial void LogPurged(int count);
}
