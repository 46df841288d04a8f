using System.Globalization;
using AIaaS.Data.DuckDb;
using AIaaS.Formats;

namespace AIaaS.Data.Preparation;

/// <summary>Brings the sources' tables to common columns and few types, in the order of the sources and their rows.</summary>
internal sealed class TableBuilder(DuckDbConnection connection, List<QualityFinding> findings)
{
    private const int Batch = 200;

    public PreparedTable Build(IReadOnlyList<RawTable> sources, CancellationToken cancellationToken)
    {
        var facts = sources.Select(source => Examine(source, cancellationToken)).ToList();
        var columns = new List<PreparedColumn>();
        var byName = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        for (int s = 0; s < sources.Count; s++)
        {
            for (int i = 0; i < sources[s].Columns.Count; i++)
            {
                string name = sources[s].Columns[i].Name;
                ColumnFacts fact = facts[s][i];
                if (!byName.TryGetValue(name, out int at))
                {
                    byName.Add(name, columns.Count);
                    columns.Add(new(name, fact.Type, fact.IsJson));
                    continue;
                }
                string type = Widest(columns[at], fact);
                if (type == "VARCHAR" && columns[at].Type != type && fact.Type != type)
                    findings.Add(new(Severity.Warning, name, $"The sources disagree on the type of {name} ({columns[at].Type} and {fact.Type}); it is kept as text."));
                columns[at] = columns[at] with { Type = type, IsJson = columns[at].IsJson || fact.IsJson };
            }
        }
        for (int i = 0; i < columns.Count; i++)
        {
            if (columns[i].Type == "NULL")
                columns[i] = columns[i] with { Type = "VARCHAR" };
        }
        ReportInfinities(sources, facts);

        for (int s = 0; s < sources.Count; s++)
        {
            var expressions = Enumerable.Repeat("", columns.Count).Select((_, i) => Invariant($"NULL::{columns[i].Type} AS c{i}")).ToArray();
            for (int i = 0; i < sources[s].Columns.Count; i++)
            {
                int at = byName[sources[s].Columns[i].Name];
                expressions[at] = Invariant($"({facts[s][i].Expression})::{columns[at].Type} AS c{at}");
            }
            string select = Invariant($"SELECT {string.Join(", ", expressions)}, {s} AS src, {sources[s].RowNumber} AS ord FROM {sources[s].Table}");
            connection.Execute(s == 0 ? $"CREATE TABLE data AS {select}" : $"INSERT INTO data {select}", cancellationToken);
            connection.Execute(sources[s].DropSql, cancellationToken);
        }
        return new("data", columns);
    }

    private static string Widest(PreparedColumn column, ColumnFacts fact) => (column.Type, fact.Type) switch
    {
        var (a, b) when a == b => a,
        ("NULL", var b) => b,
        (var a, "NULL") => a,
        ("BIGINT", "DOUBLE") or ("DOUBLE", "BIGINT") => "DOUBLE",
        ("DATE", "TIMESTAMP") or ("TIMESTAMP", "DATE") => "TIMESTAMP",
        _ => "VARCHAR",
    };

    /// <summary>Decides each column's type from all of its values.</summary>
    private ColumnFacts[] Examine(RawTable source, CancellationToken cancellationToken)
    {
        var facts = new ColumnFacts[source.Columns.Count];
        foreach (int[] batch in Enumerable.Range(0, facts.Length).Chunk(Batch))
        {
            IEnumerable<string> questions = batch.SelectMany(i => source.Columns[i].Type switch
            {
                "DOUBLE" or "FLOAT" => (string[])
                [
                    source.Columns[i].WrittenAsInteger
                        ? Invariant($"count(*) FILTER (isfinite(c{i}) AND (c{i} <> trunc(c{i}) OR abs(c{i}) >= 9007199254740992))")
                        : "0",
                    Invariant($"count(*) FILTER (NOT isfinite(c{i}))"),
                ],
                // The reader took exact words for missing away; blanks around them hid the others.
                "VARCHAR" when source.Kind == SourceKind.Delimited => [$"count(*) FILTER ({IsPadded(Invariant($"c{i}"))})", "0"],
                "BLOB" => [Invariant($"count(*) FILTER (NOT ({IsImage(Invariant($"c{i}"))}))"), "0"],
                "TIMESTAMP" => [Invariant($"count(*) FILTER (c{i}::DATE <> c{i})"), "0"],
                _ => ["0", "0"],
            });
            using DuckDbResult result = connection.Query(
                $"SELECT {string.Join(", ", batch.Select(i => Invariant($"count(c{i})")).Concat(questions))} FROM {source.Table}", cancellationToken);
            result.Read();
            for (int j = 0; j < batch.Length; j++)
            {
                long present = result.Vector(j).Int64(0);
                long unlike = result.Vector(batch.Length + 2 * j).Int64(0);
                long infinite = result.Vector(batch.Length + 2 * j + 1).Int64(0);
                facts[batch[j]] = FactsOf(source, batch[j], present, unlike, infinite);
            }
        }
        return facts;
    }

