namespace AIaaS.Learning.Trees;

/// <summary>A binary tree; node 0 is its root, and children come after their parents.</summary>
internal sealed class RegressionTree
{
    public const int Leaf = -1;

    private readonly List<TreeNode> _nodes = [];

    public IReadOnlyList<TreeNode> Nodes => _nodes;

    public static RegressionTree Of(IEnumerable<TreeNode> nodes)
    {
        var tree = new RegressionTree();
        tree._nodes.AddRange(nodes);
        return tree;
    }

    public int Add(TreeNode node)
    {
        _nodes.Add(node);
        return _nodes.Count - 1;
    }

    public void Replace(int index, TreeNode node) => _nodes[index] = node;

    /// <summary>The number of the leaf that a row falls into.</summary>
    public int LeafOf(BinnedFeatures features, int row)
    {
        var index = 0;
        while (_nodes[index] is { Feature: not Leaf } node)
            index = node.GoesLeft(features.Columns[node.Feature][row], features.Features[node.Feature]) ? node.Left : node.Right;
        return index;
    }

    public float Predict(BinnedFeatures features, int row) => _nodes[LeafOf(features, row)].Value;
}

/// <summary>A node of a tree.</summary>
internal sealed record TreeNode
{
    /// <summary>What it splits by; <see cref="RegressionTree.Leaf"/> for a leaf.</summary>
    public int Feature { get; init; } = RegressionTree.Leaf;

    /// <summary>Of a quantity: the last bin that goes left.</summary>
    public int Bin { get; init; }

    /// <summary>Whether missing values go left.</summary>
    public bool MissingLeft { get; init; }

    /// <summary>Of a category: the codes that go left; null for a quantity.</summary>
    public int[]? LeftCategories { get; init; }

    public int Left { get; init; }

    public int Right { get; init; }

    /// <summary>Of a leaf: what it adds to the score.</summary>
    public float Value { get; init; }

    /// <summary>Of a leaf: what it adds to each of several scores; null where there is one.</summary>
    public float[]? Values { get; init; }

    /// <summary>Training rows that came here, by weight.</summary>
    public double Cover { get; init; }

    public bool GoesLeft(byte bin, FeatureBins feature) =>
        LeftCategories is { } left ? Array.IndexOf(left, bin) >= 0
        : bin == feature.Missing ? MissingLeft
        : bin <= Bin;
}
