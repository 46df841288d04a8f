using AIaaS.Learning.Training;

namespace AIaaS.Learning.Evaluation;

/// <summary>How rows are divided for cross-validation: a function of the seed and the rows only.</summary>
internal static class Resampling
{
    private const long Stream = 0x666F6C6473; // "folds"

    /// <summary>Folds of some rows: each row is validated by at most once; by exactly once where there are two folds or more, and no order.</summary>
    /// <param name="groups">What each fold gets its share of: the class of each row.</param>
    /// <param name="stored">The parts that the data set was dealt into, which keep groups and times together; null where there are none.</param>
    /// <param name="count">How many; 1 for a single validation part of a fifth.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="inOrder">Whether later stored parts are later times: each fold then learns from what is before its validation part alone (forward chaining).</param>
    /// <returns>Positions among the rows, ascending; fewer folds than asked for where there are too few rows or stored parts.</returns>
    public static IReadOnlyList<Fold> Folds(IReadOnlyList<int> groups, IReadOnlyList<int>? stored, int count, long seed, bool inOrder = false)
    {
        var isStored = stored is not null && stored.Distinct().Skip(1).Any();
        var parts = isStored ? Dense(stored!) : Deal(groups, count == 1 ? 5 : count, seed);
        var distinct = parts.Max() + 1;
        if (count == 1)
            return [FoldOf(parts, part => part < distinct - 1, part => part == distinct - 1)];
        if (isStored && inOrder)
        {
            // The first block is only learned from.
            var blocks = Math.Min(count + 1, distinct);
            return [.. Enumerable.Range(1, blocks - 1).Select(block => FoldOf(parts, part => part * blocks / distinct < block, part => part * blocks / distinct == block))];
        }

        var folds = Math.Min(count, distinct);
        return [.. Enumerable.Range(0, folds).Select(fold => FoldOf(parts, part => part % folds != fold, part => part % folds == fold))];
    }

    private static Fold FoldOf(int[] parts, Func<int, bool> isTraining, Func<int, bool> isValidation) =>
        new([.. Positions(parts, isTraining)], [.. Positions(parts, isValidation)]);

    private static IEnumerable<int> Positions(int[] parts, Func<int, bool> isWanted) => Enumerable.Range(0, parts.Length).Where(row => isWanted(parts[row]));

    /// <summary>Numbers the parts that occur from 0 without gaps.</summary>
    private static int[] Dense(IReadOnlyList<int> parts)
    {
        var known = parts.Distinct().Order().Index().ToDictionary(part => part.Item, part => part.Index);
        return [.. parts.Select(part => known[part])];
    }

    /// <summary>Deals rows out like cards, class by class, each class going on where the one before ended.</summary>
    private static int[] Deal(IReadOnlyList<int> groups, int count, long seed)
    {
        var parts = new int[groups.Count];
        var next = 0;
        foreach (var group in new CounterGenerator(seed, Stream).Permutation(groups.Count).GroupBy(row => groups[row]).OrderBy(group => group.Key))
        {
            foreach (var row in group)
                parts[row] = next++ % Math.Min(count, groups.Count);
        }

        return parts;
    }
}
