using AIaaS.LocalHost.Durable.History;

namespace AIaaS.LocalHost.Durable.Orchestrations;

/// <summary>Brings an orchestrator's code to where its history left it.</summary>
internal static class Replay
{
    /// <exception cref="NonDeterminismException">The code does other than the history records.</exception>
    public static void Run(OrchestrationRun run, IReadOnlyList<HistoryRecord> records)
    {
        var started = (ExecutionStarted)records[0];
        var waiting = new List<Message>(started.Events ?? []);
        var turn = 0;
        foreach (var record in records)
        {
            switch (record)
            {
                case Message message:
                    waiting.Add(message);
                    break;
                case TurnTaken taken:
                    var outcome = run.Take(taken.Time, waiting.GetRange(0, taken.Consumed), replaying: true);
                    waiting.RemoveRange(0, taken.Consumed);
                    Compare(started, ++turn, taken, outcome);
                    break;
            }
        }
    }

    private static void Compare(ExecutionStarted started, int turn, TurnTaken recorded, TurnOutcome replayed)
    {
        var expected = recorded.Actions ?? [];
        for (var index = 0; index < Math.Max(expected.Count, replayed.Actions.Count); index++)
        {
            var was = index < expected.Count ? expected[index] : null;
            var now = index < replayed.Actions.Count ? replayed.Actions[index] : null;
            if (was is null || now is null || !was.Matches(now))
                throw Mismatch(started, turn, was is null ? "no further action" : $"{was}", now is null ? Describe(replayed.End) : $"{now}");
        }

        if (replayed.End is not null)
            throw Mismatch(started, turn, "that the orchestrator went on", Describe(replayed.End));
    }

    private static NonDeterminismException Mismatch(ExecutionStarted started, int turn, string expected, string found) => new(
        $"The orchestrator '{started.Name}' is not deterministic: in step {turn} of instance '{started.InstanceId}' the history "
        + $"records {expected}, but the replayed code gave {found}. Either its code was changed while the instance was running, "
        + "or it takes decisions from something other than its context, such as the clock, random numbers or a GUID of its own.");

    private static string Describe(TurnEnd? end) => end switch
    {
        ReturnedEnd => "its end",
        ContinuedAsNewEnd => "a new beginning",
        ThrewEnd threw => $"the failure {threw.Failure.ErrorType}: {threw.Failure.ErrorMessage}",
        _ => "no further action",
    };
}

/// <summary>Replayed code did other than its history records.</summary>
internal sealed class NonDeterminismException(string message) : Exception(message);
