using System.Globalization;
using System.Text.Json;
using AIaaS.Data.DuckDb;
using AIaaS.Formats;

namespace AIaaS.Data.Preparation;

/// <summary>Describes the columns of a prepared table.</summary>
internal sealed class Profiler(DuckDbConnection connection, PreparedTable table, long rows)
{
    /// <summary>Above this many rows quantiles are those of a sample.</summary>
    private const long ExactRows = DistinctValues.ExactRows;

    /// <summary>Rows of that sample: a quantile's probability is off by 0.0007 at most, in two of three cases.</summary>
    private const long SampledRows = 500_000;

    /// <summary>Exact quantiles and distinct counts hold the values of as many columns as are asked for at once.</summary>
    private const long ValuesAtOnce = 8_000_000;

    /// <summary>Further from 1970 than a calendar of four digits goes, either way.</summary>
    private const long MostDays = 4_000_000;

    private const int Batch = 200;
    private const int Bins = 20;
    private const int MostTopValues = 100;
    private const int LongestValue = 200;

    private static readonly double[] Probabilities = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

    public DataProfile Profile(long duplicates, CancellationToken cancellationToken)
    {
        ColumnSummary[] columns = Summarize(light: false, cancellationToken);
        int[] ordered = [.. Enumerable.Range(0, columns.Length).Where(i => columns[i] is { Range: not null, Quantiles: not null })];
        foreach (int[] batch in ordered.Chunk(Batch))
            AddMoments(batch, columns, cancellationToken);
        int[] listed = [.. Enumerable.Range(0, columns.Length).Where(i => HasTopValues(table.Columns[i], columns[i]))];
        foreach (int[] batch in listed.Chunk(50))
            AddTopValues(batch, columns, cancellationToken);

        return ToProfile(columns, duplicates);
    }

    /// <summary>Only what tells the kinds of the columns and how many values they have; far less work.</summary>
    public DataProfile ProfileLightly(CancellationToken cancellationToken) => ToProfile(Summarize(light: true, cancellationToken), duplicates: 0);

