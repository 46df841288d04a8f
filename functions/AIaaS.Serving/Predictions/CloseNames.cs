namespace AIaaS.Serving.Predictions;

/// <summary>Finds what a misspelt name was meant to be.</summary>
internal static class CloseNames
{
    private const int MaxLength = 128;

    /// <returns>At most three names, the closest first, within a third of the name's length in edits.</returns>
    public static IReadOnlyList<string> Find(string name, IEnumerable<string> names)
    {
        if (name.Length > MaxLength)
            return [];
        var limit = Math.Max(1, name.Length / 3);
        return [.. names
            .Where(n => Math.Abs(n.Length - name.Length) <= limit)
            .Select(n => (Name: n, Edits: CountEdits(Fold(name), Fold(n))))
            .Where(c => c.Edits <= limit)
            .OrderBy(c => c.Edits)
            .Take(3)
            .Select(c => c.Name)];
    }

    /// <summary>Case and the usual separators are what people mix up most.</summary>
    private static string Fold(string name) => name.ToUpperInvariant().Replace('-', '_').Replace(' ', '_');

    /// <summary>Levenshtein's distance.</summary>
    private static int CountEdits(string a, string b)
    {
        var previous = Enumerable.Range(0, b.Length + 1).ToArray();
        var current = new int[b.Length + 1];
        for (var i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                current[j] = Math.Min(replaced, Math.Min(previous[j], current[j - 1]) + 1);
            }

            (previous, current) = (current, previous);
        }

        return previous[b.Length];
    }
}
