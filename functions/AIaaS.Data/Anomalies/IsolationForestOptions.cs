namespace AIaaS.Data.Anomalies;

/// <summary>How an isolation forest is grown; the paper's own choices.</summary>
public sealed record IsolationForestOptions
{
    public int Trees { get; init; } = 100;

    /// <summary>Rows that each tree is grown on, drawn without replacement; 2 to 65,536.</summary>
    public int SampleSize { get; init; } = 256;

    public long Seed { get; init; } = 42;
}
