using AIaaS.LocalHost.Durable.History;

namespace AIaaS.LocalHost.Durable.Orchestrations;

/// <summary>What an orchestrator did in one turn.</summary>
/// <param name="Consumed">How many messages it heard before it went to sleep or ended.</param>
/// <param name="End"><c>null</c> while it goes on.</param>
internal sealed record TurnOutcome(
    int Consumed,
    IReadOnlyList<OrchestrationAction> Actions,
    IReadOnlyList<int> CancelledTimers,
    bool StatusChanged,
    string? CustomStatus,
    TurnEnd? End);

/// <summary>How an execution ends.</summary>
internal abstract record TurnEnd;

internal sealed record ReturnedEnd(string? Output) : TurnEnd;

internal sealed record ThrewEnd(Failure Failure) : TurnEnd;

/// <param name="Events">Events the orchestrator received and did not use.</param>
internal sealed record ContinuedAsNewEnd(string? Input, IReadOnlyList<EventRaised> Events) : TurnEnd;