    private DataProfile ToProfile(ColumnSummary[] columns, long duplicates) => new()
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
                DistinctIsApproximate = summary.DistinctIsApproximate,
                Min = summary.Min,
                Max = summary.Max,
                Mean = summary.Mean,
                StandardDeviation = summary.StandardDeviation,
                Quantiles = summary.Quantiles,
                Histogram = summary.Histogram,
                TopValues = summary.TopValues,
                Lengths = summary.Lengths,
            }),
        ],
    };

    private static bool HasTopValues(PreparedColumn column, ColumnSummary summary) => summary.Count > 0 && !column.IsJson && column.Type switch
    {
        "VARCHAR" => summary.Distinct <= MostTopValues || summary.Distinct < summary.Count,
        "BOOLEAN" => true,
        _ => column.IsNumeric && summary.Distinct <= MostTopValues,
    };

    private ColumnSummary[] Summarize(bool light, CancellationToken cancellationToken)
    {
        var columns = new ColumnSummary[table.Columns.Count];
        int batchSize = (int)Math.Clamp(ValuesAtOnce / Math.Min(Math.Max(1, rows), ExactRows), 1, Batch);
        foreach (int[] batch in Enumerable.Range(0, columns.Length).Chunk(batchSize))
            Summarize(batch, columns, light, cancellationToken);
        return columns;
    }

    private void Summarize(int[] batch, ColumnSummary[] columns, bool light, CancellationToken cancellationToken)
    {
        string[] facts = [.. batch.SelectMany(i => FactExpressions(i, light))];
        if (rows <= ExactRows)
        {
            using DuckDbResult all = connection.Query($"SELECT {string.Join(", ", facts.Concat(TypicalExpressions(batch, light)))} FROM {table.Table}", cancellationToken);
            all.Read();
            ReadFacts(all, batch, columns);
            ReadTypical(all, facts.Length, batch, columns);
            return;
        }
        using (DuckDbResult all = connection.Query($"SELECT {string.Join(", ", facts)} FROM {table.Table}", cancellationToken))
        {
            all.Read();
            ReadFacts(all, batch, columns);
        }
        int[] few = [.. batch.Where(i => !columns[i].DistinctIsApproximate)];
        foreach ((int i, long distinct) in DistinctValues.Count(connection, table.Table, few, cancellationToken))
            columns[i] = columns[i] with { Distinct = distinct };
        // A sample would hardly meet the values of a column that is missing nearly everywhere, and there all of them are few.
        string threshold = ((UInt128)ulong.MaxValue * SampledRows / (ulong)rows).ToString(CultureInfo.InvariantCulture);
        foreach (IGrouping<bool, int> group in batch.GroupBy(i => columns[i].Count > SampledRows))
        {
            int[] some = [.. group];
            using DuckDbResult typical = connection.Query(
                $"SELECT {string.Join(", ", TypicalExpressions(some, light))} FROM {table.Table}{(group.Key ? $" WHERE hash(src, ord) <= {threshold}" : "")}", cancellationToken);
            typical.Read();
            ReadTypical(typical, 0, some, columns);
        }
    }

    /// <summary>What must be asked of every row.</summary>
    private string[] FactExpressions(int i, bool light)
    {
        string c = Invariant($"c{i}");
        PreparedColumn column = table.Columns[i];
        bool isText = column.Type == "VARCHAR";
        return
        [
            $"count({c})",
            .. column.IsImage ? [$"approx_count_distinct({c})::BIGINT", "0::BIGINT"] : DistinctValues.Expressions(c, rows),
            light || column.IsImage ? "NULL" : isText ? $"left(min({c}), {LongestValue})" : $"min({c})",
            light || column.IsImage ? "NULL" : isText ? $"left(max({c}), {LongestValue})" : $"max({c})",
            IsOrdered(column) && !light ? column.AsDouble($"min({c})") : "NULL::DOUBLE",
            IsOrdered(column) && !light ? column.AsDouble($"max({c})") : "NULL::DOUBLE",
            isText ? $"list_value(min(length({c})), max(length({c})))" : "NULL",
            isText ? $"avg(length({c}))" : "NULL::DOUBLE",
        ];
    }

    /// <summary>What many rows tell as well as all.</summary>
    private IEnumerable<string> TypicalExpressions(int[] batch, bool light) => batch.SelectMany(i =>
    {
        string c = Invariant($"c{i}");
        PreparedColumn column = table.Columns[i];
        return (string[])
        [
            IsOrdered(column) && !light ? $"quantile_cont({column.AsDouble(c)}, [{string.Join(", ", Probabilities.Select(p => p.ToString(CultureInfo.InvariantCulture)))}])" : "NULL",
            column.Type == "VARCHAR" ? $"avg(length({c}) - length(replace({c}, ' ', '')) + 1)" : "NULL::DOUBLE",
        ];
    });

    private void ReadFacts(DuckDbResult result, int[] batch, ColumnSummary[] columns)
    {
        const int PerColumn = 9;
        for (int j = 0; j < batch.Length; j++)
        {
            int at = j * PerColumn;
            PreparedColumn column = table.Columns[batch[j]];
            string type = column.Type;
            (long count, long values) = (result.Vector(at).Int64(0), result.Vector(at + 1).Int64(0));
            long? estimate = column.IsImage ? Math.Min(values, count) : DistinctValues.Estimate(rows, count, values, result.Vector(at + 2).Int64(0));
            columns[batch[j]] = new ColumnSummary
            {
                Count = count,
                Distinct = estimate ?? 0,
                DistinctIsApproximate = column.IsImage || (rows > ExactRows && estimate is not null),
                Min = Json(result.Vector(at + 3), type),
                Max = Json(result.Vector(at + 4), type),
                Range = Number(result.Vector(at + 5)) is { } low && Number(result.Vector(at + 6)) is { } high ? (low, high) : null,
                Lengths = type == "VARCHAR" && Number(result.Vector(at + 8)) is { } length ? ReadLengths(result.Vector(at + 7), length) : null,
            };
        }
    }

    private static void ReadTypical(DuckDbResult result, int at, int[] batch, ColumnSummary[] columns)
    {
        foreach (int i in batch)
        {
            columns[i] = columns[i] with
            {
                Quantiles = result.ColumnType(at) == DuckDbType.List && result.Vector(at).IsValid(0) ? ReadQuantiles(result.Vector(at)) : null,
                MeanWords = Number(result.Vector(at + 1)) ?? 0,
            };
            at += 2;
        }
    }

    private static bool IsOrdered(PreparedColumn column) => column.IsNumeric || column.IsTime;

    /// <summary>Mean, standard deviation and histogram in one pass, in chunks of columns.</summary>
    private void AddMoments(int[] batch, ColumnSummary[] columns, CancellationToken cancellationToken)
    {
        Moments[] moments = [.. batch.Select(i => new Moments(columns[i].Range!.Value.Low, columns[i].Range!.Value.High, columns[i].Quantiles![Probabilities.Length / 2].Value, Bins))];
        using (DuckDbResult result = connection.Query($"SELECT {string.Join(", ", batch.Select(i => table.Columns[i].AsDouble(Invariant($"c{i}"))))} FROM {table.Table}", cancellationToken))
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
                Mean = table.Columns[batch[j]].IsNumeric ? moments[j].Mean : null,
                StandardDeviation = table.Columns[batch[j]].IsNumeric ? moments[j].StandardDeviation : null,
                Histogram = moments[j].Histogram,
            };
        }
    }

    private void AddTopValues(int[] batch, ColumnSummary[] columns, CancellationToken cancellationToken)
    {
        if (table.Columns.Count > Batch && rows <= DistinctValues.SmallRows)
        {
            foreach ((int i, List<ValueCount> values) in SmallTopValues.Count(connection, table, batch, MostTopValues, LongestValue, cancellationToken))
                columns[i] = columns[i] with { TopValues = values };
            return;
        }
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

    private static TextLengths ReadLengths(DuckDbVector ends, double mean)
    {
        DuckDbListEntry entry = ends.Values<DuckDbListEntry>()[0];
        ReadOnlySpan<long> values = ends.ListElements().Values<long>().Slice((int)entry.Offset, (int)entry.Length);
        return new(values[0], mean, values[1]);
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
            // The engine knows days millions of years away, whose microseconds no 64 bits hold.
            "DATE" => JsonSerializer.SerializeToElement(Time(Math.Clamp(vector.Values<int>()[0], -MostDays, MostDays) * TimeSpan.MicrosecondsPerDay)),
            "TIMESTAMP" => JsonSerializer.SerializeToElement(Time(vector.Values<long>()[0])),
            _ => JsonSerializer.SerializeToElement(vector.Text(0)),
        };
    }

    /// <summary>RFC 3339; times beyond the year 9999, which it cannot say, at its ends.</summary>
    private static string Time(long microseconds)
    {
        long least = (DateTime.MinValue - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        long most = (DateTime.MaxValue - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        return DateTime.UnixEpoch.AddTicks(Math.Clamp(microseconds, least, most) * TimeSpan.TicksPerMicrosecond).ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture);
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
