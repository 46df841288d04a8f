using System.Globalization;
using System.Text;
using AIaaS.Data.DuckDb;

namespace AIaaS.Data.Preparation;

/// <summary>Reads JSON, JSON Lines and Parquet, which bring their own types.</summary>
internal sealed class DocumentReader(DuckDbConnection connection, Quarantine quarantine, string workFolder, List<string> findings)
{
    private const int WideColumns = 500;

    /// <summary>A part of what the engine says where it takes rows for something else.</summary>
    private const string NoRecords = "expected records";

    public RawTable Read(InspectedSource source, string table, CancellationToken cancellationToken)
    {
        string path = source.Path;
        var origin = new RowOrigin(source.Name);
        if (source.Kind == SourceKind.JsonLines)
        {
            path = Path.Combine(workFolder, Path.GetRandomFileName());
            string linesPath = Path.Combine(workFolder, Path.GetRandomFileName());
            KeepValidLines(source, path, linesPath, cancellationToken);
            origin = origin with { OpenLocator = () => new JsonLinesRowLocator(path, linesPath) };
        }
        Func<string, string> reader = source.Kind switch
        {
            SourceKind.Parquet => _ => $"read_parquet({Sql.Literal(path)}, hive_partitioning=false)",
            SourceKind.JsonLines => JsonReader(path, "newline_delimited"),
            _ => JsonReader(path, "auto"),
        };
        var names = new List<string>();
        var types = new List<string>();
        try
        {
            try
            {
                connection.Execute($"CREATE TABLE {table}_named AS SELECT * FROM {reader("")}", cancellationToken);
            }
            catch (DuckDbException exception) when (exception.Message.Contains(NoRecords, StringComparison.Ordinal))
            {
                // Rows of hundreds of names with like values, or that share few names, are taken for maps, as objects inside of rows should be.
                connection.Execute($"CREATE TABLE {table}_named AS SELECT * FROM {reader(", map_inference_threshold=-1, field_appearance_threshold=0")}", cancellationToken);
            }
        }
        catch (DuckDbException exception)
        {
            throw Unreadable(source, path, exception.Message);
        }
        using (DuckDbResult description = connection.Query($"SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = '{table}_named' ORDER BY column_index", cancellationToken))
        {
            while (description.Read())
            {
                for (int row = 0; row < description.RowCount; row++)
                {
                    names.Add(description.Vector(0).Text(row));
                    types.Add(description.Vector(1).Text(row));
                }
            }
        }
        if (source.Kind == SourceKind.Json && types.Exists(IsNested) && connection.QueryInt64($"SELECT count(*) FROM {table}_named", cancellationToken) == 1)
            findings.Add($"{source.Name} is one object and so one row. If its rows are in a list inside of it, send that list.");
        string columns = string.Join(", ", names.Select((name, i) => Invariant($"{Sql.Identifier(name)} AS c{i}")));
        // A view costs each question the binding of all of its columns, which for thousands is more than the copy.
        bool isWide = names.Count > WideColumns;
        connection.Execute($"CREATE {(isWide ? "TABLE" : "VIEW")} {table} AS SELECT {columns}, rowid AS ord FROM {table}_named", cancellationToken);
        if (isWide)
            connection.Execute($"DROP TABLE {table}_named", cancellationToken);
        return new(table, source.Kind, [.. HeaderRow.Names(names, names.Count, findings).Select((name, i) => new RawColumn(name, types[i]))], origin)
        {
            RowNumber = "ord",
            DropSql = isWide ? $"DROP TABLE {table}" : $"DROP TABLE {table}_named CASCADE",
        };
    }

    /// <summary>Copies the lines that are JSON objects; the others are quarantined with their line.</summary>
    private void KeepValidLines(InspectedSource source, string target, string linesPath, CancellationToken cancellationToken)
    {
        using var lines = new PairWriter(linesPath);
        using var reader = new StreamReader(source.Path, Encoding.UTF8);
        using var writer = new StreamWriter(target, append: false, new UTF8Encoding(false));
        long line = 0, kept = 0, lastKept = -1, repaired = 0;
        while (reader.ReadLine() is { } text)
        {
            line++;
            if (line % 1024 == 0)
                cancellationToken.ThrowIfCancellationRequested();
            if (string.IsNullOrWhiteSpace(text))
                continue;
            string? reason = JsonLine.Complaint(text);
            if (reason is not null && JsonLine.WithoutNonNumbers(text) is { } other && JsonLine.Complaint(other) is null)
            {
                (text, reason) = (other, null);
                repaired++;
            }
            if (reason is null)
            {
                writer.Write(text);
                writer.Write('\n');
                if (lastKept != line - 1)
                    lines.Write(kept, line);
                lastKept = line;
                kept++;
            }
            else
            {
                quarantine.Add(new QuarantinedRow { File = source.Name, Line = line, Reason = reason, Raw = text.Length < JsonLine.Longest ? text : null });
            }
        }
        if (kept == 0)
            throw new DatasetException(DatasetReasons.Malformed, $"{source.Name} has no line that is a JSON object. Send one object per line, for instance {{\"name\":\"value\"}}.");
        if (repaired > 0)
            findings.Add(Invariant($"{source.Name}: NaN and Infinity, which JSON does not have, are taken as missing; they are in {repaired} of {kept} lines."));
    }

    private static Func<string, string> JsonReader(string path, string format) => more =>
        $"read_json({Sql.Literal(path)}, format='{format}', records=true, sample_size=-1, hive_partitioning=false, maximum_object_size={JsonLine.Longest}{more})";

    private static bool IsNested(string type) => type is "JSON" || type.EndsWith("[]", StringComparison.Ordinal) || type.StartsWith("STRUCT", StringComparison.Ordinal) || type.StartsWith("MAP", StringComparison.Ordinal);

    private static DatasetException Unreadable(InspectedSource source, string path, string message)
    {
        if (source.Kind == SourceKind.Parquet)
            return new(DatasetReasons.Malformed, $"{source.Name} cannot be read as Parquet: {FirstLine(message, path)}");
        return new(DatasetReasons.Malformed, message.Contains(NoRecords, StringComparison.Ordinal)
            ? $"{source.Name} holds no objects with values, which rows are made of. Send an array of objects such as [{{\"name\":\"value\"}}], or one object per line."
            : $"{source.Name} cannot be read as JSON (an array of objects, or one object per line): {FirstLine(message, path)}");
    }

    /// <summary>What the engine says without its kind of error and without the path.</summary>
    private static string FirstLine(string message, string path)
    {
        string line = message.Split('\n')[0].Replace(path, "the file", StringComparison.Ordinal).Trim();
        int kind = line.IndexOf(" Error: ", StringComparison.Ordinal);
        return kind < 0 ? line : line[(kind + " Error: ".Length)..];
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
