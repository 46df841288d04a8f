using System.Numerics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AIaaS.Data.Anomalies;

/// <summary>
/// Scores rows by how soon random splits set them apart from a sample: Liu, Ting and Zhou, "Isolation forest" (2008).
/// </summary>
/// <remarks>
/// Tables are given column after column, each of as many values as there are rows. Missing values (NaN) take the median of the
/// fitted rows, in fitting and in scoring: a value that is not there is no sign of an anomaly. Infinite values are the largest and
/// smallest there are. Splits are drawn among the features that still vary. The same rows, options and order of columns give the
/// same forest on every machine. An instance may be used by many threads.
/// </remarks>
public sealed class IsolationForest
{
    private const double EulerMascheroni = 0.57721566490153286;

    /// <summary>Values of a block of rows that are looked at together: they stay in the cache while the trees pass over them.</summary>
    private const int BlockValues = 16_384;

    private readonly float[] _medians;
    private readonly IsolationTree[] _trees;
    private readonly int _depth;

    private IsolationForest(float[] medians, IsolationTree[] trees, int depth, double meanPathLength)
    {
        _medians = medians;
        _trees = trees;
        _depth = depth;
        MeanPathLength = meanPathLength;
    }

    /// <summary>Columns of a table that it takes.</summary>
    public int Features => _medians.Length;

    /// <summary>What missing values of each feature become.</summary>
    public IReadOnlyList<float> Medians => _medians;

    public IReadOnlyList<IsolationTree> Trees => _trees;

    /// <summary>c(n) for the n rows that each tree was grown on: the path length that gives a score of ½.</summary>
    public double MeanPathLength { get; }

    /// <summary>Grows the trees.</summary>
    /// <param name="columns">Column after column.</param>
    /// <param name="rows">Rows of the table, at least 2.</param>
    /// <param name="options">Null for the paper's.</param>
    /// <param name="cancellationToken">Looked at between trees.</param>
    /// <exception cref="ArgumentException">The table has fewer than 2 rows, no columns, or not as many values as its rows need.</exception>
    public static IsolationForest Fit(ReadOnlySpan<float> columns, int rows, IsolationForestOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new();
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Trees, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.SampleSize, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.SampleSize, 65_536);
        if (columns.Length == 0 || columns.Length % rows != 0)
            throw new ArgumentException($"{columns.Length} values are no columns of {rows} rows.", nameof(columns));

        int features = columns.Length / rows;
        float[] values = columns.ToArray();
        float[] medians = new float[features];
        float[] sorted = new float[rows];
        for (int feature = 0; feature < features; feature++)
        {
            Span<float> column = values.AsSpan(feature * rows, rows);
            medians[feature] = Median(column, sorted);
            for (int row = 0; row < rows; row++)
                column[row] = float.IsNaN(column[row]) ? medians[feature] : Math.Clamp(column[row], float.MinValue, float.MaxValue);
        }

