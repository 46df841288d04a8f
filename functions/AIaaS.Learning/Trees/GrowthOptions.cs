namespace AIaaS.Learning.Trees;

/// <summary>How a tree grows.</summary>
internal sealed record GrowthOptions
{
    public int MaxLeaves { get; init; } = 31;

    /// <summary>Splits on the way to a leaf at most; 0 for any number.</summary>
    public int MaxDepth { get; init; }

    public int MinRowsOfLeaf { get; init; } = 20;

    /// <summary>The least sum of second derivatives in a leaf.</summary>
    public double MinHessianOfLeaf { get; init; } = 1e-3;

    /// <summary>Penalty on squares of leaf values.</summary>
    public double L2 { get; init; }

    /// <summary>Penalty on sizes of leaf values.</summary>
    public double L1 { get; init; }

    /// <summary>Added to the second derivatives of a category when categories are put in order, against rare ones.</summary>
    public double CategorySmoothing { get; init; } = 10;

    /// <summary>Further L2 penalty for splits by categories, which fit noise more easily.</summary>
    public double CategoryL2 { get; init; } = 1;

    /// <summary>For each feature 1 where a larger value may only raise the prediction, -1 where it may only lower it, else 0; null for no constraint.</summary>
    public sbyte[]? Monotone { get; init; }

    /// <summary>Share of a tree's features that each split chooses among.</summary>
    public double FeaturesOfNode { get; init; } = 1;

    public int Threads { get; init; } = 1;
}
