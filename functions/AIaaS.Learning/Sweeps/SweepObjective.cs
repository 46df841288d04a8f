using AIaaS.Formats;

namespace AIaaS.Learning.Sweeps;

/// <summary>The metric by which trials are compared.</summary>
internal sealed record SweepObjective(string Metric, bool HigherIsBetter)
{
    private static readonly IReadOnlyList<SweepObjective> OfClasses = [new("log-loss", false), new("accuracy", true), new("f1-macro", true), new("auc", true)];
    private static readonly IReadOnlyList<SweepObjective> OfNumbers = [new("rmse", false), new("mae", false), new("r2", true)];

    /// <returns>The task's own first; all there are for a task that is not known.</returns>
    public static IReadOnlyList<SweepObjective> For(LearningTask? task) => task switch
    {
        LearningTask.Classification or LearningTask.TextClassification or LearningTask.ImageClassification => OfClasses,
        LearningTask.Regression or LearningTask.Forecasting => OfNumbers,
        _ => [.. OfClasses, .. OfNumbers],
    };
}
