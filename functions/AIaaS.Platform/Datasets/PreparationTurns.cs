namespace AIaaS.Platform.Datasets;

/// <summary>Lets one preparation at a time into this process, whose memory and disk are enough for one.</summary>
public sealed class PreparationTurns(TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <summary>Whether whoever enters now has to wait.</summary>
    public bool IsTaken => _turn.CurrentCount == 0;

    /// <summary>Waits for a turn.</summary>
    /// <param name="patience">How long at most.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Ends the turn when it is disposed; null where none came in time.</returns>
    public async Task<IDisposable?> EnterAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        using var over = new CancellationTokenSource(patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, cancellationToken);
        try
        {
            await _turn.WaitAsync(either.Token);
            return new Turn(_turn);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    public void Dispose() => _turn.Dispose();

    private sealed class Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
