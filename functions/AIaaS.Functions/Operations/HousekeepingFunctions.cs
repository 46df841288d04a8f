using AIaaS.Platform.Datasets;
using AIaaS.Platform.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Operations;

public sealed class HousekeepingFunctions(IdempotencyKeys idempotency, DatasetHousekeeping datasets)
{
    [Function("ForgetIdempotencyKeys")]
    public Task ForgetIdempotencyKeys([TimerTrigger("0 17 * * * *")] TimerInfo timer, CancellationToken cancellationToken)
        => idempotency.PurgeAsync(cancellationToken);

    [Function("CleanDatasets")]
    public Task CleanDatasets([TimerTrigger("0 37 * * * *")] TimerInfo timer, CancellationToken cancellationToken)
        => datasets.CleanAllAsync(cancellationToken);
}
