using AIaaS.Data.DuckDb;
using AIaaS.Formats;

namespace AIaaS.Data.Preparation;

/// <summary>Sums of one numeric column, taken from its median so that large values lose no digits, and counts of equal bins.</summary>
internal sealed class Moments
{
    private readonly double _shift;
    private readonly double[]? _edges;
    private readonly long[] _counts;
    private readonly double _scale;
    private long _count;
    private double _sum;
    private double _squares;

    public Moments(double smallest, double largest, double median, int bins)
    {
        _shift = median;
        _counts = new long[bins];
        double width = (largest - smallest) / bins;
        if (!(width > 0) || !double.IsFinite(width))
            return;
        double[] edges = [.. Enumerable.Range(0, bins).Select(i => smallest + i * width), largest];
        for (int i = 1; i < edges.Length; i++)
        {
            if (edges[i] <= edges[i - 1])
                return;
        }
        _edges = edges;
        _scale = 1 / width;
    }

    public double? Mean => Finite(_shift + _sum / _count);

    /// <summary>Of the sample (n - 1); null for fewer than two values.</summary>
    public double? StandardDeviation => _count < 2 ? null : Finite(Math.Sqrt(Math.Max(0, (_squares - _sum * (_sum / _count)) / (_count - 1))));

    /// <summary>Null where all values are one.</summary>
    public Histogram? Histogram => _edges is null ? null : new(_edges, _counts);

    public void Add(DuckDbVector vector)
    {
        ReadOnlySpan<double> values = vector.Values<double>();
        bool all = vector.AllValid;
        for (int row = 0; row < values.Length; row++)
        {
            if (!all && !vector.IsValid(row))
                continue;
            double value = values[row];
            double apart = value - _shift;
            _count++;
            _sum += apart;
            _squares += apart * apart;
            if (_edges is not null)
                _counts[BinOf(value)]++;
        }
    }

    /// <summary>The bin by division, moved to where the edges, which are rounded, say it is.</summary>
    private int BinOf(double value)
    {
        int bin = Math.Clamp((int)((value - _edges![0]) * _scale), 0, _counts.Length - 1);
        while (bin > 0 && value < _edges[bin])
            bin--;
        while (bin < _counts.Length - 1 && value >= _edges[bin + 1])
            bin++;
        return bin;
    }

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;
}
