using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using AIaaS.Data.DuckDb;

namespace AIaaS.Data.Preparation;

/// <summary>Reads JSON, JSON Lines and Parquet, which bring their own types.</summary>
internal sealed class DocumentReader(DuckDbConnection connection, Quarantine quarantine, string workFolder, List<string> findings)
{
    private const int LongestObject = 16 * 1024 * 1024;

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
        string reader = source.Kind switch
        {
            SourceKind.Parquet => $"read_parquet({Sql.Literal(path)}, hive_partitioning=false)",
            SourceKind.JsonLines => $"read_json({Sql.Literal(path)}, format='newline_delimited', records=true, sample_size=-1, hive_partitioning=false, maximum_object_size={LongestObject})",
            _ => $"read_json({Sql.Literal(path)}, format='auto', records=true, sample_size=-1, hive_partitioning=false, maximum_object_size={LongestObject})",
        };
        var names = new List<string>();
        var types = new List<string>();
        try
        {
            connection.Execute($"CREATE TABLE {table}_named AS SELECT * FROM {reader}", cancellationToken);
        }
        catch (DuckDbException exception)
        {
            throw new DatasetException(DatasetReasons.Malformed,
                $"{source.Name} cannot be read as {(source.Kind == SourceKind.Parquet ? "Parquet" : "JSON (an array of objects, or one object per line)")}: {FirstLine(exception.Message, path)}");
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
        string columns = string.Join(", ", names.Select((name, i) => Invariant($"{Sql.Identifier(name)} AS c{i}")));
        connection.Execute($"CREATE VIEW {table} AS SELECT {columns}, rowid AS ord FROM {table}_named", cancellationToken);
        return new(table, source.Kind, [.. HeaderRow.Names(names, names.Count, findings).Select((name, i) => new RawColumn(name, types[i]))], origin) { RowNumber = "ord", DropSql = $"DROP TABLE {table}_named CASCADE" };
    }

    /// <summary>Copies the lines that are JSON objects; the others are quarantined with their line.</summary>
    private void KeepValidLines(InspectedSource source, string target, string linesPath, CancellationToken cancellationToken)
    {
        using var lines = new PairWriter(linesPath);
        using var reader = new StreamReader(source.Path, Encoding.UTF8);
        using var writer = new StreamWriter(target, append: false, new UTF8Encoding(false));
        long line = 0, kept = 0, lastKept = -1;
        while (reader.ReadLine() is { } text)
        {
            line++;
            if (line % 1024 == 0)
                cancellationToken.ThrowIfCancellationRequested();
            if (string.IsNullOrWhiteSpace(text))
                continue;
            if (text.Length < LongestObject && IsObject(text))
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
                quarantine.Add(new QuarantinedRow
                {
                    File = source.Name,
                    Line = line,
                    Reason = text.Length < LongestObject ? "malformed-json" : "line-too-long",
                    Raw = text.Length < LongestObject ? text : null,
                });
            }
        }
        if (kept == 0)
            throw new DatasetException(DatasetReasons.Malformed, $"{source.Name} has no line that is a JSON object. Send one object per line, for instance {{\"name\":\"value\"}}.");
    }

    private static bool IsObject(string text)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        try
        {
            int length = Encoding.UTF8.GetBytes(text, buffer);
            var reader = new Utf8JsonReader(buffer.AsSpan(0, length));
            return reader.Read() && reader.TokenType == JsonTokenType.StartObject && reader.TrySkip() && !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static string FirstLine(string message, string path) =>
        message.Split('\n')[0].Replace(path, "the file", StringComparison.Ordinal).Trim();

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
