using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Expressions;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Rows;

/// <summary>Which rows and columns are asked for.</summary>
public sealed record RowQuery
{
    /// <summary>Names of columns in the order wanted; null for all.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>A scalar SQL expression over the columns; rows for which it is not true are left out. Null for all rows.</summary>
    public string? Filter { get; init; }

    /// <summary>Only rows after this one, counted from 0 in <c>data.parquet</c>; -1 for all.</summary>
    public long After { get; init; } = -1;

    /// <summary>Rows at most; null for no bound.</summary>
    public int? Limit { get; init; }

    /// <summary>Bytes after which no further row is begun; at least one row is written. Null for no bound.</summary>
    public long? EnoughBytes { get; init; }

    /// <summary>Characters after which a text is cut, with how many it has behind it; less where there are many columns. Null for whole texts.</summary>
    public int? LongestText { get; init; }
}

/// <summary>Bounds on the engine.</summary>
public sealed record DatasetRowsOptions
{
    public long MemoryLimit { get; init; } = 256L << 20;

    public int Threads { get; init; } = 2;
}

/// <summary>Reads the rows of a prepared data set as people and programs see them. Used by one thread at a time.</summary>
public sealed class DatasetRows : IDisposable
{
    private const string RowNumber = "file_row_number";
    private const string FilterField = "filter";

    /// <summary>What the texts of one row may have together where they are cut, and what each may have however many there are.</summary>
    private const int MostCharacters = 1 << 20;
    private const int ShortestCut = 100;

    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly DuckDbDatabase _database;
    private readonly DuckDbConnection _connection;
    private readonly DataSchema _schema;
    private readonly string _source;

    private DatasetRows(DuckDbDatabase database, string path, DataSchema schema)
    {
        _database = database;
        _connection = database.Connect();
        _schema = schema;
        string columns = string.Join("", schema.Columns.Select((column, i) => Invariant($", {Sql.Identifier(column.Name)} AS c{i}")));
        // A column of the data may have the name of the engine's own.
        bool hides = schema.Columns.Any(column => column.Name.Equals(RowNumber, StringComparison.OrdinalIgnoreCase));
        string reader = $"read_parquet({Sql.Literal(path)}, hive_partitioning=false{(hides ? "" : ", file_row_number=true")})";
        _source = $"(SELECT {(hides ? "row_number() OVER () - 1" : RowNumber)} AS r{columns} FROM {reader})";
    }

