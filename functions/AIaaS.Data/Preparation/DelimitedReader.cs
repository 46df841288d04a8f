using System.Globalization;
using System.Text;
using AIaaS.Data.DuckDb;

namespace AIaaS.Data.Preparation;

/// <summary>Reads a delimited file into a table; rows that do not fit go to quarantine with their line and reason.</summary>
internal sealed class DelimitedReader(DuckDbConnection connection, Quarantine quarantine, string workFolder, List<string> findings)
{
    /// <summary>Rows looked at for types in files above <see cref="WholeSurveyBytes"/>; smaller ones are looked at whole.</summary>
    private const int SurveyRows = 50_000;

    private const long WholeSurveyBytes = 64L * 1024 * 1024;

    /// <summary>A column loses its type when more than this share of rows does not fit it.</summary>
    private const double MistakeShare = 0.01;

    private int _reads;

    public RawTable Read(InspectedSource source, string table, CancellationToken cancellationToken)
    {
        DelimitedDialect dialect = DelimitedDialect.Detect(source.Path, source.Name);
        if (dialect.SkippedLines > 0)
            findings.Add(Invariant($"{source.Name}: skipped {dialect.SkippedLines} lines before the table."));
        ColumnSurvey[] surveys = Survey(source, dialect, out bool anyRows, cancellationToken);
        bool hasHeader = HeaderRow.IsHeader(dialect.FirstRow, surveys, anyRows);
        string[] names = HeaderRow.Names(hasHeader ? dialect.FirstRow : null, dialect.Columns, findings);
        string[] types = [.. surveys.Select(survey => survey.ReadType)];
        string[] missing = [.. MissingValues.Texts.Concat(surveys.SelectMany(survey => survey.PaddedMissing.Where(IsNullString))).Distinct(StringComparer.Ordinal)];
        int skip = dialect.SkippedLines + (hasHeader ? 1 : 0);

        // DuckDB refuses words that hold its own signs; between quotes they may.
        bool IsNullString(string text) => text.AsSpan().IndexOfAny(dialect.Delimiter, '\n', '\r') < 0;

        while (true)
        {
            string rejects = Invariant($"rejects{_reads++}");
            string reader = Reader(source.Path, dialect, skip, types, missing, Invariant($"store_rejects=true, rejects_table='{rejects}', rejects_scan='{rejects}_scan'"));
            connection.Execute($"CREATE OR REPLACE TABLE {table} AS SELECT * FROM {reader}", cancellationToken);
            if (!Retype(table, rejects, types, surveys, cancellationToken))
            {
                string rejectedPath = Path.Combine(workFolder, Path.GetRandomFileName());
                Reject(source, dialect, names, types, rejects, rejectedPath, cancellationToken);
                connection.Execute($"DROP TABLE {rejects}", cancellationToken);
                connection.Execute($"DROP TABLE {rejects}_scan", cancellationToken);
                return new(table, SourceKind.Delimited, [.. names.Select((name, i) => new RawColumn(name, types[i], surveys[i].IsInteger))],
                    new(source.Name, () => new DelimitedRowLocator(source.Path, dialect, skip, rejectedPath)));
            }
        }
    }

    /// <summary>Makes text of the columns whose types do not hold in the rows that the survey did not see; true when any was.</summary>
    private bool Retype(string table, string rejects, string[] types, ColumnSurvey[] surveys, CancellationToken cancellationToken)
    {
        var failures = new Dictionary<int, long>();
        using (DuckDbResult result = connection.Query(
            $"""
            SELECT column_idx, count(*)
            FROM (SELECT column_idx FROM {rejects} QUALIFY bool_and(error_type = 'CAST') OVER (PARTITION BY line_byte_position))
            GROUP BY column_idx
            """, cancellationToken))
        {
            while (result.Read())
            {
                for (int row = 0; row < result.RowCount; row++)
                    failures[(int)result.Vector(0).Int64(row) - 1] = result.Vector(1).Int64(row);
            }
        }
        bool retyped = false;
        if (failures.Count > 0)
        {
            long rows = connection.QueryInt64($"SELECT (SELECT count(*) FROM {table}) + (SELECT count(DISTINCT line_byte_position) FROM {rejects})", cancellationToken);
            foreach ((int column, long count) in failures)
            {
                if (count <= MistakeShare * rows)
                    continue;
                types[column] = "VARCHAR";
                retyped = true;
            }
        }
        return retyped || KeepLongIntegers(table, types, surveys, cancellationToken);
    }

    /// <summary>Beyond 2^53 a double skips integers: such keys stay as they are written.</summary>
    private bool KeepLongIntegers(string table, string[] types, ColumnSurvey[] surveys, CancellationToken cancellationToken)
    {
        bool retyped = false;
        foreach (int[] columns in Enumerable.Range(0, types.Length).Where(i => surveys[i].IsInteger && types[i] == "DOUBLE").Chunk(200))
        {
            using DuckDbResult result = connection.Query(
                $"SELECT {string.Join(", ", columns.Select(i => Invariant($"count(*) FILTER (abs(c{i}) >= 9007199254740992 AND isfinite(c{i}))")))} FROM {table}", cancellationToken);
            result.Read();
            for (int i = 0; i < columns.Length; i++)
            {
                if (result.Vector(i).Int64(0) == 0)
                    continue;
                types[columns[i]] = "VARCHAR";
                retyped = true;
            }
        }
        return retyped;
    }

