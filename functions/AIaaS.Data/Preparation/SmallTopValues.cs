using System.Globalization;
using System.Text;
using AIaaS.Data.DuckDb;
using AIaaS.Formats;

namespace AIaaS.Data.Preparation;

/// <summary>
/// The most frequent values of a few rows of very many columns, counted here: the engine plans a query for each column, which takes longer than
/// the work. What it gives is what the engine would.
/// </summary>
internal static class SmallTopValues
{
    /// <param name="connection">The engine.</param>
    /// <param name="table">The table, all of which is read into memory, column by column.</param>
    /// <param name="batch">The columns.</param>
    /// <param name="most">Values of each.</param>
    /// <param name="longest">Characters of a value that are told.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    public static IEnumerable<(int Column, List<ValueCount> Values)> Count(
        DuckDbConnection connection, PreparedTable table, int[] batch, int most, int longest, CancellationToken cancellationToken)
    {
        var counts = batch.Select(_ => new Dictionary<string, long>(StringComparer.Ordinal)).ToArray();
        // Of the two zeros, which are one value, adding makes one.
        IEnumerable<string> texts = batch.Select(i => FormattableString.Invariant($"({(table.Columns[i].Type == "DOUBLE" ? $"c{i} + 0" : $"c{i}")})::VARCHAR"));
        using (DuckDbResult result = connection.Query($"SELECT {string.Join(", ", texts)} FROM {table.Table}", cancellationToken))
        {
            while (result.Read())
            {
                for (int i = 0; i < batch.Length; i++)
                {
                    DuckDbVector vector = result.Vector(i);
                    for (int row = 0; row < vector.Count; row++)
                    {
                        if (vector.IsValid(row))
                            System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(counts[i], vector.Text(row), out _)++;
                    }
                }
            }
        }
        for (int i = 0; i < batch.Length; i++)
        {
            IComparer<string> order = table.Columns[batch[i]].IsNumeric ? ByNumber : ByBytes;
            yield return (batch[i], [.. counts[i].OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, order).Take(most).Select(pair => new ValueCount(Shortened(pair.Key, longest), pair.Value))]);
        }
    }

    private static readonly Comparer<string> ByNumber = Comparer<string>.Create((a, b) =>
        long.TryParse(a, CultureInfo.InvariantCulture, out long x) && long.TryParse(b, CultureInfo.InvariantCulture, out long y)
            ? x.CompareTo(y)
            : double.Parse(a, CultureInfo.InvariantCulture).CompareTo(double.Parse(b, CultureInfo.InvariantCulture)));

    private static readonly Comparer<string> ByBytes = Comparer<string>.Create((a, b) => Encoding.UTF8.GetBytes(a).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(b)));

    /// <summary>By characters as the engine counts them, which are code points.</summary>
    private static string Shortened(string value, int longest) =>
        value.Length <= longest ? value : string.Concat(value.EnumerateRunes().Take(longest).Select(rune => rune.ToString()));
}
