using AIaaS.Formats;

namespace AIaaS.Learning.Evaluation;

/// <summary>A measure of how well a model predicts.</summary>
/// <param name="Name">As in <c>metrics.json</c>, a pipeline's gate and a sweep's objective.</param>
/// <param name="Tasks">What it measures.</param>
/// <param name="HigherIsBetter">False for losses and errors.</param>
/// <param name="Best">The value of a model that is always right.</param>
public sealed record Metric(string Name, IReadOnlyList<LearningTask> Tasks, bool HigherIsBetter, double Best);

/// <summary>The metrics there are.</summary>
public static class Metrics
{
    public const string Accuracy = "accuracy";
    public const string F1Macro = "f1-macro";
    public const string LogLoss = "log-loss";
    public const string Auc = "auc";
    public const string PrAuc = "pr-auc";
    public const string Brier = "brier";
    public const string CalibrationError = "calibration-error";
    public const string BalancedAccuracy = "balanced-accuracy";
    public const string PrecisionMacro = "precision-macro";
    public const string RecallMacro = "recall-macro";
    public const string PrecisionWeighted = "precision-weighted";
    public const string RecallWeighted = "recall-weighted";
    public const string F1Weighted = "f1-weighted";
    public const string PrecisionMicro = "precision-micro";
    public const string RecallMicro = "recall-micro";
    public const string F1Micro = "f1-micro";
    public const string Rmse = "rmse";
    public const string Mae = "mae";
    public const string R2 = "r2";
    public const string Mape = "mape";
    public const string MedianError = "median-absolute-error";

    private static readonly LearningTask[] OfClasses = [LearningTask.Classification, LearningTask.TextClassification, LearningTask.ImageClassification];
    private static readonly LearningTask[] OfNumbers = [LearningTask.Regression, LearningTask.Forecasting];

    /// <summary>All of them; of each task its default objective first.</summary>
    public static IReadOnlyList<Metric> All { get; } =
    [
        new(LogLoss, OfClasses, false, 0),
        .. new[]
        {
            Accuracy, F1Macro, Auc, PrAuc, BalancedAccuracy, PrecisionMacro, RecallMacro, F1Weighted, PrecisionWeighted, RecallWeighted,
            F1Micro, PrecisionMicro, RecallMicro,
        }.Select(name => new Metric(name, OfClasses, true, 1)),
        new(Brier, OfClasses, false, 0),
        new(CalibrationError, OfClasses, false, 0),
        new(Rmse, OfNumbers, false, 0),
        new(Mae, OfNumbers, false, 0),
        new(R2, OfNumbers, true, 1),
        new(Mape, OfNumbers, false, 0),
        new(MedianError, OfNumbers, false, 0),
    ];

    /// <returns>Null where there is none of this name.</returns>
    public static Metric? Find(string name) => All.FirstOrDefault(metric => metric.Name == name);

    /// <summary>The metrics of a task, its default objective first; all of them where the task is not known.</summary>
    public static IReadOnlyList<Metric> For(LearningTask? task) => [.. All.Where(metric => task is null || metric.Tasks.Contains(task.Value))];
}
