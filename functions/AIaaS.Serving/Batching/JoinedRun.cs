using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;

namespace AIaaS.Serving.Batching;

/// <summary>The rows of several requests, copied to run together.</summary>
internal abstract class JoinedRun : IDisposable
{
    /// <summary>Of all requests.</summary>
    public abstract int Rows { get; }

    /// <summary>Whether outputs are copied into the requests, which then have to be there still.</summary>
    public abstract bool CopiesOutputs { get; }

    /// <exception cref="PredictionFailedException">The model failed.</exception>
    public abstract void Run();

    /// <summary>Gives a request its outputs, and ends its wait.</summary>
    /// <param name="run">One of the requests.</param>
    /// <param name="first">Its first row among all.</param>
    public abstract void Complete(QueuedRun run, int first);

    public abstract void Dispose();
}

/// <summary>Rows in a workspace of the model, whose outputs the requests read there.</summary>
internal sealed class JoinedRows : JoinedRun
{
    private readonly SharedOutputs _shared;
    private readonly int _holders;
    private int _given;

    public JoinedRows(IReadOnlyList<QueuedRun> runs, LoadedModel model)
    {
        _holders = runs.Count + 1;
        _shared = new(model.RentWorkspace(), model, _holders);
        var rows = _shared.Workspace.Rows;
        rows.Clear();
        try
        {
            foreach (var run in runs)
                rows.Append(((RowsRun)run).Workspace.Rows);
        }
        catch
        {
            _shared.Release(_holders);
            throw;
        }
    }

    public override int Rows => _shared.Workspace.Rows.Rows;

    public override bool CopiesOutputs => false;

    public override void Run() => _shared.Workspace.Run(0, Rows, CancellationToken.None);

    public override void Complete(QueuedRun run, int first) => _given += run.TryComplete(_shared, first) ? 1 : 0;

    public override void Dispose() => _shared.Release(_holders - _given);
}

/// <summary>The outputs of a run that several requests share; given back when the last of them has read its own.</summary>
internal sealed class SharedOutputs(PredictionWorkspace workspace, LoadedModel model, int holders)
{
    private int _holders = holders;

    public PredictionWorkspace Workspace { get; } = workspace;

    public void Release(int holders = 1)
    {
        if (Interlocked.Add(ref _holders, -holders) == 0)
            model.ReturnWorkspace(Workspace);
    }
}
