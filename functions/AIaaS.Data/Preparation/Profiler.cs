using System.Globalization;
using System.Text.Json;
using AIaaS.Data.DuckDb;
using AIaaS.Formats;

namespace AIaaS.Data.Preparation;

/// <summary>Describes the columns of a prepared table.</summary>
internal sealed class Profiler(DuckDbConnection connection, PreparedTable table, long rows)
{
    /// <summary>Above this many rows distinct counts (HyperLogLog) and quantiles (t-digest) are approximate.</summary>
    private const long ExactRows = 1_000_000;

    /// <summary>Up to this many rows one ordered map per column is cheaper than a hash table per column.</summary>
    private const long SmallRows = 10_000;

    private const int Batch = 200;
    private const int Bins = 20;
    private const int MostTopValues = 100;
    private const int LongestValue = 200;

    private static readonly double[] Probabilities = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

    public DataProfile Profile(long duplicates, CancellationToken cancellationToken)
    {
        var columns = new ColumnSummary[table.Columns.Count];
        foreach (int[] batch in Enumerable.Range(0, columns.Length).Chunk(Batch))
            Summarize(batch, columns, cancellationToken);
        int[] numeric = [.. Enumerable.Range(0, columns.Length).Where(i => table.Columns[i].IsNumeric && columns[i].Count > 0)];
        foreach (int[] batch in numeric.Chunk(Batch))
            AddMoments(batch, columns, cancellationToken);
        int[] listed = [.. Enumerable.Range(0, columns.Length).Where(i => HasTopValues(table.Columns[i], columns[i]))];
        foreach (int[] batch in listed.Chunk(50))
            AddTopValues(batch, columns, cancellationToken);

        return new DataProfile
        {
            Rows = rows,
            DuplicateRows = duplicates,
            Columns =
            [
                .. columns.Select((summary, i) => new ColumnProfile
                {
                    Name = table.Columns[i].Name,
                    Kind = ColumnKinds.Infer(table.Columns[i], summary),
                    Count = rows,
                    Missing = rows - summary.Count,
                    Distinct = summary.Distinct,
                    DistinctIsApproximate = rows > ExactRows || table.Columns[i].IsImage,
                    Min = summary.Min,
                    Max = summary.Max,
                    Mean = summary.Mean,
                    StandardDeviation = summary.StandardDeviation,
                    Quantiles = summary.Quantiles,
                    Histogram = summary.Histogram,
                    TopValues = summary.TopValues,
                }),
            ],
        };
    }

    private static bool HasTopValues(PreparedColumn column, ColumnSummary summary) => summary.Count > 0 && !column.IsJson && column.Type switch
    {
        "VARCHAR" => summary.Distinct <= MostTopValues || summary.Distinct < summary.Count,
        "BOOLEAN" => true,
        _ => column.IsNumeric && summary.Distinct <= MostTopValues,
    };

    private void Summarize(int[] batch, ColumnSummary[] columns, CancellationToken cancellationToken)
    {
        const int PerColumn = 7;
        IEnumerable<string> expressions = batch.SelectMany(i =>
        {
            string c = Invariant($"c{i}");
            PreparedColumn column = table.Columns[i];
            string distinct = column.IsImage ? $"approx_count_distinct({c})"
                : rows <= SmallRows ? $"coalesce(cardinality(histogram({c})), 0)"
                : rows <= ExactRows ? $"count(DISTINCT {c})"
                : $"approx_count_distinct({c})";
            return (string[])
            [
                $"count({c})",
                $"({distinct})::BIGINT",
                column.IsImage ? "NULL" : column.Type == "VARCHAR" ? $"left(min({c}), {LongestValue})" : $"min({c})",
                column.IsImage ? "NULL" : column.Type == "VARCHAR" ? $"left(max({c}), {LongestValue})" : $"max({c})",
                column.IsNumeric ? Quantiles(c) : "NULL",
                column.Type == "VARCHAR" ? $"avg(length({c}))" : "NULL::DOUBLE",
                column.Type == "VARCHAR" ? $"avg(length({c}) - length(replace({c}, ' ', '')) + 1)" : "NULL::DOUBLE",
            ];
        });
        using DuckDbResult result = connection.Query($"SELECT {string.Join(", ", expressions)} FROM {table.Table}", cancellationToken);
        result.Read();
        for (int j = 0; j < batch.Length; j++)
        {
            int at = j * PerColumn;
            string type = table.Columns[batch[j]].Type;
            columns[batch[j]] = new ColumnSummary
            {
                Count = result.Vector(at).Int64(0),
                Distinct = Math.Min(result.Vector(at + 1).Int64(0), result.Vector(at).Int64(0)),
                Min = Json(result.Vector(at + 2), type),
                Max = Json(result.Vector(at + 3), type),
                Quantiles = table.Columns[batch[j]].IsNumeric && result.Vector(at + 4).IsValid(0) ? ReadQuantiles(result.Vector(at + 4)) : null,
                MeanLength = Number(result.Vector(at + 5)) ?? 0,
                MeanWords = Number(result.Vector(at + 6)) ?? 0,
            };
        }

        string Quantiles(string c) =>
            $"{(rows <= ExactRows ? "quantile_cont" : "approx_quantile")}({c}::DOUBLE, [{string.Join(", ", Probabilities.Select(p => p.ToString(CultureInfo.InvariantCulture)))}])";
    }

