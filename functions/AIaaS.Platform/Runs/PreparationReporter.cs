using AIaaS.Data.Preparation;

namespace AIaaS.Platform.Runs;

/// <summary>Writes preparation's progress to the run, at most once a second.</summary>
internal sealed class PreparationReporter(RunReference reference, RunService runs, TimeProvider time) : IProgress<PreparationProgress>
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
        _writing = runs.ReportAsync(reference, StageNames.Prepare, StageStatus.Running, value.Percent, value.Stage, CancellationToken.None);
    }

    /// <summary>Waits for the last write, which must not outlive the work it reports on.</summary>
    public Task DrainAsync() => _writing;
}
