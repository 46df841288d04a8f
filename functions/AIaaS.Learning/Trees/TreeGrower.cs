using System.Runtime.CompilerServices;
using AIaaS.Learning.Training;

namespace AIaaS.Learning.Trees;

/// <summary>Grows trees by their leaves, always where most is to be gained (Shi 2007; LightGBM), from histograms of derivatives.</summary>
/// <remarks>Not thread-safe. The tree depends neither on the number of threads nor on the memory there is.</remarks>
internal sealed class TreeGrower
{
    private readonly BinnedFeatures _features;
    private readonly GrowthOptions _options;
    private readonly Histograms _histograms;
    private readonly SplitFinder _finder;
    private readonly double[] _ordered;
    private readonly int[] _scratch;
    private readonly Dictionary<int, (NodeSums Sums, ValueBounds Bounds)> _ended = [];

    public TreeGrower(BinnedFeatures features, GrowthOptions options)
    {
        (_features, _options) = (features, options);
        _histograms = new(features);
        _finder = new(features, _histograms, options);
        _ordered = new double[2 * features.Rows];
        _scratch = new int[features.Rows];
    }

    /// <summary>Where each node looks at few features, it sums those alone: of a sibling's others there is nothing to subtract.</summary>
    private bool SumsAnew => _options.FeaturesOfNode < 0.5;

    /// <param name="derivatives">For each row of the features its first and second derivative.</param>
    /// <param name="rows">The rows to grow by, ascending; is put into another order.</param>
    /// <param name="chosen">The features to split by.</param>
    /// <param name="random">Chooses features of a node, where not all are.</param>
    /// <param name="leaves">Gets for each leaf its number in the tree and its part of <paramref name="rows"/>.</param>
    public RegressionTree Grow(double[] derivatives, int[] rows, int[] chosen, CounterGenerator random, List<(int Node, int From, int Count)> leaves)
    {
        var tree = new RegressionTree();
        var waiting = new PriorityQueue<Candidate, (double, int)>();
        NodeSums sums = default;
        foreach (var row in rows)
            sums += new NodeSums(derivatives[2 * row], derivatives[(2 * row) + 1]);
        var root = new Candidate { Node = tree.Add(new TreeNode()), From = 0, Count = rows.Length, Sums = sums, Bounds = ValueBounds.None };
        if (_options.MaxLeaves > 1 && !SumsAnew)
            Prepare(root, derivatives, rows, chosen, null, null);
        Settle(root, derivatives, rows, chosen, random, waiting, leaves);

        while (waiting.TryDequeue(out var candidate, out _))
        {
            if (leaves.Count + waiting.Count + 2 > _options.MaxLeaves)
            {
                End(candidate, leaves);
                continue;
            }

            Divide(tree, candidate, derivatives, rows, chosen, random, waiting, leaves);
        }

        foreach (var (node, _, _) in leaves)
        {
            var (own, bounds) = _ended[node];
            tree.Replace(node, new TreeNode { Value = (float)_finder.ValueOf(own, bounds), Cover = own.Hessian });
        }

        _ended.Clear();
        return tree;
    }

    private void Divide(
        RegressionTree tree,
        Candidate parent,
        double[] derivatives,
        int[] rows,
        int[] chosen,
        CounterGenerator random,
        PriorityQueue<Candidate, (double, int)> waiting,
        List<(int Node, int From, int Count)> leaves)
    {
        var split = parent.Split!;
        var lefts = Partition(split.Node, rows.AsSpan(parent.From, parent.Count));
        var (leftBounds, rightBounds) = BoundsOf(split, parent);
        var left = new Candidate
        {
            Node = tree.Add(new TreeNode()),
            From = parent.From,
            Count = lefts,
            Depth = parent.Depth + 1,
            Sums = split.Left,
            Bounds = leftBounds,
        };
        var right = new Candidate
        {
            Node = tree.Add(new TreeNode()),
            From = parent.From + lefts,
            Count = parent.Count - lefts,
            Depth = parent.Depth + 1,
            Sums = parent.Sums - split.Left,
            Bounds = rightBounds,
        };
        tree.Replace(parent.Node, split.Node with { Left = left.Node, Right = right.Node, Cover = parent.Sums.Hessian });

        var (small, large) = left.Count <= right.Count ? (left, right) : (right, left);
        if (!SumsAnew && (MayDivide(small) || MayDivide(large)))
        {
            Prepare(small, derivatives, rows, chosen, null, null);
            Prepare(large, derivatives, rows, chosen, parent.Histogram, small.Histogram);
        }
        else
        {
            _histograms.Return(parent.Histogram);
        }

        parent.Histogram = null;
        Settle(left, derivatives, rows, chosen, random, waiting, leaves);
        Settle(right, derivatives, rows, chosen, random, waiting, leaves);
    }

    private bool MayDivide(Candidate candidate) =>
        (_options.MaxDepth == 0 || candidate.Depth < _options.MaxDepth) && candidate.Count >= 2 * _options.MinRowsOfLeaf && candidate.Count > 1;

