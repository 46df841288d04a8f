using Microsoft.DurableTask.Client;

namespace AIaaS.Functions.Hosts.Azure.Messaging;

/// <summary>A client of orchestrations for what is no function, once a function has brought one.</summary>
public sealed class DurableClientSource
{
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile DurableTaskClient? _latest;

    /// <summary>Takes the place of an earlier client: the host may have begun anew, at another address.</summary>
    public void Offer(DurableTaskClient client)
    {
        _latest = client;
        _first.TrySetResult();
    }

    /// <summary>Waits for the first client; gives the latest.</summary>
    public async ValueTask<DurableTaskClient> GetAsync(CancellationToken cancellationToken)
    {
        await _first.Task.WaitAsync(cancellationToken);
        return _latest!;
    }
}
