namespace AIaaS.Platform.Runs;

/// <summary>Tells a stage's work to stop soon after somebody asked its run to: looks at the run every second.</summary>
internal sealed class CancelWatch : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private readonly CancellationTokenSource _over;
    private readonly CancellationTokenSource _stop;
    private readonly Task _watching;

    /// <param name="reference">The run.</param>
    /// <param name="runs">Knows it.</param>
    /// <param name="time">Says when to look.</param>
    /// <param name="cancellationToken">Stops the work for other reasons.</param>
    public CancelWatch(RunReference reference, RunService runs, TimeProvider time, CancellationToken cancellationToken)
    {
        _over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _watching = WatchAsync(reference, runs, time);
    }

    /// <summary>Ends with the caller's token, or once the run is to stop.</summary>
    public CancellationToken Token => _stop.Token;

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _watching;
        _over.Dispose();
        _stop.Dispose();
    }

    private async Task WatchAsync(RunReference reference, RunService runs, TimeProvider time)
    {
        while (!_over.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(Interval, time, _over.Token);
                if (!(await runs.GetAsync(reference.Tenant, reference.Run, _over.Token)).Value.IsWanted)
                {
                    await _stop.CancelAsync();
                    return;
                }
            }
            catch (Exception)
            {
                // Over, or a store out of reach, of which the work hears by itself if that lasts.
            }
        }
    }
}
