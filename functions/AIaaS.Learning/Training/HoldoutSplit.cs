namespace AIaaS.Learning.Training;

/// <summary>Which rows are trained on and which are kept for judging; a function of the seed and the row numbers only.</summary>
/// <param name="Training">Row numbers, ascending.</param>
/// <param name="Holdout">Row numbers, ascending.</param>
internal sealed record HoldoutSplit(int[] Training, int[] Holdout)
{
    private const long Stream = 0x73706C6974; // "split"

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
