using System.Text.Json;
using AIaaS.Data.DuckDb;
using AIaaS.Formats;

namespace AIaaS.Data;

/// <summary>Reads the columns of a prepared data set, in the order of its rows.</summary>
/// <remarks>
/// Numbers, integers, booleans (0 and 1) and times (seconds since 1970, rounded to single precision) are floats, missing is NaN.
/// Any column can be read as text, where missing is the empty string; numbers are written shortest, booleans <c>true</c> and
/// <c>false</c>. The instance is used by one thread at a time.
/// </remarks>
public sealed class PreparedDataset : IDisposable
{
    public const string DataFileName = "data.parquet";

    private readonly DuckDbDatabase _database;
    private readonly DuckDbConnection _connection;
    private readonly string _path;
    private readonly Dictionary<string, DataColumn> _columns;

    private PreparedDataset(DuckDbDatabase database, string path, DataSchema schema)
    {
        _database = database;
        _connection = database.Connect();
        _path = path;
        Schema = schema;
        _columns = schema.Columns.ToDictionary(column => column.Name, StringComparer.Ordinal);
        Rows = _connection.QueryInt64($"SELECT count(*) FROM {Source}");
    }

    public DataSchema Schema { get; }

    public long Rows { get; }

    private string Source => $"read_parquet({Sql.Literal(_path)}, hive_partitioning=false)";

    /// <summary>Opens <c>data.parquet</c> with the <c>schema.json</c> beside it.</summary>
    /// <exception cref="DatasetException">The files are not those of a prepared data set.</exception>
    public static PreparedDataset Open(string folder, int? threads = null) =>
        Open(Path.Combine(folder, DataFileName), Path.Combine(folder, DataSchema.FileName), threads);

    /// <inheritdoc cref="Open(string, int?)"/>
    public static PreparedDataset Open(string dataPath, string schemaPath, int? threads = null)
    {
        DataSchema schema;
        try
        {
            schema = JsonSerializer.Deserialize<DataSchema>(File.ReadAllBytes(schemaPath), JsonDefaults.Options)!;
        }
        catch (Exception exception) when (exception is JsonException or IOException)
        {
            throw new DatasetException(DatasetReasons.Unreadable, $"{Path.GetFileName(schemaPath)} cannot be read: {exception.Message}");
        }
        dataPath = Path.GetFullPath(dataPath);
        var database = DuckDbDatabase.Open(new DuckDbOptions { Threads = threads, AllowedDirectories = [], AllowedPaths = [dataPath] });
        try
        {
            return new PreparedDataset(database, dataPath, schema);
        }
        catch (Exception exception)
        {
            database.Dispose();
            if (exception is DuckDbException)
                throw new DatasetException(DatasetReasons.Unreadable, $"{Path.GetFileName(dataPath)} cannot be read: {exception.Message}");
            throw;
        }
    }

    /// <summary>A column of numbers, one per row.</summary>
    /// <exception cref="ArgumentException">There is no such column, or it holds texts.</exception>
    public float[] ReadNumbers(string column, CancellationToken cancellationToken = default)
    {
        float[] all = new float[Rows];
        int at = 0;
        foreach (DataBatch batch in ReadBatches([column], [], cancellationToken))
        {
            batch.Numbers(0).CopyTo(all.AsSpan(at));
            at += batch.Rows;
        }
        return all;
    }

    /// <summary>Any column as texts, one per row.</summary>
    /// <exception cref="ArgumentException">There is no such column.</exception>
    public string[] ReadTexts(string column, CancellationToken cancellationToken = default)
    {
        string[] all = new string[Rows];
        int at = 0;
        foreach (DataBatch batch in ReadBatches([], [column], cancellationToken))
        {
            batch.Texts(0).CopyTo(all.AsSpan(at));
            at += batch.Rows;
        }
        return all;
    }

    /// <summary>The image files of a column, one per row, read as they are asked for; missing is empty.</summary>
    /// <exception cref="ArgumentException">There is no such column, or it holds no images.</exception>
    public IEnumerable<byte[]> ReadImages(string column, CancellationToken cancellationToken = default)
    {
        if (Find(column).Type != "BLOB")
            throw new ArgumentException($"Column {column} holds no images.", nameof(column));
        return Read();

        IEnumerable<byte[]> Read()
        {
            using DuckDbResult result = _connection.Query($"SELECT {Sql.Identifier(column)} FROM {Source}", cancellationToken);
            while (result.Read())
            {
                for (int row = 0; row < result.RowCount; row++)
                    yield return Bytes(row);
            }

            byte[] Bytes(int row)
            {
                DuckDbVector vector = result.Vector(0);
                return vector.IsValid(row) ? vector.Utf8(row).ToArray() : [];
            }
        }
    }

