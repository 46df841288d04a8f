using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace AIaaS.Learning.Trees;

/// <summary>Sums of first and second derivatives by feature and bin, for the rows of one node.</summary>
internal sealed class Histogram(int bins)
{
    /// <summary>Two numbers a bin: sum of first derivatives, sum of second ones.</summary>
    public double[] Sums { get; } = new double[2 * bins];
}

/// <summary>Makes histograms, and keeps those that are not needed any more for the next nodes.</summary>
internal sealed class Histograms
{
    /// <summary>Below so many sums, threads cost more than they give.</summary>
    private const long WorthwhileForThreads = 200_000;

    /// <summary>Bytes that kept histograms may take; beyond it a node's are summed from its rows again.</summary>
    private const long Budget = 512L << 20;

    private readonly BinnedFeatures _features;
    private readonly int[] _offsets;
    private readonly int _bins;
    private readonly Stack<Histogram> _free = [];
    private int _made;

    public Histograms(BinnedFeatures features)
    {
        _features = features;
        _offsets = new int[features.Features.Count];
        for (var feature = 0; feature < _offsets.Length; feature++)
        {
            _offsets[feature] = _bins;
            _bins += features.Features[feature].Count;
        }
    }

    /// <summary>Whether another histogram may be kept.</summary>
    public bool HasRoom => _free.Count > 0 || (_made + 1L) * _bins * 16 <= Budget || _made < 3;

    public Histogram Rent()
    {
        if (_free.TryPop(out var free))
            return free;
        _made++;
        return new Histogram(_bins);
    }

    public void Return(Histogram? histogram)
    {
        if (histogram is not null)
            _free.Push(histogram);
    }

    /// <summary>The sums of a feature's bins.</summary>
    public Span<double> Of(Histogram histogram, int feature) => histogram.Sums.AsSpan(2 * _offsets[feature], 2 * _features.Features[feature].Count);

    /// <summary>Sums the derivatives of some rows.</summary>
    /// <param name="histogram">Is overwritten, for these features.</param>
    /// <param name="features">Which.</param>
    /// <param name="rows">Row numbers.</param>
    /// <param name="derivatives">For each of them its two derivatives, in the same order.</param>
    /// <param name="threads">Threads to use; the sums are the same with any number.</param>
    public void Sum(Histogram histogram, int[] features, ReadOnlyMemory<int> rows, double[] derivatives, int threads)
    {
        if (threads > 1 && (long)features.Length * rows.Length >= WorthwhileForThreads)
        {
            Parallel.ForEach(features, new ParallelOptions { MaxDegreeOfParallelism = threads }, feature =>
                Sum(Of(histogram, feature), _features.Columns[feature], rows.Span, derivatives));
            return;
        }

        foreach (var feature in features)
            Sum(Of(histogram, feature), _features.Columns[feature], rows.Span, derivatives);
    }

    /// <summary>What a parent's rows have beyond those of one child.</summary>
    public void Subtract(Histogram result, Histogram parent, Histogram child, int[] features)
    {
        foreach (var feature in features)
        {
            var to = Of(result, feature);
            var from = Of(parent, feature);
            var less = Of(child, feature);
            for (var i = 0; i < to.Length; i++)
                to[i] = from[i] - less[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum(Span<double> sums, byte[] column, ReadOnlySpan<int> rows, double[] derivatives)
    {
        sums.Clear();
        ref var sum = ref MemoryMarshal.GetReference(sums);
        ref var bin = ref MemoryMarshal.GetArrayDataReference(column);
        ref var row = ref MemoryMarshal.GetReference(rows);
        ref var pair = ref MemoryMarshal.GetArrayDataReference(derivatives);
        // All rows in their order: those of the root, whose numbers need not be looked up.
        if (rows.Length == column.Length)
        {
            for (nint i = 0; i < rows.Length; i++)
                Add(ref sum, Unsafe.Add(ref bin, i), ref Unsafe.Add(ref pair, 2 * i));
            return;
        }

        for (nint i = 0; i < rows.Length; i++)
            Add(ref sum, Unsafe.Add(ref bin, (nint)(uint)Unsafe.Add(ref row, i)), ref Unsafe.Add(ref pair, 2 * i));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(ref double sums, byte bin, ref double pair)
    {
        ref var at = ref Unsafe.Add(ref sums, (nint)(2 * (uint)bin));
        (Vector128.LoadUnsafe(ref at) + Vector128.LoadUnsafe(ref pair)).StoreUnsafe(ref at);
    }
}
