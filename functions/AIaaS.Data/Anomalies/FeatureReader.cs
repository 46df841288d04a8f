using System.Globalization;
using AIaaS.Data.DuckDb;

namespace AIaaS.Data.Anomalies;

/// <summary>Reads rows of a table or file as numbers; the categories of the rows that are learned have codes from then on.</summary>
internal sealed class FeatureReader(IReadOnlyList<FeatureColumn> columns)
{
    /// <summary>Values that a sample may have: 64 MB, whatever the width of the table.</summary>
    private const int MostSampleValues = 16_000_000;

    private readonly Dictionary<ulong, int>?[] _codes = [.. columns.Select(column => column.IsCategory ? new Dictionary<ulong, int>() : null)];

    public IReadOnlyList<FeatureColumn> Columns => columns;

    /// <summary>Number of categories that were learned.</summary>
    public int Categories(int column) => _codes[column]!.Count;

    /// <summary>Rows chosen by a hash of their number: the same ones each time, however many threads read.</summary>
    /// <param name="connection">What reads.</param>
    /// <param name="source">All the rows.</param>
    /// <param name="most">About how many rows; fewer of very wide tables.</param>
    /// <param name="seed">Which rows.</param>
    /// <param name="learn">Whether categories not seen before get codes.</param>
    /// <param name="cancellationToken">Interrupts the query.</param>
    public FeatureRows Sample(DuckDbConnection connection, RowSource source, int most, long seed, bool learn, CancellationToken cancellationToken)
    {
        long rows = connection.QueryInt64($"SELECT count(*) FROM {source.From}", cancellationToken);
        most = Math.Min(most, MostSampleValues / Math.Max(1, columns.Count));
        List<FeatureRows> parts = [.. Read(connection, source.Sampled(rows, most, seed), learn, cancellationToken)];
        int count = parts.Sum(part => part.Count);
        var sample = new FeatureRows(new long[count], new float[count * columns.Count]);
        int at = 0;
        foreach (FeatureRows part in parts)
        {
            part.Numbers.CopyTo(sample.Numbers, at);
            for (int column = 0; column < columns.Count; column++)
                part.Column(column).CopyTo(sample.Column(column)[at..]);
            at += part.Count;
        }
        return sample;
    }

    /// <summary>All rows in their order, some thousand at a time.</summary>
    public IEnumerable<FeatureRows> Read(DuckDbConnection connection, RowSource source, bool learn, CancellationToken cancellationToken)
    {
        using DuckDbResult result = connection.Query(
            $"SELECT {string.Join(", ", columns.Select(column => column.Expression).Prepend($"({source.RowNumber})::BIGINT"))} FROM {source.From}{(source.Sort ? $" ORDER BY {source.RowNumber}" : "")}", cancellationToken);
        while (result.Read())
        {
            var rows = new FeatureRows(new long[result.RowCount], new float[result.RowCount * columns.Count]);
            result.Vector(0).Values<long>().CopyTo(rows.Numbers);
            for (int column = 0; column < columns.Count; column++)
            {
                if (_codes[column] is { } codes)
                    Encode(result.Vector(column + 1), codes, learn, rows.Column(column));
                else
                    CopyNumbers(result.Vector(column + 1), rows.Column(column));
            }
            yield return rows;
        }
    }

    private static void Encode(DuckDbVector vector, Dictionary<ulong, int> codes, bool learn, Span<float> into)
    {
        ReadOnlySpan<ulong> hashes = vector.Values<ulong>();
        for (int row = 0; row < hashes.Length; row++)
        {
            if (!vector.IsValid(row))
            {
                into[row] = float.NaN;
                continue;
            }
            if (!codes.TryGetValue(hashes[row], out int code))
            {
                code = learn ? codes.Count : -1;
                if (learn)
                    codes.Add(hashes[row], code);
            }
            into[row] = code;
        }
    }

    /// <summary>Conversions are here and not in SQL, where ten thousand of them take a minute to plan and a double that no float holds is an error.</summary>
    private static void CopyNumbers(DuckDbVector vector, Span<float> into)
    {
        switch (vector.Type)
        {
            case DuckDbType.Double:
                ReadOnlySpan<double> numbers = vector.Values<double>();
                for (int row = 0; row < into.Length; row++)
                    into[row] = (float)numbers[row];
                break;
            case DuckDbType.BigInt or DuckDbType.Timestamp:
                ReadOnlySpan<long> integers = vector.Values<long>();
                for (int row = 0; row < into.Length; row++)
                    into[row] = integers[row];
                break;
            default:
                for (int row = 0; row < into.Length; row++)
                    into[row] = vector.Int64(row);
                break;
        }
        if (vector.AllValid)
            return;
        for (int row = 0; row < into.Length; row++)
        {
            if (!vector.IsValid(row))
                into[row] = float.NaN;
        }
    }
}

/// <summary>Rows to read.</summary>
/// <param name="From">What stands after FROM.</param>
/// <param name="RowNumber">SQL that tells the rows apart.</param>
/// <param name="Sort">Whether the rows do not come in the order of their numbers by themselves.</param>
internal sealed record RowSource(string From, string RowNumber, bool Sort = false)
{
    public RowSource Where(string condition) => this with { From = $"{From} WHERE {condition}" };

    /// <summary>About so many of the rows.</summary>
    public RowSource Sampled(long rows, int most, long seed) => rows <= most
        ? this
        : Where(string.Create(CultureInfo.InvariantCulture, $"hash({RowNumber}, {seed}) < {(ulong)((double)most / rows * ulong.MaxValue)}::UBIGINT"));
}
