using AIaaS.Formats;
using AIaaS.Learning.Evaluation;

namespace AIaaS.Learning.Training;

/// <summary>The metric by which trials are compared.</summary>
internal sealed record Objective(string Name, bool HigherIsBetter)
{
    /// <exception cref="TrainingException">There is no such metric of this task.</exception>
    public static Objective Of(TrainParameters parameters)
    {
        var metric = parameters.Sweep.Objective is { } name ? Metrics.Find(name) : Metrics.For(parameters.Task) is [var usual, ..] ? usual : null;
        return metric is not null && metric.Tasks.Contains(parameters.Task)
            ? new(metric.Name, metric.HigherIsBetter)
            : throw new TrainingException(
                "There is no such objective",
                $"A sweep of the task {parameters.Task} cannot go by '{parameters.Sweep.Objective}'. Choose one of {string.Join(", ", Metrics.For(parameters.Task).Select(m => m.Name))}.");
    }

    /// <summary>The metric such that lower is better.</summary>
    public double Loss(double value) => HigherIsBetter ? -value : value;

    /// <summary>How much better one value is than another, as a share of what there was to gain.</summary>
    public double Gain(double better, double than) =>
        (Loss(than) - Loss(better)) / Math.Max(1e-12, HigherIsBetter ? Math.Abs(1 - than) : Math.Abs(than));
}
