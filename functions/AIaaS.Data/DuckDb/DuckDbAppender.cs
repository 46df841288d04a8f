namespace AIaaS.Data.DuckDb;

/// <summary>Appends rows to a table, value by value in the order of its columns; what is appended is there once it is closed.</summary>
internal sealed class DuckDbAppender : IDisposable
{
    private nint _appender;

    /// <exception cref="DuckDbException">There is no such table.</exception>
    public DuckDbAppender(DuckDbConnection connection, string table)
    {
        if (NativeMethods.duckdb_appender_create(connection.Handle, null, table, out _appender) == NativeMethods.Success)
            return;
        string message = Message;
        Dispose();
        throw new DuckDbException(message);
    }

    private string Message => NativeMethods.Text(NativeMethods.duckdb_appender_error(_appender)) ?? "DuckDB could not append.";

    public DuckDbAppender Append(long value) => Checked(NativeMethods.duckdb_append_int64(_appender, value));

    public DuckDbAppender Append(float value) => Checked(NativeMethods.duckdb_append_float(_appender, value));

    public void EndRow() => Checked(NativeMethods.duckdb_appender_end_row(_appender));

    /// <exception cref="DuckDbException">The rows could not be written.</exception>
    public void Close() => Checked(NativeMethods.duckdb_appender_close(_appender));

    public void Dispose()
    {
        if (_appender != 0)
            _ = NativeMethods.duckdb_appender_destroy(ref _appender);
        _appender = 0;
    }

    private DuckDbAppender Checked(int state) => state == NativeMethods.Success ? this : throw new DuckDbException(Message);
}