    private static ColumnFacts FactsOf(RawTable source, int column, long present, long unlike, long infinite)
    {
        RawColumn raw = source.Columns[column];
        string c = Invariant($"c{column}");
        // A column without a value takes the type that another source gives it.
        if (present == 0)
            return new("NULL", "NULL", IsJson: false, Infinite: 0);
        string type = raw.Type.StartsWith("DECIMAL", StringComparison.Ordinal) ? "DECIMAL" : raw.Type;
        if (type.StartsWith("ENUM", StringComparison.Ordinal))
            type = "ENUM";
        return type switch
        {
            // Plain columns stay plain: ten thousand expressions take DuckDB a minute to plan.
            "DOUBLE" or "FLOAT" => new(unlike == 0 && raw.WrittenAsInteger ? "BIGINT" : "DOUBLE", infinite == 0 ? c : $"CASE WHEN isfinite({c}) THEN {c} END", false, infinite),
            "TINYINT" or "SMALLINT" or "INTEGER" or "BIGINT" or "UTINYINT" or "USMALLINT" or "UINTEGER" => new("BIGINT", c, false, 0),
            "UBIGINT" or "HUGEINT" or "UHUGEINT" or "DECIMAL" => new("DOUBLE", c, false, 0),
            "BOOLEAN" => new("BOOLEAN", c, false, 0),
            "DATE" => new("DATE", c, false, 0),
            "TIMESTAMP" when unlike == 0 && source.Kind == SourceKind.Delimited => new("DATE", c, false, 0),
            "TIMESTAMP" or "TIMESTAMP_S" or "TIMESTAMP_MS" or "TIMESTAMP_NS" => new("TIMESTAMP", c, false, 0),
            "TIMESTAMP WITH TIME ZONE" => new("TIMESTAMP", $"{c} AT TIME ZONE 'UTC'", false, 0),
            "VARCHAR" when source.Kind == SourceKind.Delimited => new("VARCHAR", unlike == 0 ? c : Text(c), false, 0),
            "VARCHAR" => new("VARCHAR", $"nullif({c}, '')", false, 0),
            "BLOB" when unlike == 0 => new("BLOB", c, false, 0),
            "UUID" or "TIME" or "TIME WITH TIME ZONE" or "INTERVAL" or "BIT" or "BLOB" or "ENUM" => new("VARCHAR", c, false, 0),
            _ => new("VARCHAR", $"to_json({c})::VARCHAR", true, 0),
        };
    }

    private static string Text(string column) =>
        $"CASE WHEN {Trim(column)} NOT IN ({string.Join(", ", MissingValues.Texts.Select(Sql.Literal))}) THEN {Trim(column)} END";

    /// <summary>By the first bytes of PNG and JPEG files.</summary>
    private static string IsImage(string column) =>
        $@"({column} >= '\x89PNG\x0D\x0A\x1A\x0A'::BLOB AND {column} < '\x89PNG\x0D\x0A\x1A\x0B'::BLOB) OR ({column} >= '\xFF\xD8\xFF'::BLOB AND {column} < '\xFF\xD9'::BLOB)";

    /// <summary>Comparing first and last characters costs a tenth of trimming; a text that begins with a control character is taken for padded.</summary>
    private static string IsPadded(string column) =>
        $"{column} < '!' OR suffix({column}, ' ') OR suffix({column}, E'\\t') OR suffix({column}, E'\\n') OR suffix({column}, E'\\r')";

    private static string Trim(string column) => $"trim({column}, E' \\t\\r\\n')";

    private void ReportInfinities(IReadOnlyList<RawTable> sources, List<ColumnFacts[]> facts)
    {
        for (int s = 0; s < sources.Count; s++)
        {
            for (int i = 0; i < facts[s].Length; i++)
            {
                if (facts[s][i].Infinite > 0)
                    findings.Add(new(Severity.Warning, sources[s].Columns[i].Name, Invariant($"{facts[s][i].Infinite} values that are no finite numbers are taken as missing.")));
            }
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private readonly record struct ColumnFacts(string Type, string Expression, bool IsJson, long Infinite);
}