    /// <exception cref="DatasetException">The file is not that of a prepared data set.</exception>
    public static DatasetRows Open(string dataPath, DataSchema schema, DatasetRowsOptions? options = null)
    {
        options ??= new();
        dataPath = Path.GetFullPath(dataPath);
        var database = DuckDbDatabase.Open(new DuckDbOptions
        {
            MemoryLimit = options.MemoryLimit,
            Threads = options.Threads,
            AllowedDirectories = [],
            AllowedPaths = [dataPath],
        });
        try
        {
            return new DatasetRows(database, dataPath, schema);
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <summary>Writes rows as a JSON array of objects, one member for each column; a missing value is null.</summary>
    /// <returns>The number of the last row written, where there are more that the query asks for; null at their end.</returns>
    /// <exception cref="DatasetException">The query names a column that is not there.</exception>
    public long? WriteJson(RowQuery query, IBufferWriter<byte> output, CancellationToken cancellationToken = default)
    {
        DataColumn[] columns = Find(query.Columns);
        JsonEncodedText[] names = [.. columns.Select(column => JsonEncodedText.Encode(column.Name, JavaScriptEncoder.UnsafeRelaxedJsonEscaping))];
        using var writer = new Utf8JsonWriter(output, Writing);
        writer.WriteStartArray();
        long? last = Read(query, columns, (result, row) =>
        {
            writer.WriteStartObject();
            for (int i = 0; i < columns.Length; i++)
            {
                writer.WritePropertyName(names[i]);
                WriteJson(writer, columns[i].Type, result.Vector(i + 1), row);
            }
            writer.WriteEndObject();
            return writer.BytesCommitted + writer.BytesPending < query.EnoughBytes.GetValueOrDefault(long.MaxValue);
        }, cancellationToken);
        writer.WriteEndArray();
        return last;
    }

    /// <summary>Writes rows as CSV (RFC 4180, LF, UTF-8) below a header line; a missing value is an empty field.</summary>
    /// <param name="query">Which rows.</param>
    /// <param name="output">Where to.</param>
    /// <param name="flush">Called now and then when something has been written, and at the end; false stops.</param>
    /// <param name="cancellationToken">Stops the query.</param>
    /// <returns>As of <see cref="WriteJson"/>.</returns>
    /// <exception cref="DatasetException">The query names a column that is not there; nothing was written.</exception>
    public long? WriteCsv(RowQuery query, IBufferWriter<byte> output, Func<bool> flush, CancellationToken cancellationToken = default)
    {
        const int flushEvery = 1 << 16;
        DataColumn[] columns = Find(query.Columns);
        Csv.WriteRow(output, columns.Select(column => column.Name));
        long written = 0, flushed = 0;
        long? last = Read(query, columns, (result, row) =>
        {
            for (int i = 0; i < columns.Length; i++)
            {
                DuckDbVector vector = result.Vector(i + 1);
                if (i > 0)
                    output.Write(","u8);
                if (vector.IsValid(row))
                {
                    ReadOnlySpan<byte> field = vector.Utf8(row);
                    Csv.WriteField(output, field);
                    written += field.Length;
                }
            }
            output.Write("\n"u8);
            written += columns.Length;
            if (written - flushed >= flushEvery)
            {
                if (!flush())
                    return false;
                flushed = written;
            }
            return written < query.EnoughBytes.GetValueOrDefault(long.MaxValue);
        }, cancellationToken);
        flush();
        return last;
    }

    public void Dispose()
    {
        _connection.Dispose();
        _database.Dispose();
    }

    private long? Read(RowQuery query, DataColumn[] columns, Func<DuckDbResult, int, bool> take, CancellationToken cancellationToken)
    {
        string select = string.Join("", columns.Select(column => Invariant($", {AsText(column, query.LongestText, columns.Length)}")));
        // One more than asked for tells whether there are more.
        string? filter = query.Filter is null ? null : Parse(query.Filter, cancellationToken);
        string limit = query.Limit is { } most ? Invariant($" LIMIT {most + 1L}") : "";
        string where = Invariant($" WHERE r > {query.After}{(filter is null ? "" : $" AND {filter} IS TRUE")}");
        try
        {
            using DuckDbResult result = _connection.Query($"SELECT r{select} FROM {_source}{where}{limit}", cancellationToken);
            return Read(result, query.Limit, take);
        }
        catch (DuckDbException exception) when (filter is not null)
        {
            throw ScalarExpression.Refused(
                FilterField, $"it cannot be computed: {exception.Message.Split('\n')[0].TrimEnd('.')}. TRY_CAST and try_strptime give a missing value where a value does not fit");
        }
    }

    private static long? Read(DuckDbResult result, int? limit, Func<DuckDbResult, int, bool> take)
    {
        long taken = 0, last = -1;
        bool full = false;
        while (result.Read())
        {
            for (int row = 0; row < result.RowCount; row++)
            {
                // Known not to be the last only now that there is another.
                if (full || taken == limit)
                    return last;
                last = result.Vector(0).Int64(row);
                taken++;
                full = !take(result, row);
            }
        }
        return null;
    }

    private string Parse(string text, CancellationToken cancellationToken)
    {
        PreparedColumn[] columns = [.. _schema.Columns.Select(column => new PreparedColumn(column.Name, column.Type, column.Kind == ColumnKind.Json))];
        var filter = ScalarExpression.Parse(_connection, FilterField, text, columns, cancellationToken);
        int[] texts = [.. filter.Columns.Where(i => columns[i].Type == "VARCHAR")];
        if (texts.Length > 0)
        {
            using DuckDbResult longest = _connection.Query($"SELECT {string.Join(", ", texts.Select(i => Invariant($"coalesce(max(length(c{i})), 0)")))} FROM {_source}", cancellationToken);
            longest.Read();
            var lengths = new Dictionary<int, long>();
            for (int i = 0; i < texts.Length; i++)
                lengths[texts[i]] = longest.Vector(i).Int64(0);
            filter.CheckLengths(lengths);
        }
        using DuckDbResult typed = TypeOf(filter.Sql, cancellationToken);
        if (typed.ColumnType(0) != DuckDbType.Boolean)
            throw ScalarExpression.Refused(FilterField, $"it gives values of the type {typed.ColumnType(0)}, and a filter is true or false. Compare it with something");
        return filter.Sql;
    }

    private DuckDbResult TypeOf(string expression, CancellationToken cancellationToken)
    {
        try
        {
            return _connection.Query($"SELECT {expression} FROM {_source} LIMIT 0", cancellationToken);
        }
        catch (DuckDbException exception)
        {
            throw ScalarExpression.Refused(FilterField, $"it cannot be computed: {exception.Message.Split('\n')[0].TrimEnd('.')}");
        }
    }

    private string AsText(DataColumn column, int? longest, int columns)
    {
        string name = Invariant($"c{IndexOf(column.Name)}");
        return column.Type switch
        {
            "TIMESTAMP" => $"replace({name}::VARCHAR, ' ', 'T') || 'Z'",
            // The bytes of images are had whole, with the data; here they would make pages of megabytes.
            "BLOB" => $"octet_length({name}) || ' bytes'",
            "VARCHAR" when longest is { } most => CutText(name, Math.Clamp(MostCharacters / columns, ShortestCut, most)),
            _ => $"{name}::VARCHAR",
        };
    }

    private static string CutText(string name, int length)
        => Invariant($"CASE WHEN length({name}) > {length} THEN left({name}, {length}) || '… (' || length({name}) || ' characters)' ELSE {name} END");

    private static void WriteJson(Utf8JsonWriter writer, string type, DuckDbVector vector, int row)
    {
        if (!vector.IsValid(row))
        {
            writer.WriteNullValue();
            return;
        }
        ReadOnlySpan<byte> text = vector.Utf8(row);
        if (type == "BOOLEAN")
            writer.WriteBooleanValue(text is [(byte)'t', ..]);
        else if (type is "VARCHAR" or "DATE" or "TIMESTAMP" or "BLOB")
            writer.WriteStringValue(text);
        else if (text is [>= (byte)'0' and <= (byte)'9', ..] or [(byte)'-', >= (byte)'0' and <= (byte)'9', ..])
            writer.WriteRawValue(text);
        else
            // Neither infinity nor NaN is a number to JSON.
            writer.WriteNullValue();
    }

    private DataColumn[] Find(IReadOnlyList<string>? names) => names is null
        ? [.. _schema.Columns]
        : [.. names.Select(name => _schema.Columns[IndexOf(name)])];

    private int IndexOf(string name)
    {
        for (int i = 0; i < _schema.Columns.Count; i++)
        {
            if (_schema.Columns[i].Name == name)
                return i;
        }
        throw new DatasetException(
            DatasetReasons.UnknownColumn, $"There is no column '{name}'. The columns are {string.Join(", ", _schema.Columns.Take(50).Select(column => column.Name))}{(_schema.Columns.Count > 50 ? ", …" : "")}.");
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