    /// <summary>Gives a node its histogram: by subtraction where the parent's and the other child's are known, else from its rows.</summary>
    private void Prepare(Candidate candidate, double[] derivatives, int[] rows, int[] chosen, Histogram? parent, Histogram? sibling)
    {
        if (parent is not null && sibling is not null)
        {
            _histograms.Subtract(parent, parent, sibling, chosen);
            candidate.Histogram = parent;
            return;
        }

        candidate.Histogram = _histograms.Rent();
        var own = rows.AsMemory(candidate.From, candidate.Count);
        var inOrder = candidate.Count == _features.Rows;
        if (!inOrder)
        {
            var at = 0;
            foreach (var row in own.Span)
            {
                _ordered[at++] = derivatives[2 * row];
                _ordered[at++] = derivatives[(2 * row) + 1];
            }
        }

        _histograms.Sum(candidate.Histogram, chosen, own, inOrder ? derivatives : _ordered, _options.Threads);
    }

    /// <summary>A node that can be divided waits for its turn; any other is a leaf.</summary>
    private void Settle(
        Candidate candidate,
        double[] derivatives,
        int[] rows,
        int[] chosen,
        CounterGenerator random,
        PriorityQueue<Candidate, (double, int)> waiting,
        List<(int Node, int From, int Count)> leaves)
    {
        if (_options.MaxLeaves > 1 && MayDivide(candidate))
        {
            var features = FeaturesOf(candidate.Node, chosen, random);
            if (SumsAnew)
                Prepare(candidate, derivatives, rows, features, null, null);
            candidate.Split = _finder.Find(candidate.Histogram!, features, candidate.Sums, candidate.Count, candidate.Bounds);
            if (SumsAnew)
            {
                _histograms.Return(candidate.Histogram);
                candidate.Histogram = null;
            }
        }

        if (candidate.Split is null)
        {
            End(candidate, leaves);
            return;
        }

        if (!_histograms.HasRoom)
        {
            _histograms.Return(candidate.Histogram);
            candidate.Histogram = null;
        }

        waiting.Enqueue(candidate, (-candidate.Split.Gain, candidate.Node));
    }

    private void End(Candidate candidate, List<(int Node, int From, int Count)> leaves)
    {
        _histograms.Return(candidate.Histogram);
        candidate.Histogram = null;
        leaves.Add((candidate.Node, candidate.From, candidate.Count));
        _ended[candidate.Node] = (candidate.Sums, candidate.Bounds);
    }

    private int[] FeaturesOf(int node, int[] chosen, CounterGenerator random)
    {
        if (_options.FeaturesOfNode >= 1)
            return chosen;
        var count = Math.Clamp((int)Math.Round(chosen.Length * _options.FeaturesOfNode), 1, chosen.Length);
        var keys = Array.ConvertAll(chosen, feature => random.Bits(((long)node << 32) + feature));
        var some = (int[])chosen.Clone();
        Array.Sort(keys, some);
        Array.Sort(some, 0, count);
        return some[..count];
    }

    /// <summary>Values left and right of a monotone split are kept apart by their middle, all the way down.</summary>
    private (ValueBounds Left, ValueBounds Right) BoundsOf(Split split, Candidate parent)
    {
        var direction = _options.Monotone?[split.Node.Feature] ?? 0;
        if (direction == 0 || split.Node.LeftCategories is not null)
            return (parent.Bounds, parent.Bounds);
        var middle = (_finder.ValueOf(split.Left, parent.Bounds) + _finder.ValueOf(parent.Sums - split.Left, parent.Bounds)) / 2;
        var (low, high) = (parent.Bounds with { Most = middle }, parent.Bounds with { Least = middle });
        return direction > 0 ? (low, high) : (high, low);
    }

    /// <summary>Puts rows that go left before those that go right, each side in its order.</summary>
    /// <returns>How many go left.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Partition(TreeNode node, Span<int> rows)
    {
        var column = _features.Columns[node.Feature];
        Span<bool> goesLeft = stackalloc bool[256];
        for (var bin = 0; bin < _features.Features[node.Feature].Count; bin++)
            goesLeft[bin] = node.GoesLeft((byte)bin, _features.Features[node.Feature]);
        int lefts = 0, rights = 0;
        var right = _scratch.AsSpan();
        foreach (var row in rows)
        {
            // Both are written and one counts: no branch that cannot be foreseen.
            rows[lefts] = row;
            right[rights] = row;
            var isLeft = goesLeft[column[row]];
            lefts += isLeft ? 1 : 0;
            rights += isLeft ? 0 : 1;
        }

        right[..rights].CopyTo(rows[lefts..]);
        return lefts;
    }

    private sealed class Candidate
    {
        public required int Node { get; init; }

        public required int From { get; init; }

        public required int Count { get; init; }

        public int Depth { get; init; }

        public required NodeSums Sums { get; init; }

        public required ValueBounds Bounds { get; init; }

        public Histogram? Histogram { get; set; }

        public Split? Split { get; set; }
    }
}