    /// <summary>Mean, standard deviation and histogram in one pass, in chunks of columns.</summary>
    private void AddMoments(int[] batch, ColumnSummary[] columns, CancellationToken cancellationToken)
    {
        Moments[] moments = [.. batch.Select(i => new Moments(columns[i].Min!.Value.GetDouble(), columns[i].Max!.Value.GetDouble(), columns[i].Quantiles![Probabilities.Length / 2].Value, Bins))];
        using (DuckDbResult result = connection.Query($"SELECT {string.Join(", ", batch.Select(i => Invariant($"c{i}::DOUBLE")))} FROM {table.Table}", cancellationToken))
        {
            while (result.Read())
            {
                for (int j = 0; j < batch.Length; j++)
                    moments[j].Add(result.Vector(j));
            }
        }
        for (int j = 0; j < batch.Length; j++)
        {
            columns[batch[j]] = columns[batch[j]] with
            {
                Mean = moments[j].Mean,
                StandardDeviation = moments[j].StandardDeviation,
                Histogram = moments[j].Histogram,
            };
        }
    }

    private void AddTopValues(int[] batch, ColumnSummary[] columns, CancellationToken cancellationToken)
    {
        string source = table.Table;
        if (table.Columns.Count > Batch)
        {
            // A reference to a table costs by its width, and there is one for each column.
            source = "slice";
            connection.Execute($"CREATE OR REPLACE TABLE slice AS SELECT {string.Join(", ", batch.Select(i => Invariant($"c{i}")))} FROM {table.Table}", cancellationToken);
        }
        string sql = string.Join(" UNION ALL ", batch.Select(i => Invariant(
            $"(SELECT {i} AS i, left(c{i}::VARCHAR, {LongestValue}) AS v, count(*) AS n FROM {source} WHERE c{i} IS NOT NULL GROUP BY c{i} ORDER BY n DESC, c{i} LIMIT {MostTopValues})")));
        var lists = batch.ToDictionary(i => i, _ => new List<ValueCount>());
        using (DuckDbResult result = connection.Query(sql, cancellationToken))
        {
            while (result.Read())
            {
                for (int row = 0; row < result.RowCount; row++)
                    lists[(int)result.Vector(0).Int64(row)].Add(new(result.Vector(1).Text(row), result.Vector(2).Int64(row)));
            }
        }
        foreach ((int i, List<ValueCount> list) in lists)
            columns[i] = columns[i] with { TopValues = list };
    }

    private static List<Quantile> ReadQuantiles(DuckDbVector lists)
    {
        DuckDbListEntry entry = lists.Values<DuckDbListEntry>()[0];
        ReadOnlySpan<double> values = lists.ListElements().Values<double>().Slice((int)entry.Offset, (int)entry.Length);
        var quantiles = new List<Quantile>(values.Length);
        for (int i = 0; i < values.Length; i++)
            quantiles.Add(new(Probabilities[i], values[i]));
        return quantiles;
    }

    private static double? Number(DuckDbVector vector) => vector.IsValid(0) ? vector.Values<double>()[0] : null;

    private static JsonElement? Json(DuckDbVector vector, string type)
    {
        if (!vector.IsValid(0))
            return null;
        return type switch
        {
            "DOUBLE" => JsonSerializer.SerializeToElement(vector.Values<double>()[0]),
            "BIGINT" => JsonSerializer.SerializeToElement(vector.Values<long>()[0]),
            "BOOLEAN" => JsonSerializer.SerializeToElement(vector.Values<byte>()[0] != 0),
            "DATE" => JsonSerializer.SerializeToElement(Time(vector.Values<int>()[0] * TimeSpan.MicrosecondsPerDay)),
            "TIMESTAMP" => JsonSerializer.SerializeToElement(Time(vector.Values<long>()[0])),
            _ => JsonSerializer.SerializeToElement(vector.Text(0)),
        };
    }

    /// <summary>RFC 3339; times beyond the year 9999, which it cannot say, at its ends.</summary>
    private static string Time(long microseconds)
    {
        long least = (DateTime.MinValue - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        long most = (DateTime.MaxValue - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        return DateTime.UnixEpoch.AddMicroseconds(Math.Clamp(microseconds, least, most)).ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture);
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
