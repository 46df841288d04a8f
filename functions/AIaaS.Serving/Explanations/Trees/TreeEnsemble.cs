using System.Runtime.InteropServices;

namespace AIaaS.Serving.Explanations.Trees;

/// <summary>How a branch compares a row's number with its own.</summary>
internal enum Comparison : byte
{
    Leaf,
    LessOrEqual,
    Less,
    GreaterOrEqual,
    Greater,
    Equal,
    NotEqual,
}

/// <summary>A branch or a leaf.</summary>
/// <param name="Comparison">What it does.</param>
/// <param name="MissingIsTrue">Where a missing number goes.</param>
/// <param name="Column">Of a branch: of the row.</param>
/// <param name="Value">Of a branch: what the row's number is compared with.</param>
/// <param name="WhenTrue">Of a branch: the next node. Of a leaf: its first weight.</param>
/// <param name="WhenFalse">Of a branch: the next node. Of a leaf: the end of its weights.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct TreeNode(Comparison Comparison, bool MissingIsTrue, int Column, float Value, int WhenTrue, int WhenFalse)
{
    public bool Holds(float number) => Comparison switch
    {
        Comparison.LessOrEqual => number <= Value,
        Comparison.Less => number < Value,
        Comparison.GreaterOrEqual => number >= Value,
        Comparison.Greater => number > Value,
        Comparison.Equal => number == Value,
        _ => number != Value,
    } || (MissingIsTrue && float.IsNaN(number));
}

/// <summary>The trees of a <c>TreeEnsembleRegressor</c> or <c>TreeEnsembleClassifier</c> of <c>ai.onnx.ml</c> before version 5.</summary>
internal sealed class TreeEnsemble
{
    /// <summary>For each node which tree it is of.</summary>
    private readonly int[] _trees;

    private TreeEnsemble(TreeNode[] nodes, int[] trees, int[] roots, (int Target, double Weight)[] weights, double[] initial)
    {
        (Nodes, _trees, Roots, Weights, Initial) = (nodes, trees, roots, weights, initial);
        Columns = nodes.Where(n => n.Comparison != Comparison.Leaf).Select(n => n.Column + 1).DefaultIfEmpty(0).Max();
    }

    public TreeNode[] Nodes { get; }

    /// <summary>The first node of each tree.</summary>
    public int[] Roots { get; }

    /// <summary>What leaves add to which score.</summary>
    public (int Target, double Weight)[] Weights { get; }

    /// <summary>The scores before any tree.</summary>
    public double[] Initial { get; }

    public int Targets => Initial.Length;

    /// <summary>The least width of a row.</summary>
    public int Columns { get; }

    /// <returns>Null where the trees are of a kind that is not read.</returns>
    public static TreeEnsemble? Read(OnnxNode node)
    {
        var isClassifier = node.Is("TreeEnsembleClassifier", OnnxNode.MachineLearningDomain);
        var aggregate = node.Text("aggregate_function", "SUM");
        // Double-precision trees have their numbers in tensors.
        if (node.Has("nodes_values_as_tensor") || node.Has("target_weights_as_tensor") || node.Has("class_weights_as_tensor") || aggregate is not ("SUM" or "AVERAGE"))
            return null;
        var kind = isClassifier ? "class" : "target";
        var (trees, ids, columns, modes, values) = (
            node.Integers("nodes_treeids"), node.Integers("nodes_nodeids"), node.Integers("nodes_featureids"), node.Texts("nodes_modes"), node.Singles("nodes_values"));
        var (whenTrue, whenFalse, missing) = (node.Integers("nodes_truenodeids"), node.Integers("nodes_falsenodeids"), node.Integers("nodes_missing_value_tracks_true"));
        var (leafTrees, leafNodes, leafTargets, leafWeights) = (
            node.Integers(kind + "_treeids"), node.Integers(kind + "_nodeids"), node.Integers(kind + "_ids"), node.Singles(kind + "_weights"));
        var targets = isClassifier ? Math.Max(node.Texts("classlabels_strings").Length, node.Integers("classlabels_int64s").Length) : node.Integer("n_targets", 1);
        var count = trees.Length;
        if (count == 0 || new[] { ids.Length, columns.Length, modes.Length, values.Length, whenTrue.Length, whenFalse.Length }.Any(l => l != count)
            || (missing.Length > 0 && missing.Length != count)
            || new[] { leafNodes.Length, leafTargets.Length, leafWeights.Length }.Any(l => l != leafTrees.Length)
            || targets is < 1 or > 10_000 || leafTargets.Any(t => t < 0 || t >= targets) || columns.Any(c => c is < 0 or > 1_000_000))
        {
            return null;
        }

        var places = new Dictionary<(long, long), int>(count);
        for (var i = 0; i < count; i++)
            places[(trees[i], ids[i])] = i;
        var leaves = Enumerable.Range(0, leafTrees.Length).Select(i => places.GetValueOrDefault((leafTrees[i], leafNodes[i]), -1)).ToArray();
        if (places.Count != count || leaves.Contains(-1))
            return null;
        var order = Enumerable.Range(0, leaves.Length).OrderBy(i => leaves[i]).ToArray();
        var numbers = trees.Distinct().Select((tree, number) => (tree, number)).ToDictionary(t => t.tree, t => t.number);
        var share = aggregate == "AVERAGE" ? 1.0 / numbers.Count : 1;

        var (nodes, parents) = (new TreeNode[count], new int[count]);
        for (int i = 0, weight = 0; i < count; i++)
        {
            if (ComparisonOf(modes[i]) is not { } comparison)
                return null;
            if (comparison != Comparison.Leaf)
            {
                if (!places.TryGetValue((trees[i], whenTrue[i]), out var yes) || !places.TryGetValue((trees[i], whenFalse[i]), out var no))
                    return null;
                parents[yes]++;
                parents[no]++;
                nodes[i] = new(comparison, missing.Length > 0 && missing[i] != 0, (int)columns[i], values[i], yes, no);
                continue;
            }

            while (weight < order.Length && leaves[order[weight]] < i)
                weight++;
            var first = weight;
            while (weight < order.Length && leaves[order[weight]] == i)
                weight++;
            nodes[i] = new(Comparison.Leaf, false, 0, 0, first, weight);
        }

        var treeOf = Array.ConvertAll(trees, tree => numbers[tree]);
        var roots = Enumerable.Range(0, count).Where(i => parents[i] == 0).ToArray();
        if (roots.Length != numbers.Count || roots.Select(r => treeOf[r]).Distinct().Count() != roots.Length || HasCycle(nodes, roots, parents))
            return null;
        var initial = new double[targets];
        var given = node.Singles("base_values");
        for (var target = 0; target < Math.Min(given.Length, initial.Length); target++)
            initial[target] = given[target];
        return new(nodes, treeOf, roots, [.. order.Select(i => ((int)leafTargets[i], leafWeights[i] * share))], initial);
    }

