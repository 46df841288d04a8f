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

    /// <summary>Not known: an imported model whose outputs do not tell.</summary>
    Other,
}
