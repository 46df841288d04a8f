namespace AIaaS.Learning.Training;

/// <summary>Which rows are trained on and which are kept for judging; a function of the seed and the row numbers only.</summary>
/// <param name="Training">Row numbers, ascending.</param>
/// <param name="Holdout">Row numbers, ascending.</param>
internal sealed record HoldoutSplit(int[] Training, int[] Holdout)
{
    private const long Stream = 0x73706C6974; // "split"

    /// <summary>The split that the data set stores, for the rows with a target; null where these leave nothing to judge by, or to learn from.</summary>
    /// <param name="folds">The fold of each row of the data set, -1 for the holdout.</param>
    /// <param name="rows">The rows with a target, ascending.</param>
    public static HoldoutSplit? Stored(IReadOnlyList<int> folds, int[] rows)
    {
        var held = Enumerable.Range(0, rows.Length).ToLookup(row => folds[rows[row]] < 0);
        return held[true].Any() && held[false].Any() ? new([.. held[false]], [.. held[true]]) : null;
    }

    /// <param name="groups">The class of each row; the same share of each class is held out, and each class is trained on.</param>
    /// <param name="share">Share of rows to hold out.</param>
    /// <param name="seed">The run's seed.</param>
    public static HoldoutSplit Create(IReadOnlyList<int> groups, double share, long seed)
    {
        var order = new CounterGenerator(seed, Stream).Permutation(groups.Count);
        var held = new List<int>();
        foreach (var group in order.GroupBy(row => groups[row]).OrderBy(g => g.Key))
        {
            var rows = group.ToArray();
            var count = (int)Math.Round(rows.Length * share, MidpointRounding.AwayFromZero);
            held.AddRange(rows.Take(Math.Clamp(count, 0, rows.Length - 1)));
        }

        // So few rows of each class that none was held out: one of the largest class is.
        if (held.Count == 0)
            held.Add(order.GroupBy(row => groups[row]).OrderByDescending(g => g.Count()).ThenBy(g => g.Key).First().First());

        var holdout = held.Order().ToArray();
        var isHeld = holdout.ToHashSet();
        return new([.. Enumerable.Range(0, groups.Count).Where(row => !isHeld.Contains(row))], holdout);
    }
}
