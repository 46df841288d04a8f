using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace AIaaS.Functions.Hosts.Azure.Messaging;

/// <summary>Lets the worker itself take messages from queues in files, which no trigger of the host knows.</summary>
public sealed class PumpFunctions(DurableClientSource clients)
{
    public const string Name = "PumpMessages";

    /// <remarks>
    /// Only functions are given a client, and the one given is good for as long as the host runs; so it is taken at the start.
    /// The schedule is there because a timer needs one.
    /// </remarks>
    [Function(Name)]
    public void Pump([TimerTrigger("0 0 0 1 1 *", RunOnStartup = true)] TimerInfo timer, [DurableClient] DurableTaskClient client)
        => clients.Offer(client);
}
