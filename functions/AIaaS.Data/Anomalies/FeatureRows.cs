namespace AIaaS.Data.Anomalies;

/// <summary>Some rows of a table as numbers.</summary>
/// <param name="Numbers">Where each row is in its table.</param>
/// <param name="Values">Column after column; missing numbers are NaN, categories are codes from 0, and -1 for one that was not learned.</param>
internal sealed record FeatureRows(long[] Numbers, float[] Values)
{
    public int Count => Numbers.Length;

    public Span<float> Column(int column) => Values.AsSpan(column * Count, Count);
}
