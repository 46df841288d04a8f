using System.Globalization;

namespace AIaaS.Data.DuckDb;

/// <summary>How an engine is bounded.</summary>
internal sealed record DuckDbOptions
{
    /// <summary>The database file; null keeps tables in memory, spilling to <see cref="TempDirectory"/>.</summary>
    public string? Path { get; init; }

    /// <summary>Bytes the buffer manager may use; null for DuckDB's default, 80 % of the memory.</summary>
    public long? MemoryLimit { get; init; }

    public int? Threads { get; init; }

    /// <summary>Where tables and sorts larger than memory go; null forbids spilling.</summary>
    public string? TempDirectory { get; init; }

    /// <summary>Bytes that may lie in <see cref="TempDirectory"/>; null for DuckDB's default, 90 % of what the disk has free.</summary>
    public long? MaximumTempBytes { get; init; }

    /// <summary>The only folders whose files SQL may touch; null leaves the file system open.</summary>
    public IReadOnlyList<string>? AllowedDirectories { get; init; }

    /// <summary>Single files beside <see cref="AllowedDirectories"/>.</summary>
    public IReadOnlyList<string> AllowedPaths { get; init; } = [];
}

/// <summary>
/// An in-process DuckDB engine. Extensions are never downloaded or loaded; with
/// <see cref="DuckDbOptions.AllowedDirectories"/> its SQL reaches those folders only, and no setting can be changed any more.
/// </summary>
internal sealed class DuckDbDatabase : IDisposable
{
    private readonly DatabaseHandle _handle;
    private DuckDbConnection? _first;

    private DuckDbDatabase(DatabaseHandle handle) => _handle = handle;

    public static string LibraryVersion => NativeMethods.Text(NativeMethods.duckdb_library_version())!;

    /// <exception cref="DuckDbException">The file cannot be opened, or an option is refused.</exception>
    public static DuckDbDatabase Open(DuckDbOptions? options = null)
    {
        options ??= new DuckDbOptions();
        if (NativeMethods.duckdb_create_config(out nint config) != NativeMethods.Success)
            throw new DuckDbException("DuckDB could not allocate a configuration.");
        try
        {
            Set("autoinstall_known_extensions", "false");
            Set("autoload_known_extensions", "false");
            Set("temp_directory", options.TempDirectory ?? "");
            if (options.MemoryLimit is { } bytes)
                Set("memory_limit", string.Create(CultureInfo.InvariantCulture, $"{bytes}B"));
            if (options.MaximumTempBytes is { } tempBytes)
                Set("max_temp_directory_size", string.Create(CultureInfo.InvariantCulture, $"{tempBytes}B"));
            if (options.Threads is { } threads)
                Set("threads", threads.ToString(CultureInfo.InvariantCulture));

            if (NativeMethods.duckdb_open_ext(options.Path, out nint database, config, out nint error) != NativeMethods.Success)
            {
                string message = NativeMethods.Text(error) ?? "DuckDB could not open the database.";
                NativeMethods.duckdb_free(error);
                throw new DuckDbException(message);
            }
            var opened = new DuckDbDatabase(new DatabaseHandle(database));
            try
            {
                opened.Restrict(options);
            }
            catch
            {
                opened.Dispose();
                throw;
            }
            return opened;
        }
        finally
        {
            NativeMethods.duckdb_destroy_config(ref config);
        }

        void Set(string name, string value)
        {
            if (NativeMethods.duckdb_set_config(config, name, value) != NativeMethods.Success)
                throw new DuckDbException($"DuckDB refused the option {name}='{value}'.");
        }
    }

    /// <summary>A new connection; the first one can tell how far its statements are.</summary>
    public DuckDbConnection Connect()
    {
        if (_first is { } first)
        {
            _first = null;
            return first;
        }
        return NewConnection();
    }

    public void Dispose()
    {
        _first?.Dispose();
        _handle.Dispose();
    }

    private DuckDbConnection NewConnection()
    {
        if (NativeMethods.duckdb_connect(_handle, out nint connection) != NativeMethods.Success)
            throw new DuckDbException("DuckDB refused a connection.");
        return new DuckDbConnection(new ConnectionHandle(connection));
    }

    private void Restrict(DuckDbOptions options)
    {
        DuckDbConnection connection = _first = NewConnection();
        // A setting of the connection alone, which the lock below would refuse to every later one.
        connection.Execute("SET enable_progress_bar = true");
        connection.Execute("SET enable_progress_bar_print = false");
        // Times without a zone mean UTC everywhere, whatever the machine's own zone.
        connection.Execute("SET GLOBAL TimeZone = 'UTC'");
        if (options.AllowedDirectories is null)
            return;
        connection.Execute($"SET GLOBAL allowed_directories = {Sql.List(options.AllowedDirectories)}");
        connection.Execute($"SET GLOBAL allowed_paths = {Sql.List(options.AllowedPaths)}");
        connection.Execute("SET GLOBAL enable_external_access = false");
        connection.Execute("SET GLOBAL lock_configuration = true");
    }
}
