using AIaaS.Data.DuckDb;
using AIaaS.Formats;

namespace AIaaS.Data.Exchange;

/// <summary>The file formats in which tables are handed over.</summary>
public enum TableFormat
{
    /// <summary>JSON Lines: an object a line.</summary>
    Jsonl,
    Csv,
    Parquet,
}

/// <summary>A column of a table that is written.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type in DuckDB's words, for instance <c>DOUBLE</c>.</param>
public sealed record ExchangeColumn(string Name, string Type);

/// <summary>Turns prepared data into rows as prediction requests have them, and rows of JSON Lines into tables. Rows keep their order.</summary>
public static class RowExchange
{
    private const long LongestLine = 64L << 20;

    /// <summary>Writes the columns that a model knows as an object a row, in the JSON types that its features take.</summary>
    /// <param name="dataPath">A prepared <c>data.parquet</c>.</param>
    /// <param name="schema">What lies beside it.</param>
    /// <param name="features">What the model takes; those without a column are left out.</param>
    /// <param name="output">The file to write.</param>
    /// <param name="cancellationToken">Ends the engine's work.</param>
    /// <returns>How many rows.</returns>
    /// <exception cref="DatasetException">The data cannot be read, or has none of the features.</exception>
    public static long WriteFeatures(string dataPath, DataSchema schema, IReadOnlyList<ModelFeature> features, string output, CancellationToken cancellationToken)
    {
        Dictionary<string, DataColumn> columns = schema.Columns.ToDictionary(column => column.Name, StringComparer.Ordinal);
        ModelFeature[] known = [.. features.Where(feature => columns.ContainsKey(feature.Name))];
        if (known.Length == 0)
        {
            throw new DatasetException(DatasetReasons.NoFeatures,
                $"The data has none of the model's features; they are {string.Join(", ", features.Take(20).Select(feature => $"'{feature.Name}'"))}.");
        }
        string expressions = string.Join(", ", known.Select(feature => $"{ValueOf(feature, columns[feature.Name])} AS {Sql.Identifier(feature.Name)}"));
        return Copy($"SELECT {expressions} FROM read_parquet({Sql.Literal(Path.GetFullPath(dataPath))}, hive_partitioning=false)", dataPath, output, "FORMAT json", cancellationToken);
    }

    /// <summary>Writes JSON Lines as a table.</summary>
    /// <param name="jsonLines">A flat object a line.</param>
    /// <param name="columns">Its columns; members that none of them names are left out.</param>
    /// <param name="format">CSV or Parquet.</param>
    /// <param name="output">The file to write.</param>
    /// <param name="cancellationToken">Ends the engine's work.</param>
    /// <exception cref="DatasetException">The lines cannot be read as these columns.</exception>
    public static void WriteTable(string jsonLines, IReadOnlyList<ExchangeColumn> columns, TableFormat format, string output, CancellationToken cancellationToken)
    {
        string types = string.Join(", ", columns.Select(column => $"{Sql.Identifier(column.Name)}: {Sql.Literal(column.Type)}"));
        string source = $"read_json({Sql.Literal(Path.GetFullPath(jsonLines))}, format='newline_delimited', columns={{{types}}}, maximum_object_size={LongestLine})";
        string options = format switch
        {
            TableFormat.Csv => "FORMAT csv, HEADER",
            TableFormat.Parquet => "FORMAT parquet, COMPRESSION zstd",
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
        };
        Copy($"SELECT * FROM {source}", jsonLines, output, options, cancellationToken);
    }

    private static long Copy(string query, string input, string output, string options, CancellationToken cancellationToken)
    {
        output = Path.GetFullPath(output);
        string folder = Path.GetDirectoryName(output)!;
        try
        {
            using var database = DuckDbDatabase.Open(new DuckDbOptions
            {
                Threads = 1,
                MemoryLimit = 256L << 20,
                TempDirectory = Path.Combine(folder, "spill"),
                AllowedDirectories = [folder],
                AllowedPaths = [Path.GetFullPath(input)],
            });
            using DuckDbConnection connection = database.Connect();
            return connection.Execute($"COPY ({query}) TO {Sql.Literal(output)} ({options})", cancellationToken);
        }
        catch (DuckDbException exception)
        {
            throw new DatasetException(DatasetReasons.Malformed, $"The rows cannot be read: {exception.Message.Split('\n')[0].Replace(folder, "", StringComparison.Ordinal)}");
        }
    }

    private static string ValueOf(ModelFeature feature, DataColumn column)
    {
        string c = Sql.Identifier(column.Name);
        return column.Type switch
        {
            _ when feature.Type == TensorType.String => $"{c}::VARCHAR",
            "DATE" or "TIMESTAMP" or "TIMESTAMP WITH TIME ZONE" => $"strftime({c}::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%fZ')",
            // JSON has no words for what is not finite; missing is what a model can work with.
            "DOUBLE" or "FLOAT" => $"CASE WHEN isfinite({c}) THEN {c} END",
            _ => c,
        };
    }
}
