using AIaaS.Data.Anomalies;

namespace AIaaS.Data.Poisoning;

/// <summary>
/// Holds the label of each row against those of its ten nearest rows of the version before. Numbers are measured in spreads (of their
/// interquartile range, if they were normal) from the median, at most five; missing ones are at the median.
/// </summary>
/// <remarks>
/// A class is contradicted when another one is more frequent among the neighbours. A number is contradicted when it is farther from
/// their mean than three spreads, where the spread is that of the version before, each of its rows held against the others.
/// </remarks>
internal sealed class LabelCheck
{
    private const int Neighbours = 10;
    private const float FarthestSpread = 5;

    /// <summary>Differences that are taken in one check, which bounds its time to seconds.</summary>
    private const double MostDifferences = 5e9;

    private const int MostRows = 5_000;

    private readonly bool[] _isCategory;
    private readonly (float Median, float Scale)[] _scaling;
    private readonly NearestNeighbours _neighbours;
    private readonly float[] _labels;
    private readonly bool _isClass;
    private readonly double _far;

    /// <param name="columns">What the columns are; the last is the label.</param>
    /// <param name="before">Rows of the version before, with their labels.</param>
    /// <param name="cancellationToken">Looked at between rows.</param>
    public LabelCheck(IReadOnlyList<FeatureColumn> columns, FeatureRows before, CancellationToken cancellationToken)
    {
        int features = columns.Count - 1;
        _isClass = columns[features].IsCategory;
        _isCategory = [.. columns.Take(features).Select(column => column.IsCategory)];
        int[] chosen = Choose(before, features);
        FeatureRows rows = before.Pick(chosen);
        _scaling = [.. Enumerable.Range(0, features).Select(i => _isCategory[i] ? (0, 1) : Scaling(rows.Column(i)))];
        float[] values = new float[features * rows.Count];
        for (int i = 0; i < features; i++)
        {
            for (int row = 0; row < rows.Count; row++)
                values[i * rows.Count + row] = Scaled(i, rows.Column(i)[row]);
        }
        _labels = rows.Column(features).ToArray();
        _neighbours = new(values, rows.Count, _isCategory);

        double[] contradictions = new double[rows.Count];
        for (int row = 0; row < rows.Count; row++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            contradictions[row] = Contradiction(rows, row, except: row);
        }
        _far = _isClass ? 0 : Far(contradictions);
        Rows = rows.Count;
        Share = rows.Count == 0 ? 0 : (double)contradictions.Count(contradiction => contradiction > _far) / rows.Count;
    }

    /// <summary>Rows of the version before that labels are held against.</summary>
    public int Rows { get; }

    /// <summary>Share of them that the others contradict.</summary>
    public double Share { get; }

    /// <summary>The labelled rows that were looked at, and those of them that are contradicted, the most contradicted first.</summary>
    public (int Rows, IReadOnlyList<int> Contradicted) Check(FeatureRows rows, CancellationToken cancellationToken)
    {
        int[] chosen = Choose(rows, _isCategory.Length);
        var contradicted = new List<(int Row, double Contradiction)>();
        foreach (int row in chosen)
        {
            cancellationToken.ThrowIfCancellationRequested();
            double contradiction = Contradiction(rows, row, except: -1);
            if (contradiction > _far)
                contradicted.Add((row, contradiction));
        }
        return (chosen.Length, [.. contradicted.OrderByDescending(item => item.Contradiction).ThenBy(item => item.Row).Select(item => item.Row)]);
    }

    /// <summary>How far the neighbours are from the label: by how many votes another class wins, or the distance from their mean.</summary>
    private double Contradiction(FeatureRows rows, int row, int except)
    {
        Span<float> query = _isCategory.Length <= 1_024 ? stackalloc float[_isCategory.Length] : new float[_isCategory.Length];
        for (int i = 0; i < query.Length; i++)
            query[i] = Scaled(i, rows.Column(i)[row]);
        Span<int> nearest = stackalloc int[Neighbours];
        nearest = nearest[.._neighbours.Find(query, except, nearest)];
        float label = rows.Column(_isCategory.Length)[row];
        if (!_isClass)
        {
            double sum = 0;
            foreach (int neighbour in nearest)
                sum += _labels[neighbour];
            return nearest.IsEmpty ? 0 : Math.Abs(label - sum / nearest.Length);
        }
        int own = 0;
        int most = 0;
        foreach (int neighbour in nearest)
        {
            int votes = 0;
            foreach (int other in nearest)
                votes += _labels[other] == _labels[neighbour] ? 1 : 0;
            most = Math.Max(most, votes);
            own += _labels[neighbour] == label ? 1 : 0;
        }
        return most - own;
    }

    /// <summary>Three standard deviations, told from the median so that a few wild labels do not widen them.</summary>
    private static double Far(double[] residuals)
    {
        double[] sorted = [.. residuals.Order()];
        if (sorted.Length == 0)
            return 0;
        double median = sorted[sorted.Length / 2];
        // Where most labels are told exactly, the others say how exact is exact enough.
        return median > 0 ? 3 * 1.4826 * median : 3 * sorted.Average();
    }

    /// <summary>Evenly spaced rows that have a label of the version before.</summary>
    private int[] Choose(FeatureRows rows, int features)
    {
        int most = (int)Math.Min(MostRows, Math.Sqrt(MostDifferences / Math.Max(1, features)));
        int[] labelled = [.. Enumerable.Range(0, rows.Count).Where(row => _isClass ? rows.Column(features)[row] >= 0 : float.IsFinite(rows.Column(features)[row]))];
        return labelled.Length <= most ? labelled : [.. Enumerable.Range(0, most).Select(i => labelled[(int)((long)i * labelled.Length / most)])];
    }

    private float Scaled(int feature, float value)
    {
        if (_isCategory[feature])
            return value;
        (float median, float scale) = _scaling[feature];
        float scaled = (value - median) * scale;
        return float.IsNaN(scaled) ? 0 : Math.Clamp(scaled, -FarthestSpread, FarthestSpread);
    }

    private static (float Median, float Scale) Scaling(ReadOnlySpan<float> column)
    {
        float[] present = [.. column.ToArray().Where(value => !float.IsNaN(value)).Order()];
        if (present.Length == 0)
            return (0, 0);
        double spread = ((double)present[present.Length * 3 / 4] - present[present.Length / 4]) / 1.349;
        if (spread == 0)
        {
            double mean = present.Average(value => (double)value);
            spread = Math.Sqrt(present.Average(value => (value - mean) * (value - mean)));
        }
        float scale = (float)(1 / spread);
        return (present[present.Length / 2], float.IsFinite(scale) ? scale : 0);
    }
}
