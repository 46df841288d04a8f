using AIaaS.LocalHost.Durable.History;

namespace AIaaS.LocalHost.Durable;

/// <summary>What the engine keeps in memory of an instance that has ended: no payloads.</summary>
internal sealed record EndedInstance(string Key, ExecutionStarted Started, ExecutionEnded Ended)
{
    public static EndedInstance Of(string key, ExecutionStarted started, ExecutionEnded ended) => new(
        key,
        started with { Input = null, Events = null, Outbox = null, Received = null },
        ended with { Output = null, Failure = null, CustomStatus = null, LastTurn = null });
}