    private ColumnSurvey[] Survey(InspectedSource source, DelimitedDialect dialect, out bool anyRows, CancellationToken cancellationToken)
    {
        int offset = dialect.Columns - dialect.FirstRow.Count;
        ColumnSurvey[] surveys = [.. Enumerable.Range(0, dialect.Columns).Select(i => new ColumnSurvey(i < offset ? "" : dialect.FirstRow[i - offset]))];
        string limit = new FileInfo(source.Path).Length > WholeSurveyBytes ? Invariant($" LIMIT {SurveyRows}") : "";
        string[] types = [.. Enumerable.Repeat("VARCHAR", dialect.Columns)];
        // Threads that read ahead of a limit read for nothing.
        string reader = Reader(source.Path, dialect, dialect.SkippedLines + 1, types, MissingValues.Texts, limit.Length > 0 ? "ignore_errors=true, parallel=false" : "ignore_errors=true");
        anyRows = false;
        using DuckDbResult result = connection.Query($"SELECT * FROM {reader}{limit}", cancellationToken);
        while (result.Read())
        {
            anyRows = true;
            for (int i = 0; i < surveys.Length; i++)
                surveys[i].Add(result.Vector(i));
        }
        return surveys;
    }

    private void Reject(InspectedSource source, DelimitedDialect dialect, string[] names, string[] types, string rejects, string rejectedPath, CancellationToken cancellationToken)
    {
        using var rejected = new PairWriter(rejectedPath);
        using var lines = new LineCounter(source.Path);
        // A row with several mistakes is one row; its first mistake is the reason, and where its fields are amiss so are their types.
        using DuckDbResult result = connection.Query(
            $"""
            SELECT line_byte_position, column_idx, error_type::VARCHAR, csv_line,
                bool_or(error_type NOT IN ('CAST', 'MISSING COLUMNS', 'TOO MANY COLUMNS', 'INVALID ENCODING')) OVER (PARTITION BY line_byte_position)
            FROM {rejects}
            QUALIFY row_number() OVER (PARTITION BY line_byte_position ORDER BY error_type = 'CAST', column_idx) = 1
            ORDER BY line_byte_position
            """, cancellationToken);
        while (result.Read())
        {
            for (int row = 0; row < result.RowCount; row++)
            {
                long position = result.Vector(0).IsValid(row) ? result.Vector(0).Int64(row) : 0;
                int column = result.Vector(1).IsValid(row) ? (int)result.Vector(1).Int64(row) - 1 : -1;
                string error = result.Vector(2).IsValid(row) ? result.Vector(2).Text(row) : "";
                // DuckDB tells a row with the line ends before it.
                string? raw = result.Vector(3).IsValid(row) ? result.Vector(3).Text(row).TrimStart('\n', '\r') : null;
                rejected.Write(position, result.Vector(4).Int64(row) != 0 && raw is not null ? Encoding.UTF8.GetByteCount(raw) : 0);
                string reason = error switch
                {
                    "CAST" => types[column] switch { "BOOLEAN" => "not-a-boolean", "TIMESTAMP" => "not-a-time", _ => "not-a-number" },
                    "MISSING COLUMNS" => "too-few-fields",
                    "TOO MANY COLUMNS" => "too-many-fields",
                    "INVALID ENCODING" => "invalid-encoding",
                    "LINE SIZE OVER MAXIMUM" => "line-too-long",
                    _ => "bad-quotes",
                };
                bool aboutColumn = error is "CAST" or "INVALID ENCODING" && column >= 0 && column < names.Length;
                List<string>? fields = aboutColumn && raw is not null ? DelimitedRecords.Read(raw, dialect.Delimiter).Fields : null;
                quarantine.Add(new QuarantinedRow
                {
                    File = source.Name,
                    Line = lines.LineOfRow(position),
                    Column = aboutColumn ? names[column] : null,
                    Value = fields is not null && column < fields.Count ? fields[column] : null,
                    Reason = reason,
                    Raw = raw,
                });
            }
        }
    }

    private static string Reader(string path, DelimitedDialect dialect, int skip, string[] types, string[] missing, string more)
    {
        string columns = string.Join(", ", types.Select((type, i) => Invariant($"'c{i}': '{type}'")));
        return $"""
            read_csv({Sql.Literal(path)}, auto_detect=false, hive_partitioning=false, header=false, skip={skip.ToString(CultureInfo.InvariantCulture)},
                delim={Sql.Literal(dialect.Delimiter.ToString())}, quote='"', escape='"', nullstr={Sql.List(missing)},
                columns={"{"}{columns}{"}"}, {more})
            """;
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
