using System.Globalization;
using AIaaS.Learning.Features;

namespace AIaaS.Learning.Evaluation;

/// <summary>Divides rows by the values of a column, so that a model can be judged on each part.</summary>
internal static class Slices
{
    private const int Most = 20;
    private const int Ranges = 5;
    private const int FewestRows = 10;
    private const string Missing = "(missing)";
    private const string Other = "(other)";

    /// <param name="column">The column.</param>
    /// <returns>Each value with its rows, the most frequent first; where there are many numbers, ranges of about equally many rows from low to high.</returns>
    public static IReadOnlyList<(string Value, int[] Rows)> Of(FeatureColumn column)
    {
        var (name, numbers) = Naming(column);
        var parts = Enumerable.Range(0, column.Rows).GroupBy(name, StringComparer.Ordinal).Select(group => (Value: group.Key, Rows: group.ToArray()))
            .OrderBy(part => numbers is null ? 0 : float.IsFinite(numbers[part.Rows[0]]) ? numbers[part.Rows[0]] : float.PositiveInfinity)
            .ThenByDescending(part => part.Rows.Length).ThenBy(part => part.Value, StringComparer.Ordinal).ToList();
        var kept = parts.Where((part, rank) => rank < Most && part.Rows.Length >= FewestRows).ToList();
        var rest = parts.Except(kept).SelectMany(part => part.Rows).Order().ToArray();
        return rest.Length > 0 ? [.. kept, (Other, rest)] : kept;
    }

    /// <summary>What each row's slice is called, and the numbers, where slices are their ranges.</summary>
    private static (Func<int, string> Name, float[]? Numbers) Naming(FeatureColumn column)
    {
        if (column is TextColumn texts)
            return (row => texts.Values[row].Length > 0 ? texts.Values[row] : Missing, null);

        var numbers = ((NumberColumn)column).Values;
        var present = ((NumberColumn)column).SortedValues();
        if (present.Distinct().Take(Most + 1).Count() <= Most)
            return (row => float.IsFinite(numbers[row]) ? numbers[row].ToString("R", CultureInfo.InvariantCulture) : Missing, null);

        var edges = Enumerable.Range(1, Ranges - 1).Select(i => present[(int)((long)present.Length * i / Ranges)]).Distinct().ToArray();
        return (Range, numbers);

        string Range(int row)
        {
            if (!float.IsFinite(numbers[row]))
                return Missing;
            var above = Array.FindIndex(edges, edge => numbers[row] < edge);
            return above == 0 ? string.Create(CultureInfo.InvariantCulture, $"below {edges[0]:R}")
                : above < 0 ? string.Create(CultureInfo.InvariantCulture, $"from {edges[^1]:R}")
                : string.Create(CultureInfo.InvariantCulture, $"from {edges[above - 1]:R} to {edges[above]:R}");
        }
    }
}
