namespace AIaaS.Serving.Explanations;

/// <summary>What the attributions to a class add up to.</summary>
public enum ExplanationScale
{
    /// <summary>Its probability.</summary>
    Probability,

    /// <summary>
    /// The logarithm of its probability less the mean logarithm of the others': for two classes the log-odds. Linear models are sums
    /// on this scale.
    /// </summary>
    LogOdds,
}

/// <summary>How a prediction is explained.</summary>
public sealed record ExplanationOptions
{
    public ExplanationScale Scale { get; init; }

    /// <summary>
    /// Most rows that the model is run on for each explanation; those beside the explained one count too where its answer depends on them.
    /// </summary>
    public int MaxEvaluations { get; init; } = 20_000;

    /// <summary>Decides the permutations; the same seed gives the same attributions.</summary>
    public long Seed { get; init; } = 42;
}