    /// <summary>
    /// Columns as numbers and columns as texts, in batches of up to 2,048 rows; a batch is valid until the next one is asked for.
    /// </summary>
    /// <exception cref="ArgumentException">There is no such column, or one asked for as numbers holds texts.</exception>
    public IEnumerable<DataBatch> ReadBatches(IReadOnlyList<string> numbers, IReadOnlyList<string> texts, CancellationToken cancellationToken = default)
    {
        IEnumerable<string> expressions = numbers.Select(AsNumber).Concat(texts.Select(AsText));
        return Read($"SELECT {string.Join(", ", expressions)} FROM {Source}");

        IEnumerable<DataBatch> Read(string sql)
        {
            using DuckDbResult result = _connection.Query(sql, cancellationToken);
            var batch = new DataBatch(numbers.Count, texts.Count);
            while (result.Read())
            {
                batch.Fill(result);
                yield return batch;
            }
        }
    }

    public void Dispose()
    {
        _connection.Dispose();
        _database.Dispose();
    }

    private string AsNumber(string name)
    {
        DataColumn column = Find(name);
        string c = Sql.Identifier(name);
        return column.Type switch
        {
            "VARCHAR" => throw new ArgumentException($"Column {name} holds texts; read it as text.", nameof(name)),
            "BLOB" => throw new ArgumentException($"Column {name} holds images; read them as such.", nameof(name)),
            "DATE" or "TIMESTAMP" => $"epoch({c})::FLOAT",
            // DuckDB refuses doubles that no float holds; they become infinite as everywhere else.
            "DOUBLE" => $"CASE WHEN abs({c}) <= 3.4028234663852886e38 THEN {c}::FLOAT WHEN {c} > 0 THEN 'inf'::FLOAT WHEN {c} < 0 THEN '-inf'::FLOAT END",
            _ => $"{c}::FLOAT",
        };
    }

    private string AsText(string name)
    {
        if (Find(name).Type == "BLOB")
            throw new ArgumentException($"Column {name} holds images; read them as such.", nameof(name));
        return $"coalesce({Sql.Identifier(name)}::VARCHAR, '')";
    }

    private DataColumn Find(string name) => _columns.TryGetValue(name, out DataColumn? column)
        ? column
        : throw new ArgumentException($"There is no column {name}. The columns are {string.Join(", ", _columns.Keys)}.", nameof(name));
}

/// <summary>Some rows of a data set, column by column.</summary>
public sealed class DataBatch
{
    private readonly float[][] _numbers;
    private readonly string[][] _texts;

    internal DataBatch(int numbers, int texts)
    {
        _numbers = [.. Enumerable.Range(0, numbers).Select(_ => Array.Empty<float>())];
        _texts = [.. Enumerable.Range(0, texts).Select(_ => Array.Empty<string>())];
    }

    public int Rows { get; private set; }

    /// <summary>The numeric column at a position of the list that was asked for; missing is NaN.</summary>
    public ReadOnlySpan<float> Numbers(int column) => _numbers[column].AsSpan(0, Rows);

    /// <summary>The text column at a position of the list that was asked for; missing is empty.</summary>
    public ReadOnlySpan<string> Texts(int column) => _texts[column].AsSpan(0, Rows);

    internal void Fill(DuckDbResult result)
    {
        Rows = result.RowCount;
        for (int i = 0; i < _numbers.Length; i++)
        {
            if (_numbers[i].Length < Rows)
                _numbers[i] = new float[Rows];
            DuckDbVector vector = result.Vector(i);
            vector.Values<float>().CopyTo(_numbers[i]);
            if (vector.AllValid)
                continue;
            for (int row = 0; row < Rows; row++)
            {
                if (!vector.IsValid(row))
                    _numbers[i][row] = float.NaN;
            }
        }
        for (int i = 0; i < _texts.Length; i++)
        {
            if (_texts[i].Length < Rows)
                _texts[i] = new string[Rows];
            DuckDbVector vector = result.Vector(_numbers.Length + i);
            for (int row = 0; row < Rows; row++)
                _texts[i][row] = vector.Text(row);
        }
    }
}
