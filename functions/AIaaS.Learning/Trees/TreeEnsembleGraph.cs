using AIaaS.Learning.Onnx;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Trees;

/// <summary>Trees as one <c>TreeEnsembleRegressor</c> of <c>ai.onnx.ml</c>: raw features in, sums of leaves out.</summary>
/// <remarks>
/// A quantity is compared by <c>BRANCH_LEQ</c>, true going left; a missing value follows <c>nodes_missing_value_tracks_true</c>. A subset of categories is a
/// chain of <c>BRANCH_EQ</c> nodes whose true branches are one and the same node, which the runtime reads as a test of membership.
/// </remarks>
internal sealed class TreeEnsembleGraph(IReadOnlyList<FeatureBins> features)
{
    private readonly List<long> _trees = [];
    private readonly List<long> _nodes = [];
    private readonly List<long> _features = [];
    private readonly List<string> _modes = [];
    private readonly List<float> _values = [];
    private readonly List<long> _whereTrue = [];
    private readonly List<long> _whereFalse = [];
    private readonly List<long> _missing = [];
    private readonly List<long> _leafTrees = [];
    private readonly List<long> _leafNodes = [];
    private readonly List<long> _leafTargets = [];
    private readonly List<float> _leafWeights = [];
    private long _tree = -1;
    private int _first;

    /// <summary>Adds a tree whose leaves count towards one of the outputs, or, where they have several values, towards all.</summary>
    public void Add(RegressionTree tree, int output)
    {
        _tree++;
        _first = _nodes.Count;
        long next = 0;
        AddNode(tree, 0, output, ref next);
    }

    /// <param name="raw">Float tensor [rows, features].</param>
    /// <param name="initial">What each output begins with.</param>
    /// <param name="mean">Whether leaves are averaged over the trees, and not added up.</param>
    /// <returns>Float tensor [rows, outputs].</returns>
    public Value Build(Value raw, float[] initial, bool mean = false) => raw.Graph.Apply(
        "TreeEnsembleRegressor",
        [raw],
        [(TensorElementType.Float, [raw.Shape[0], initial.Length])],
        GraphBuilder.MachineLearningDomain,
        ("nodes_treeids", _trees.ToArray()),
        ("nodes_nodeids", _nodes.ToArray()),
        ("nodes_featureids", _features.ToArray()),
        ("nodes_modes", _modes.ToArray()),
        ("nodes_values", _values.ToArray()),
        ("nodes_truenodeids", _whereTrue.ToArray()),
        ("nodes_falsenodeids", _whereFalse.ToArray()),
        ("nodes_missing_value_tracks_true", _missing.ToArray()),
        ("target_treeids", _leafTrees.ToArray()),
        ("target_nodeids", _leafNodes.ToArray()),
        ("target_ids", _leafTargets.ToArray()),
        ("target_weights", _leafWeights.ToArray()),
        ("base_values", initial),
        ("n_targets", (long)initial.Length),
        ("aggregate_function", mean ? "AVERAGE" : "SUM"))[0];

    /// <returns>The node's number in the operator.</returns>
    private long AddNode(RegressionTree tree, int index, int output, ref long next)
    {
        var node = tree.Nodes[index];
        if (node.Feature == RegressionTree.Leaf)
        {
            var leaf = Append(0, "LEAF", 0, false, ref next);
            for (var target = 0; target < (node.Values?.Length ?? 1); target++)
            {
                _leafTrees.Add(_tree);
                _leafNodes.Add(leaf);
                _leafTargets.Add(node.Values is null ? output : target);
                _leafWeights.Add(node.Values?[target] ?? node.Value);
            }

            return leaf;
        }

        if (node.LeftCategories is { } left)
            return AddCategories(tree, node, left, output, ref next);
        var thresholds = features[node.Feature].Thresholds;
        var threshold = node.Bin < thresholds.Length ? thresholds[node.Bin] : float.MaxValue;
        var branch = Append(node.Feature, "BRANCH_LEQ", threshold, node.MissingLeft, ref next);
        Join(branch, AddNode(tree, node.Left, output, ref next), AddNode(tree, node.Right, output, ref next));
        return branch;
    }

    private long AddCategories(RegressionTree tree, TreeNode node, int[] left, int output, ref long next)
    {
        var chain = new List<long>();
        foreach (var category in left)
            chain.Add(Append(node.Feature, "BRANCH_EQ", category, false, ref next));
        var (inside, outside) = (AddNode(tree, node.Left, output, ref next), AddNode(tree, node.Right, output, ref next));
        for (var i = 0; i < chain.Count; i++)
            Join(chain[i], inside, i + 1 < chain.Count ? chain[i + 1] : outside);
        return chain[0];
    }

    private long Append(int feature, string mode, float value, bool missingTrue, ref long next)
    {
        _trees.Add(_tree);
        _nodes.Add(next);
        _features.Add(feature);
        _modes.Add(mode);
        _values.Add(value);
        _whereTrue.Add(0);
        _whereFalse.Add(0);
        _missing.Add(missingTrue ? 1 : 0);
        return next++;
    }

    private void Join(long node, long whereTrue, long whereFalse)
    {
        var at = _first + (int)node;
        (_whereTrue[at], _whereFalse[at]) = (whereTrue, whereFalse);
    }
}
