using AIaaS.Data.DuckDb;

namespace AIaaS.Data.Anomalies;

/// <summary>An isolation forest over the columns of a table.</summary>
/// <remarks>
/// Numbers, booleans (0 and 1) and times are features as they are. A category is the surprise of its value: −log₂ of the share of
/// the fitted rows that have it, so that rare values lie far out and a column stays one feature whatever the number of its values.
/// A missing category is a value like the others; missing numbers are imputed by the forest.
/// </remarks>
internal sealed class RowScorer
{
    /// <summary>Rows to fit on: as many as the trees of a forest look at.</summary>
    public const int FittedRows = 100 * 256;

    private readonly FeatureReader _reader;
    private readonly float[]?[] _surprises;
    private readonly float _unknown;
    private readonly IsolationForest _forest;

    private RowScorer(FeatureReader reader, float[]?[] surprises, float unknown, IsolationForest forest)
    {
        _reader = reader;
        _surprises = surprises;
        _unknown = unknown;
        _forest = forest;
    }

    /// <param name="reader">Which has read the sample.</param>
    /// <param name="sample">At least two rows, of all of the reader's columns or the first of them.</param>
    /// <param name="seed">Of the forest.</param>
    /// <param name="cancellationToken">Looked at between trees.</param>
    public static RowScorer Fit(FeatureReader reader, FeatureRows sample, long seed, CancellationToken cancellationToken)
    {
        float[]?[] surprises = [.. reader.Columns.Take(sample.Columns).Select((column, i) => column.IsCategory ? Surprises(sample.Column(i), reader.Categories(i)) : null)];
        float unknown = MathF.Log2(sample.Count + 1);
        float[] values = Encode(sample, surprises, unknown);
        return new(reader, surprises, unknown, IsolationForest.Fit(values, sample.Count, new() { Seed = seed }, cancellationToken));
    }

    /// <summary>Hands over the scores of all rows in their order, some thousand at a time.</summary>
    public IEnumerable<(long[] Numbers, float[] Scores)> Score(DuckDbConnection connection, RowSource source, CancellationToken cancellationToken)
    {
        foreach (FeatureRows rows in _reader.Read(connection, source, learn: false, cancellationToken))
            yield return (rows.Numbers, Score(rows));
    }

    public float[] Score(FeatureRows rows)
    {
        float[] scores = new float[rows.Count];
        _forest.Score(Encode(rows, _surprises, _unknown), scores);
        return scores;
    }

    private static float[] Surprises(ReadOnlySpan<float> codes, int categories)
    {
        int[] counts = new int[categories];
        foreach (float code in codes)
        {
            if (code >= 0)
                counts[(int)code]++;
        }
        // A value of which this sample has none is as surprising as one that nobody has seen.
        float[] surprises = new float[categories];
        for (int code = 0; code < categories; code++)
            surprises[code] = -MathF.Log2(Math.Max(counts[code], 0.5f) / codes.Length);
        return surprises;
    }

    private static float[] Encode(FeatureRows rows, float[]?[] surprises, float unknown)
    {
        if (surprises.All(surprise => surprise is null))
            return rows.Values;
        float[] values = [.. rows.Values];
        for (int column = 0; column < surprises.Length; column++)
        {
            if (surprises[column] is not { } bits)
                continue;
            foreach (ref float value in values.AsSpan(column * rows.Count, rows.Count))
                value = value < 0 ? unknown : bits[(int)value];
        }
        return values;
    }
}