        int sample = Math.Min(options.SampleSize, rows);
        int depth = BitOperations.Log2((uint)sample - 1) + 1;
        int[] order = [.. Enumerable.Range(0, rows)];
        var trees = new IsolationTree[options.Trees];
        for (int tree = 0; tree < trees.Length; tree++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var random = SplitMix64.Of(options.Seed, tree);
            // The order that the trees before have left is as good as any to go on shuffling from.
            for (int i = 0; i < sample; i++)
            {
                int other = i + random.Next(rows - i);
                (order[i], order[other]) = (order[other], order[i]);
            }
            trees[tree] = new Grower(values, rows, features, depth, random).Grow(order.AsSpan(0, sample));
        }
        return new(medians, trees, depth, ExpectedPathLength(sample));
    }

    /// <summary>
    /// Writes a score for each row: 2 to the power of −E(h)/c(n), near 1 for anomalies, about ½ where nothing stands out, near 0 never.
    /// </summary>
    /// <param name="columns">Column after column, in the order of those it was fitted on.</param>
    /// <param name="scores">As many as there are rows.</param>
    /// <exception cref="ArgumentException">The values are not <see cref="Features"/> columns.</exception>
    public void Score(ReadOnlySpan<float> columns, Span<float> scores)
    {
        int rows = scores.Length;
        if (columns.Length != (long)rows * Features)
            throw new ArgumentException($"{columns.Length} values are not {Features} columns of {rows} rows.", nameof(columns));
        int most = Math.Clamp(BlockValues / Features & ~7, 8, 2_048);
        float[] block = new float[most * Features];
        double[] lengths = new double[most];
        double exponent = -1 / (MeanPathLength * _trees.Length);
        for (int from = 0; from < rows; from += most)
        {
            int count = Math.Min(most, rows - from);
            for (int feature = 0; feature < Features; feature++)
                Impute(columns.Slice(feature * rows + from, count), block.AsSpan(feature * most, count), _medians[feature]);
            Array.Clear(lengths);
            foreach (IsolationTree tree in _trees)
                AddPathLengths(tree, block, most, lengths.AsSpan(0, count));
            for (int row = 0; row < count; row++)
                scores[from + row] = (float)double.Exp2(lengths[row] * exponent);
        }
    }

    /// <summary>c(n), the mean length of an unsuccessful search in a binary search tree of n rows (the paper's equation 1).</summary>
    internal static double ExpectedPathLength(int rows) => rows switch
    {
        <= 1 => 0,
        2 => 1,
        _ => 2 * (Math.Log(rows - 1) + EulerMascheroni) - 2.0 * (rows - 1) / rows,
    };

    private static float Median(ReadOnlySpan<float> column, float[] sorted)
    {
        int present = 0;
        foreach (float value in column)
        {
            if (!float.IsNaN(value))
                sorted[present++] = Math.Clamp(value, float.MinValue, float.MaxValue);
        }
        if (present == 0)
            return 0;
        Array.Sort(sorted, 0, present);
        return (float)(((double)sorted[(present - 1) / 2] + sorted[present / 2]) / 2);
    }

    private static void Impute(ReadOnlySpan<float> column, Span<float> into, float median)
    {
        int row = 0;
        var medians = new Vector<float>(median);
        for (; row <= column.Length - Vector<float>.Count; row += Vector<float>.Count)
        {
            var values = new Vector<float>(column[row..]);
            Vector.ConditionalSelect(Vector.Equals(values, values), values, medians).CopyTo(into[row..]);
        }
        for (; row < column.Length; row++)
            into[row] = float.IsNaN(column[row]) ? median : column[row];
    }

    private unsafe void AddPathLengths(IsolationTree tree, float[] block, int stride, Span<double> lengths)
    {
        fixed (float* values = block, thresholds = tree.Thresholds, leaves = tree.PathLengths)
        fixed (int* features = tree.Features)
        fixed (double* sums = lengths)
        {
            int row = 0;
            int inner = tree.Features.Length;
            if (Avx2.IsSupported)
            {
                var strides = Vector256.Create(stride);
                Vector256<int> lanes = Vector256<int>.Indices;
                for (; row <= lengths.Length - 8; row += 8)
                {
                    float* rows = values + row;
                    Vector256<int> node = Vector256<int>.Zero;
                    for (int level = 0; level < _depth; level++)
                    {
                        Vector256<int> at = Avx2.GatherVector256(features, node, 4) * strides + lanes;
                        Vector256<float> above = Vector256.GreaterThan(Avx2.GatherVector256(rows, at, 4), Avx2.GatherVector256(thresholds, node, 4));
                        // Lanes that are greater hold -1.
                        node = node + node + Vector256<int>.One - above.AsInt32();
                    }
                    Vector256<float> found = Avx2.GatherVector256(leaves, node - Vector256.Create(inner), 4);
                    (Vector256<double> lower, Vector256<double> upper) = Vector256.Widen(found);
                    (Vector256.Load(sums + row) + lower).Store(sums + row);
                    (Vector256.Load(sums + row + 4) + upper).Store(sums + row + 4);
                }
            }
            for (; row < lengths.Length; row++)
            {
                int node = 0;
                for (int level = 0; level < _depth; level++)
                    node = 2 * node + 1 + (values[features[node] * stride + row] > thresholds[node] ? 1 : 0);
                sums[row] += leaves[node - inner];
            }
        }
    }

    /// <summary>Grows one tree over rows without missing values.</summary>
    private ref struct Grower(ReadOnlySpan<float> values, int rows, int features, int depth, SplitMix64 random)
    {
        private readonly ReadOnlySpan<float> _values = values;
        private readonly int[] _features = new int[(1 << depth) - 1];
        private readonly float[] _thresholds = new float[(1 << depth) - 1];
        private readonly float[] _leaves = new float[1 << depth];
        private readonly int[] _candidates = [.. Enumerable.Range(0, features)];
        private SplitMix64 _random = random;

        public IsolationTree Grow(Span<int> sample)
        {
            Grow(sample, node: 0, level: 0, features);
            return new(_features, _thresholds, _leaves);
        }

        /// <param name="sample">The rows that come to the node; they are put into the order of its children.</param>
        /// <param name="node">Its place in the heap.</param>
        /// <param name="level">The splits above it.</param>
        /// <param name="varying">The candidates beyond this number were found constant above.</param>
        private void Grow(Span<int> sample, int node, int level, int varying)
        {
            if (sample.Length > 1 && level < depth)
            {
                // Draws features until one varies; those that do not are put behind the candidates of the whole branch.
                while (varying > 0)
                {
                    int drawn = _random.Next(varying);
                    int feature = _candidates[drawn];
                    ReadOnlySpan<float> column = _values.Slice(feature * rows, rows);
                    (float least, float most) = Range(column, sample);
                    if (least == most)
                    {
                        varying--;
                        (_candidates[drawn], _candidates[varying]) = (_candidates[varying], feature);
                        continue;
                    }
                    float threshold = (float)(least + _random.NextDouble() * ((double)most - least));
                    // Rounding may reach the largest value, which would leave nothing to its right.
                    if (threshold >= most)
                        threshold = least;
                    (_features[node], _thresholds[node]) = (feature, threshold);
                    int left = Partition(column, sample, threshold);
                    Grow(sample[..left], 2 * node + 1, level + 1, varying);
                    Grow(sample[left..], 2 * node + 2, level + 1, varying);
                    return;
                }
            }
            Close(node, level, (float)(level + ExpectedPathLength(sample.Length)));
        }

        private static (float Least, float Most) Range(ReadOnlySpan<float> column, ReadOnlySpan<int> sample)
        {
            float least = column[sample[0]];
            float most = least;
            foreach (int row in sample)
            {
                least = Math.Min(least, column[row]);
                most = Math.Max(most, column[row]);
            }
            return (least, most);
        }

        private static int Partition(ReadOnlySpan<float> column, Span<int> sample, float threshold)
        {
            int left = 0;
            for (int i = 0; i < sample.Length; i++)
            {
                if (column[sample[i]] > threshold)
                    continue;
                (sample[left], sample[i]) = (sample[i], sample[left]);
                left++;
            }
            return left;
        }

        private readonly void Close(int node, int level, float length)
        {
            int first = node;
            int count = 1;
            for (; level < depth; level++)
            {
                _thresholds.AsSpan(first, count).Fill(float.PositiveInfinity);
                first = 2 * first + 1;
                count *= 2;
            }
            _leaves.AsSpan(first - _features.Length, count).Fill(length);
        }
    }
}
