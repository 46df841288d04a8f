using AIaaS.Data.Preparation;

namespace AIaaS.Platform.Runs;

/// <summary>Writes preparation's progress to the run, at most once a second, and stops it when the run is to be cancelled.</summary>
internal sealed class PreparationReporter(RunReference reference, RunService runs, TimeProvider time, CancellationTokenSource cancel) : IProgress<PreparationProgress>
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private long _last = time.GetTimestamp();
    private Task _writing = Task.CompletedTask;

    public void Report(PreparationProgress value)
    {
        if (time.GetElapsedTime(_last) < Interval || !_writing.IsCompleted)
        {
            return;
        }

        _last = time.GetTimestamp();
        _writing = WriteAsync(value);
    }

    /// <summary>Waits for the last write, which must not outlive the work it reports on.</summary>
    public Task DrainAsync() => _writing;

    private async Task WriteAsync(PreparationProgress progress)
    {
        var run = await runs.ReportAsync(reference, StageNames.Prepare, StageStatus.Running, progress.Percent, progress.Stage, CancellationToken.None);
        if (run.CancelRequested)
        {
            await cancel.CancelAsync();
        }
    }
}
