namespace AIaaS.LocalHost.Durable.Orchestrations;

/// <summary>
/// The synchronization context of one orchestration: runs what its code posts in order, on the thread of the turn in
/// progress. Anything posted from elsewhere comes from an awaited task that is not durable, which a replay could not
/// repeat: it is not run, only reported.
/// </summary>
internal sealed class OrchestratorThread(Action foreignPost) : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _posted = [];
    private int _threadId;

    /// <summary>Whether the caller runs inside a turn.</summary>
    public bool IsCurrent => Volatile.Read(ref _threadId) == Environment.CurrentManagedThreadId;

    /// <summary>Makes the calling thread the orchestration's own until the result is disposed.</summary>
    public Turn Enter()
    {
        Volatile.Write(ref _threadId, Environment.CurrentManagedThreadId);
        var outer = Current;
        SetSynchronizationContext(this);
        return new Turn(this, outer);
    }

    /// <summary>Runs everything that was posted, and what that posts.</summary>
    public void Drain()
    {
        while (_posted.TryDequeue(out var work))
        {
            work.Callback(work.State);
        }
    }

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (IsCurrent)
            _posted.Enqueue((d, state));
        else
            foreignPost();
    }

    public override void Send(SendOrPostCallback d, object? state)
    {
        if (IsCurrent)
            d(state);
        else
            foreignPost();
    }

    public override SynchronizationContext CreateCopy() => this;

    internal readonly struct Turn(OrchestratorThread thread, SynchronizationContext? outer) : IDisposable
    {
        public void Dispose()
        {
            SetSynchronizationContext(outer);
            Volatile.Write(ref thread._threadId, 0);
        }
    }
}
