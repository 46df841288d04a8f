namespace AIaaS.Data.Anomalies;

/// <summary>Some rows of a table as numbers.</summary>
/// <param name="Numbers">Where each row is in its table.</param>
/// <param name="Values">Column after column; missing numbers are NaN, categories are codes from 0, and -1 for one that was not learned.</param>
internal sealed record FeatureRows(long[] Numbers, float[] Values)
{
    public int Count => Numbers.Length;

    public int Columns => Count == 0 ? 0 : Values.Length / Count;

    public Span<float> Column(int column) => Values.AsSpan(column * Count, Count);

    /// <summary>The first columns alone.</summary>
    public FeatureRows Slice(int columns) => new(Numbers, Values[..(columns * Count)]);

    /// <summary>Some of the rows.</summary>
    public FeatureRows Pick(IReadOnlyList<int> rows)
    {
        var picked = new FeatureRows([.. rows.Select(row => Numbers[row])], new float[rows.Count * Columns]);
        for (int column = 0; column < Columns; column++)
        {
            ReadOnlySpan<float> from = Column(column);
            Span<float> into = picked.Column(column);
            for (int i = 0; i < into.Length; i++)
                into[i] = from[rows[i]];
        }
        return picked;
    }
}
