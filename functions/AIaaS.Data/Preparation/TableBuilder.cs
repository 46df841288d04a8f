using System.Globalization;
using AIaaS.Data.DuckDb;
using AIaaS.Formats;

namespace AIaaS.Data.Preparation;

/// <summary>Brings the sources' tables to common columns and few types, in the order of the sources and their rows.</summary>
internal sealed class TableBuilder(DuckDbConnection connection, Quarantine quarantine, List<QualityFinding> findings)
{
    private const int Batch = 200;

    /// <summary>Whether numbers and times that were written for people become such.</summary>
    public bool RecoversTypes { get; init; }

    /// <summary>What was recovered, in the order it was done, with the rows it cost.</summary>
    public List<(string Step, string Detail, long Rejected)> Recovered { get; } = [];

    public PreparedTable Build(IReadOnlyList<RawTable> sources, CancellationToken cancellationToken)
    {
        var facts = sources.Select(source => Examine(source, cancellationToken)).ToList();
        Dictionary<(int Source, int Column), Recovery> recoveries = RecoversTypes ? FindRecoveries(sources, facts, cancellationToken) : [];
        RevertMixed(sources, facts, recoveries);
        (List<PreparedColumn> columns, Dictionary<string, int> byName) = Unite(sources, Effective);
        ReportInfinities(sources, facts);

        for (int s = 0; s < sources.Count; s++)
        {
            string rejected = Reject(sources[s], [.. recoveries.Where(pair => pair.Key.Source == s).Select(pair => pair.Value)], sources.Count > 1, cancellationToken);
            var expressions = Enumerable.Repeat("", columns.Count).Select((_, i) => Invariant($"NULL::{columns[i].Type} AS c{i}")).ToArray();
            for (int i = 0; i < sources[s].Columns.Count; i++)
            {
                int at = byName[sources[s].Columns[i].Name];
                expressions[at] = Invariant($"({Effective(s, i).Expression})::{columns[at].Type} AS c{at}");
            }
            string select = Invariant($"SELECT {string.Join(", ", expressions)}, {s} AS src, {sources[s].RowNumber} AS ord FROM {sources[s].Table}{rejected}");
            connection.Execute(s == 0 ? $"CREATE TABLE data AS {select}" : $"INSERT INTO data {select}", cancellationToken);
            connection.Execute(sources[s].DropSql, cancellationToken);
        }
        HashSet<string> untrimmed = sources.Where(source => source.Kind != SourceKind.Delimited).SelectMany(source => source.Columns).Select(column => column.Name)
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        return new("data", [.. columns.Select(column => column with { IsTrimmed = !untrimmed.Contains(column.Name) })]);

        ColumnFacts Effective(int source, int column) => recoveries.TryGetValue((source, column), out Recovery? recovery)
            ? new(recovery.Type, recovery.Value(facts[source][column].Expression), IsJson: false, Infinite: 0)
            : facts[source][column];
    }

