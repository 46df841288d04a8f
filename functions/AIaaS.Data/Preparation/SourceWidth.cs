using System.Text.Json;
using AIaaS.Data.DuckDb;

namespace AIaaS.Data.Preparation;

/// <summary>How many columns and rows a source will have, found out before an engine is given its memory.</summary>
internal static class SourceWidth
{
    /// <summary>Bytes of a document that are looked at for names; a name that only comes later is not counted.</summary>
    private const int HeadLength = 4 * 1024 * 1024;

    public static int Of(InspectedSource source) => source.Kind switch
    {
        SourceKind.Delimited => DelimitedDialect.Detect(source.Path, source.Name).Columns,
        SourceKind.Parquet => (int)OfParquet(source.Path, "count(*)", "parquet_schema"),
        SourceKind.Images => 0,
        _ => OfObjects(source.Path),
    };

    /// <summary>How many rows a source has at most.</summary>
    public static long MostRowsOf(InspectedSource source) => source.Kind switch
    {
        SourceKind.Parquet => OfParquet(source.Path, "num_rows", "parquet_file_metadata"),
        SourceKind.Images => 0,
        SourceKind.Json => CountOf(source.Path, (byte)'{'),
        _ => CountOf(source.Path, (byte)'\n') + 1,
    };

    private static long CountOf(string path, byte sign)
    {
        using FileStream stream = File.OpenRead(path);
        byte[] buffer = new byte[1 << 16];
        long count = 0;
        for (int read; (read = stream.Read(buffer)) > 0;)
            count += buffer.AsSpan(0, read).Count(sign);
        return count;
    }

    private static long OfParquet(string path, string value, string function)
    {
        try
        {
            path = Path.GetFullPath(path);
            using var database = DuckDbDatabase.Open(new DuckDbOptions { Threads = 1, AllowedDirectories = [], AllowedPaths = [path] });
            using DuckDbConnection connection = database.Connect();
            return connection.QueryInt64($"SELECT {value} FROM {function}({Sql.Literal(path)})");
        }
        catch (DuckDbException)
        {
            // Who reads it says what is amiss with it.
            return 0;
        }
    }

    /// <summary>The different names of the objects at the beginning of a file.</summary>
    private static int OfObjects(string path)
    {
        using FileStream stream = File.OpenRead(path);
        byte[] head = new byte[Math.Min(HeadLength, stream.Length)];
        stream.ReadExactly(head);
        var names = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            var reader = new Utf8JsonReader(head, isFinalBlock: false, new JsonReaderState(new JsonReaderOptions { AllowMultipleValues = true }));
            int depth = head.AsSpan().TrimStart(" \t\r\n"u8) is [(byte)'[', ..] ? 2 : 1;
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == depth)
                    names.Add(reader.GetString()!);
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // As many as there are up to a broken place, or a name that is no text.
        }
        return names.Count;
    }
}