    /// <summary>The scores of a row.</summary>
    public double[] Score(ReadOnlySpan<float> row)
    {
        var scores = (double[])Initial.Clone();
        foreach (var root in Roots)
        {
            var node = Nodes[root];
            while (node.Comparison != Comparison.Leaf)
                node = Nodes[node.Holds(row[node.Column]) ? node.WhenTrue : node.WhenFalse];
            foreach (var (target, weight) in Weights.AsSpan(node.WhenTrue..node.WhenFalse))
                scores[target] += weight;
        }

        return scores;
    }

    /// <summary>Between what the scores of all rows lie, as far as leaves alone tell.</summary>
    public (double[] Least, double[] Most) Bounds()
    {
        var (low, high) = (new double[Roots.Length, Targets], new double[Roots.Length, Targets]);
        var reached = new bool[Roots.Length];
        for (var i = 0; i < Nodes.Length; i++)
        {
            if (Nodes[i].Comparison != Comparison.Leaf)
                continue;
            var tree = _trees[i];
            var sums = new double[Targets];
            foreach (var (target, weight) in Weights.AsSpan(Nodes[i].WhenTrue..Nodes[i].WhenFalse))
                sums[target] += weight;
            for (var target = 0; target < sums.Length; target++)
            {
                low[tree, target] = reached[tree] ? Math.Min(low[tree, target], sums[target]) : sums[target];
                high[tree, target] = reached[tree] ? Math.Max(high[tree, target], sums[target]) : sums[target];
            }

            reached[tree] = true;
        }

        var (least, most) = ((double[])Initial.Clone(), (double[])Initial.Clone());
        for (var tree = 0; tree < Roots.Length; tree++)
        {
            for (var target = 0; target < Targets; target++)
                (least[target], most[target]) = (least[target] + low[tree, target], most[target] + high[tree, target]);
        }

        return (least, most);
    }

    /// <param name="nodes">All of them.</param>
    /// <param name="roots">Those without a parent.</param>
    /// <param name="parents">How many each has; counted down.</param>
    private static bool HasCycle(TreeNode[] nodes, int[] roots, int[] parents)
    {
        var (open, passed) = (new Stack<int>(roots), 0);
        while (open.TryPop(out var at))
        {
            passed++;
            if (nodes[at].Comparison == Comparison.Leaf)
                continue;
            foreach (var next in (ReadOnlySpan<int>)[nodes[at].WhenTrue, nodes[at].WhenFalse])
            {
                if (--parents[next] == 0)
                    open.Push(next);
            }
        }

        return passed < nodes.Length;
    }

    private static Comparison? ComparisonOf(string mode) => mode switch
    {
        "LEAF" => Comparison.Leaf,
        "BRANCH_LEQ" => Comparison.LessOrEqual,
        "BRANCH_LT" => Comparison.Less,
        "BRANCH_GTE" => Comparison.GreaterOrEqual,
        "BRANCH_GT" => Comparison.Greater,
        "BRANCH_EQ" => Comparison.Equal,
        "BRANCH_NEQ" => Comparison.NotEqual,
        _ => null,
    };
}
