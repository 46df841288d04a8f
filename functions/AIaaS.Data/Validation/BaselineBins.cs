using AIaaS.Data.Profiling;
using AIaaS.Formats;

namespace AIaaS.Data.Validation;

/// <summary>
/// The bins that a baseline's profile gives a column, with its rows in them: those of the histogram, the outer ones open to the
/// outside; or the most frequent values and the others; or present. The last bin is that of missing values.
/// </summary>
internal sealed class BaselineBins
{
    private readonly double[]? _edges;
    private readonly Dictionary<string, int>? _values;

    private BaselineBins(long[] counts, double[]? edges = null, Dictionary<string, int>? values = null)
    {
        Counts = counts;
        _edges = edges;
        _values = values;
    }

    /// <summary>The baseline's rows.</summary>
    public long[] Counts { get; }

    /// <param name="profile">The baseline's.</param>
    /// <param name="asNumbers">Whether both versions of the column hold numbers or times.</param>
    public static BaselineBins Of(ColumnProfile profile, bool asNumbers)
    {
        long present = profile.Count - profile.Missing;
        if (asNumbers && profile.Histogram is { } histogram)
            return new([.. histogram.Counts, profile.Missing], [.. histogram.Edges.Skip(1).SkipLast(1)]);
        if (asNumbers && profile.Quantiles is [var only, ..])
            // One value: anything below it, it, and anything above.
            return new([0, present, 0, profile.Missing], [only.Value, Math.BitIncrement(only.Value)]);
        if (profile.TopValues is { } values && profile.Kind is not (ColumnKind.Identifier or ColumnKind.Text or ColumnKind.Json))
        {
            var codes = new Dictionary<string, int>(StringComparer.Ordinal);
            foreach (ValueCount value in values)
                codes.TryAdd(value.Value, codes.Count);
            long[] counts = new long[codes.Count + 2];
            foreach (ValueCount value in values)
                counts[codes[value.Value]] += value.Count;
            counts[^2] = Math.Max(0, present - values.Sum(value => value.Count));
            counts[^1] = profile.Missing;
            return new(counts, edges: null, codes);
        }
        // Values that hardly come twice cannot be compared one by one.
        return new([present, profile.Missing]);
    }

    public long[] Count(SampledColumn column)
    {
        long[] counts = new long[Counts.Length];
        int missing = counts.Length - 1;
        for (int row = 0; row < column.Rows; row++)
        {
            if (column.IsNumber)
            {
                double number = column.Numbers[row];
                counts[double.IsNaN(number) ? missing : _edges is null ? 0 : BinOf(number)]++;
            }
            else
            {
                int code = column.Codes[row];
                counts[code < 0 ? missing : _values is null ? 0 : _values.GetValueOrDefault(column.Values[code], missing - 1)]++;
            }
        }
        return counts;
    }

    private int BinOf(double number)
    {
        int at = Array.BinarySearch(_edges!, number);
        return at < 0 ? ~at : at + 1;
    }
}
