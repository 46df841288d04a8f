namespace AIaaS.Formats;

/// <summary>What a model is asked to do.</summary>
public enum LearningTask
{
    Regression,
    Classification,
    TextClassification,
    ImageClassification,
    Recommendation,
    AnomalyDetection,
    Clustering,
    Forecasting,
}
