namespace AIaaS.Data.Anomalies;

/// <summary>
/// One tree as a heap: the root is node 0, node i has the children 2i + 1 (where the feature is at most the threshold) and 2i + 2.
/// </summary>
/// <remarks>All branches are equally long: below the end of a short one every threshold is positive infinity, and every leaf the same.</remarks>
/// <param name="Features">For each inner node, the number of the feature it asks for; 2ᵈ − 1 of them for the depth d.</param>
/// <param name="Thresholds">For each inner node, what the feature is held against.</param>
/// <param name="PathLengths">For each of the 2ᵈ leaves, from left to right: the splits on the way to it, and c(n) for the n rows in it.</param>
public sealed record IsolationTree(int[] Features, float[] Thresholds, float[] PathLengths);