    /// <summary>The columns of all sources by name, each of the type that holds what all have.</summary>
    private (List<PreparedColumn> Columns, Dictionary<string, int> ByName) Unite(IReadOnlyList<RawTable> sources, Func<int, int, ColumnFacts> factsOf)
    {
        var columns = new List<PreparedColumn>();
        var byName = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        for (int s = 0; s < sources.Count; s++)
        {
            for (int i = 0; i < sources[s].Columns.Count; i++)
            {
                string name = sources[s].Columns[i].Name;
                ColumnFacts fact = factsOf(s, i);
                if (!byName.TryGetValue(name, out int at))
                {
                    byName.Add(name, columns.Count);
                    columns.Add(new(name, fact.Type, fact.IsJson));
                    continue;
                }
                string type = Widest(columns[at].Type, fact.Type);
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
        return (columns, byName);
    }

    private Dictionary<(int Source, int Column), Recovery> FindRecoveries(IReadOnlyList<RawTable> sources, List<ColumnFacts[]> facts, CancellationToken cancellationToken)
    {
        var texts = new List<TextColumn>();
        var plain = new List<(string Name, WrittenNumbers Written)>();
        for (int s = 0; s < sources.Count; s++)
        {
            for (int i = 0; i < facts[s].Length && sources[s].Kind == SourceKind.Delimited; i++)
            {
                string name = sources[s].Columns[i].Name;
                if (facts[s][i].Type == "VARCHAR")
                    texts.Add(new(s, i, name, sources[s].Table, facts[s][i].Expression));
                else if (facts[s][i].Type is "DOUBLE" or "BIGINT")
                    plain.Add((name, WrittenNumbers.Plain(facts[s][i].Present, areIntegers: facts[s][i].Type == "BIGINT")));
            }
        }
        ILookup<string, WrittenNumbers> byName = plain.ToLookup(pair => pair.Name, pair => pair.Written, StringComparer.OrdinalIgnoreCase);
        return new TypeRecovery(connection, findings).Find(texts, byName, cancellationToken).ToDictionary(recovery => (recovery.Column.Source, recovery.Column.Column));
    }

    /// <summary>What another source keeps as text stays as it is written everywhere.</summary>
    private static void RevertMixed(IReadOnlyList<RawTable> sources, List<ColumnFacts[]> facts, Dictionary<(int Source, int Column), Recovery> recoveries)
    {
        var types = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        for (int s = 0; s < sources.Count; s++)
        {
            for (int i = 0; i < facts[s].Length; i++)
            {
                string type = recoveries.TryGetValue((s, i), out Recovery? recovery) ? recovery.Type : facts[s][i].Type;
                string name = sources[s].Columns[i].Name;
                types[name] = types.TryGetValue(name, out string? before) ? Widest(before, type) : type;
            }
        }
        foreach (Recovery recovery in recoveries.Values.Where(recovery => types[recovery.Column.Name] == "VARCHAR").ToList())
            recoveries.Remove((recovery.Column.Source, recovery.Column.Column));
    }

    /// <summary>Quarantines the rows whose text is no value of a recovered column; returns the condition that leaves them out.</summary>
    private string Reject(RawTable source, IReadOnlyList<Recovery> recoveries, bool namesSource, CancellationToken cancellationToken)
    {
        string condition = "";
        if (recoveries.Any(recovery => recovery.Rejected > 0))
        {
            connection.Execute("CREATE OR REPLACE TEMP TABLE unrecovered (r BIGINT)", cancellationToken);
            condition = $" WHERE {source.RowNumber} NOT IN (SELECT r FROM unrecovered)";
        }
        foreach (Recovery recovery in recoveries)
        {
            long rejected = recovery.Rejected > 0 ? Reject(source, recovery, condition, cancellationToken) : 0;
            string of = namesSource ? $" of {source.Origin.Name}" : "";
            Recovered.Add((recovery.Step, Invariant(
                $"{recovery.Column.Name}: {recovery.Present - recovery.Rejected} values{of} {recovery.What}{(rejected > 0 ? Invariant($"; put aside {rejected} rows whose value is none") : "")}."), rejected));
        }
        return condition;
    }

    /// <summary>Quarantines the rows that a recovery costs and that no other did before; returns how many.</summary>
    private long Reject(RawTable source, Recovery recovery, string condition, CancellationToken cancellationToken)
    {
        string text = recovery.Column.Expression;
        string where = $"{condition} AND ({text}) IS NOT NULL AND ({recovery.Value(text)}) IS NULL";
        // What the pipeline hides is found by the columns' names.
        string json = quarantine.Mask is null ? "NULL::VARCHAR" : $"json_object({string.Join(", ", source.Columns.Select((column, i) => Invariant($"{Sql.Literal(column.Name)}, c{i}")))})::VARCHAR";
        long count = 0;
        using (IRowLocator? locator = source.Origin.OpenLocator?.Invoke())
        using (DuckDbResult result = connection.Query($"SELECT {source.RowNumber} AS r, {text}, {json} FROM {source.Table}{where} ORDER BY r", cancellationToken))
        {
            while (result.Read())
            {
                for (int row = 0; row < result.RowCount; row++)
                {
                    LocatedRow? found = locator?.At(result.Vector(0).Int64(row));
                    quarantine.Add(new QuarantinedRow
                    {
                        File = source.Origin.Name,
                        Line = found?.Line,
                        Column = recovery.Column.Name,
                        Value = result.Vector(1).Text(row),
                        Reason = recovery.Reason,
                        Raw = result.Vector(2).IsValid(row) ? result.Vector(2).Text(row) : found?.Raw,
                    });
                    count++;
                }
            }
        }
        connection.Execute($"INSERT INTO unrecovered SELECT {source.RowNumber} FROM {source.Table}{where}", cancellationToken);
        return count;
    }

    private static string Widest(string first, string second) => (first, second) switch
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
                // What the engine could give no type is of several: plain values become plain again.
                "JSON" => [Invariant($"count(*) FILTER (json_type(c{i}) IN ('OBJECT', 'ARRAY'))"), Invariant($"count(*) FILTER (NOT {IsNumber(Invariant($"c{i}"))})")],
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
                long noNumbers = result.Vector(batch.Length + 2 * j + 1).Int64(0);
                facts[batch[j]] = FactsOf(source, batch[j], present, unlike, noNumbers) with { Present = present };
            }
        }
        return facts;
    }

    private static ColumnFacts FactsOf(RawTable source, int column, long present, long unlike, long noNumbers)
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
            "DOUBLE" or "FLOAT" => new(unlike == 0 && raw.WrittenAsInteger ? "BIGINT" : "DOUBLE", noNumbers == 0 ? c : $"CASE WHEN isfinite({c}) THEN {c} END", false, noNumbers),
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
            "JSON" when unlike == 0 && noNumbers == 0 => new("DOUBLE", $"CASE WHEN isfinite(TRY_CAST({c} ->> '$' AS DOUBLE)) THEN TRY_CAST({c} ->> '$' AS DOUBLE) END", false, 0),
            "JSON" when unlike == 0 => new("VARCHAR", $"nullif({c} ->> '$', '')", false, 0),
            _ => new("VARCHAR", $"to_json({c})::VARCHAR", true, 0),
        };
    }

    private static string Text(string column) =>
        $"CASE WHEN {Trim(column)} NOT IN ({string.Join(", ", MissingValues.Texts.Select(Sql.Literal))}) THEN {Trim(column)} END";

    /// <summary>A JSON value that is a number, or a text that is one and no code such as 007.</summary>
    private static string IsNumber(string column) => $"regexp_full_match({column} ->> '$', '-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?')";

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

    private readonly record struct ColumnFacts(string Type, string Expression, bool IsJson, long Infinite, long Present = 0);
}
