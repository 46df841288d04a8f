using AIaaS.Platform.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Operations;

public sealed class HousekeepingFunctions(IdempotencyKeys idempotency)
{
    [Function("ForgetIdempotencyKeys")]
    public Task ForgetIdempotencyKeys([TimerTrigger("0 17 * * * *")] TimerInfo timer, CancellationToken cancellationToken)
        => idempotency.PurgeAsync(cancellationToken);
}
