using System.Numerics;

namespace AIaaS.Data.Poisoning;

/// <summary>
/// The rows of a table that are nearest to a row, found by looking at each: squared differences of numbers, and 2 for categories
/// that differ, which is as far as two rows of a standardized column are apart on average.
/// </summary>
/// <param name="columns">Column after column, without missing numbers.</param>
/// <param name="rows">Rows of the table.</param>
/// <param name="isCategory">For each column, whether it holds codes.</param>
internal sealed class NearestNeighbours(float[] columns, int rows, bool[] isCategory)
{
    private const float Apart = 2;

    private readonly float[] _distances = new float[rows];

    /// <summary>Writes the numbers of the nearest rows, the nearest first, of equals the first; gives how many there are.</summary>
    /// <param name="query">A value for each column.</param>
    /// <param name="except">A row to leave out; -1 for none.</param>
    /// <param name="nearest">As many as are wanted.</param>
    public int Find(ReadOnlySpan<float> query, int except, Span<int> nearest)
    {
        Measure(query);
        if (except >= 0)
            _distances[except] = float.PositiveInfinity;
        Span<float> found = stackalloc float[nearest.Length];
        int count = 0;
        float worst = float.PositiveInfinity;
        int row = 0;
        for (; row <= rows - Vector<float>.Count; row += Vector<float>.Count)
        {
            if (!Vector.LessThanAny(new Vector<float>(_distances, row), new Vector<float>(worst)))
                continue;
            for (int i = row; i < row + Vector<float>.Count; i++)
                Offer(i, found, nearest);
        }
        for (; row < rows; row++)
            Offer(row, found, nearest);
        return count;

        void Offer(int candidate, Span<float> found, Span<int> nearest)
        {
            float distance = _distances[candidate];
            if (!(distance < worst))
                return;
            if (count < nearest.Length)
                count++;
            int at = count - 1;
            for (; at > 0 && found[at - 1] > distance; at--)
                (found[at], nearest[at]) = (found[at - 1], nearest[at - 1]);
            (found[at], nearest[at]) = (distance, candidate);
            if (count == nearest.Length)
                worst = found[^1];
        }
    }

    private void Measure(ReadOnlySpan<float> query)
    {
        Array.Clear(_distances);
        for (int column = 0; column < isCategory.Length; column++)
        {
            ReadOnlySpan<float> values = columns.AsSpan(column * rows, rows);
            bool isCode = isCategory[column];
            float wanted = query[column];
            int row = 0;
            for (; row <= rows - Vector<float>.Count; row += Vector<float>.Count)
            {
                var value = new Vector<float>(values[row..]);
                var wide = new Vector<float>(wanted);
                Vector<float> apart = isCode
                    ? Vector.ConditionalSelect(Vector.Equals(value, wide), Vector<float>.Zero, new Vector<float>(Apart))
                    : (value - wide) * (value - wide);
                (new Vector<float>(_distances, row) + apart).CopyTo(_distances, row);
            }
            for (; row < rows; row++)
                _distances[row] += isCode ? (values[row] == wanted ? 0 : Apart) : (values[row] - wanted) * (values[row] - wanted);
        }
    }
}
