using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;

namespace AIaaS.Serving.Batching;

internal enum QueuedRunState
{
    /// <summary>In the queue; nobody else reads its rows.</summary>
    Waiting,

    /// <summary>A lane reads its rows, so that they must stay.</summary>
    Claimed,

    /// <summary>Its rows are copied; the request may leave when it likes.</summary>
    Copied,
}

/// <summary>A request that waits for its turn; its task ends once nobody reads its rows any more.</summary>
internal abstract class QueuedRun(int rows, CancellationToken cancellationToken)
{
    private readonly TaskCompletionSource<RunOutcome> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Rows { get; } = rows;

    /// <summary>Whether it may run with other requests.</summary>
    public abstract bool CanJoin { get; }

    /// <summary>Whether its rows may run in parts.</summary>
    public abstract bool CanSplit { get; }

    public CancellationToken CancellationToken { get; } = cancellationToken;

    public Task<RunOutcome> Task => _completion.Task;

    /// <summary>Guarded by the queue.</summary>
    public QueuedRunState State { get; set; }

    public LinkedListNode<QueuedRun>? Node { get; set; }

    /// <summary>Whether it was put into the queue to run by itself.</summary>
    public bool IsLoner { get; set; }

    public long Enqueued { get; init; }

    /// <summary>Rows that were run already.</summary>
    public int Done { get; set; }

    /// <summary>Timestamp ticks from its arrival to its first run, and in runs.</summary>
    public long QueueTicks { get; set; } = -1;

    public long RunTicks { get; set; }

    /// <summary>Most rows of a run that it took part in, those of others among them.</summary>
    public int RunRows { get; set; }

    /// <summary>Runs some of its own rows by themselves.</summary>
    /// <returns>How many rows that were: all, where they turn out to have to run together.</returns>
    /// <exception cref="PredictionFailedException">The model failed.</exception>
    public abstract int Run(int first, int count);

    /// <summary>Whether another request may run with it; asked of two that may join at all.</summary>
    public abstract bool JoinsWith(QueuedRun other);

    /// <summary>Copies the rows of several requests that may join, itself the first of them, to run them together.</summary>
    /// <param name="runs">The requests.</param>
    /// <param name="model">Held by the caller.</param>
    public abstract JoinedRun Join(IReadOnlyList<QueuedRun> runs, LoadedModel model);

    public bool TryComplete(SharedOutputs? shared, int first) => _completion.TrySetResult(new(shared, first, QueueTicks, RunTicks, RunRows));

    public void Fail(Exception exception)
    {
        if (exception is OperationCanceledException)
            _completion.TrySetCanceled(CancellationToken);
        else
            _completion.TrySetException(exception);
    }

    public void Leave() => _completion.TrySetCanceled(CancellationToken);
}

/// <summary>Rows that a workspace has parsed.</summary>
internal sealed class RowsRun(PredictionWorkspace workspace, CancellationToken cancellationToken)
    : QueuedRun(workspace.Rows.Rows, cancellationToken)
{
    public PredictionWorkspace Workspace { get; } = workspace;

    public override bool CanJoin => Workspace.Plan.KeepsRowsApart;

    public override bool CanSplit => !Workspace.Plan.MixesRows;

    public override int Run(int first, int count)
    {
        Workspace.Run(first, count, CancellationToken);
        return count;
    }

    public override bool JoinsWith(QueuedRun other) => other is RowsRun;

    public override JoinedRun Join(IReadOnlyList<QueuedRun> runs, LoadedModel model) => new JoinedRows(runs, model);
}

/// <summary>How a queued request went.</summary>
/// <param name="Shared">Where its outputs are, to be released; null where they are its own.</param>
/// <param name="First">Its first row there.</param>
/// <param name="QueueTicks">Timestamp ticks it waited.</param>
/// <param name="RunTicks">Timestamp ticks of the runs it took part in.</param>
/// <param name="RunRows">Most rows of one of them.</param>
internal readonly record struct RunOutcome(SharedOutputs? Shared, int First, long QueueTicks, long RunTicks, int RunRows);
