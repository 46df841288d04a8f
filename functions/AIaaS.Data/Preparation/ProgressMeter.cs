namespace AIaaS.Data.Preparation;

/// <summary>Passes on what is reported between stages, and inside of them how far the running statement is; never goes back.</summary>
internal sealed class ProgressMeter(IProgress<PreparationProgress> progress) : IProgress<PreparationProgress>
{
    /// <summary>Percentages at which stages end.</summary>
    private static readonly double[] Milestones = [10, 50, 55, 60, 85, 100];

    private readonly Lock _gate = new();
    private string _stage = "";
    private double _from;
    private double _percent;

    public void Report(PreparationProgress value)
    {
        lock (_gate)
        {
            _stage = value.Stage;
            _from = _percent = Math.Max(value.Percent, _percent);
            progress.Report(value with { Percent = _percent });
        }
    }

    /// <summary>Moves towards the end of the stage; in a stage of several statements the percentage waits for the one that gets farther.</summary>
    /// <param name="fraction">Of the running statement, 0 to 1.</param>
    public void Advance(double fraction)
    {
        lock (_gate)
        {
            double to = Array.Find(Milestones, milestone => milestone > _from);
            double percent = _from + (to - _from) * fraction;
            // Whole percents tell enough, and each report may be a file.
            if (percent < _percent + 1 || percent >= to)
                return;
            _percent = percent;
            progress.Report(new(percent, _stage));
        }
    }
}
