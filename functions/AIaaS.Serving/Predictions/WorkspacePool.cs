namespace AIaaS.Serving.Predictions;

/// <summary>Keeps as many workspaces as can be at work at a time, and some small ones for requests that wait.</summary>
internal sealed class WorkspacePool(Func<PredictionWorkspace> create) : IDisposable
{
    private const int ForWaiting = 24;
    private const int SmallBytes = 64 << 10;

    private readonly PredictionWorkspace?[] _idle = new PredictionWorkspace?[AtWork + ForWaiting];

    private static int AtWork => 2 * Environment.ProcessorCount;

    public PredictionWorkspace Rent()
    {
        for (var i = 0; i < _idle.Length; i++)
        {
            if (_idle[i] is not null && Interlocked.Exchange(ref _idle[i], null) is { } workspace)
                return workspace;
        }

        return create();
    }

    public void Return(PredictionWorkspace workspace)
    {
        if (workspace.IsReusable)
        {
            var slots = workspace.Bytes <= SmallBytes ? _idle.Length : AtWork;
            for (var i = 0; i < slots; i++)
            {
                if (_idle[i] is null && Interlocked.CompareExchange(ref _idle[i], workspace, null) is null)
                    return;
            }
        }

        workspace.Dispose();
    }

    public void Dispose()
    {
        for (var i = 0; i < _idle.Length; i++)
            Interlocked.Exchange(ref _idle[i], null)?.Dispose();
    }
}
