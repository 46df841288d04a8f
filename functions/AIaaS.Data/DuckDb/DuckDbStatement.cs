using System.Text;

namespace AIaaS.Data.DuckDb;

/// <summary>A prepared statement; parameters count from 1 and keep their values until they are bound again.</summary>
internal sealed unsafe class DuckDbStatement : IDisposable
{
    private readonly ConnectionHandle _connection;
    private readonly StatementHandle _handle;

    internal DuckDbStatement(ConnectionHandle connection, StatementHandle handle)
    {
        _connection = connection;
        _handle = handle;
    }

    public int ParameterCount => (int)NativeMethods.duckdb_nparams(_handle);

    public DuckDbStatement Bind(int index, bool value) => Checked(index, NativeMethods.duckdb_bind_boolean(_handle, (ulong)index, value ? (byte)1 : (byte)0));

    public DuckDbStatement Bind(int index, long value) => Checked(index, NativeMethods.duckdb_bind_int64(_handle, (ulong)index, value));

    public DuckDbStatement Bind(int index, double value) => Checked(index, NativeMethods.duckdb_bind_double(_handle, (ulong)index, value));

    public DuckDbStatement Bind(int index, string? value)
    {
        if (value is null)
            return Checked(index, NativeMethods.duckdb_bind_null(_handle, (ulong)index));
        byte[] utf8 = Encoding.UTF8.GetBytes(value);
        // A pointer to an empty array is null, which DuckDB takes for a missing value.
        fixed (byte* pointer = utf8.Length == 0 ? new byte[1] : utf8)
            return Checked(index, NativeMethods.duckdb_bind_varchar_length(_handle, (ulong)index, pointer, (ulong)utf8.Length));
    }

    /// <summary>Binds bytes, which are copied.</summary>
    public DuckDbStatement Bind(int index, ReadOnlySpan<byte> value)
    {
        fixed (byte* pointer = value.IsEmpty ? [0] : value)
            return Checked(index, NativeMethods.duckdb_bind_blob(_handle, (ulong)index, pointer, (ulong)value.Length));
    }

    /// <summary>Runs to the end; returns the number of rows changed.</summary>
    /// <exception cref="DuckDbException">DuckDB refused or failed.</exception>
    /// <exception cref="OperationCanceledException">The token interrupted the query.</exception>
    public long Execute(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var result = new ResultHandle();
        int state;
        using (new Interrupter(_connection, cancellationToken))
            state = NativeMethods.duckdb_execute_prepared(_handle, result.Pointer);
        if (state != NativeMethods.Success)
            throw Failure(result, cancellationToken);
        return (long)NativeMethods.duckdb_rows_changed(result.Pointer);
    }

    /// <summary>Runs with rows computed as they are read; one open result per connection.</summary>
    public DuckDbResult Query(CancellationToken cancellationToken = default) => Query(ownsStatement: false, cancellationToken);

    internal DuckDbResult Query(bool ownsStatement, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var result = new ResultHandle();
        nint pending = 0;
        try
        {
            using var interrupter = new Interrupter(_connection, cancellationToken);
            if (NativeMethods.duckdb_pending_prepared_streaming(_handle, out pending) != NativeMethods.Success)
            {
                cancellationToken.ThrowIfCancellationRequested();
                throw new DuckDbException(NativeMethods.Text(NativeMethods.duckdb_pending_error(pending)) ?? "DuckDB could not start the query.");
            }
            if (NativeMethods.duckdb_execute_pending(pending, result.Pointer) != NativeMethods.Success)
                throw Failure(result, cancellationToken);
            return new DuckDbResult(_connection, result, ownsStatement ? this : null, cancellationToken);
        }
        catch
        {
            result.Dispose();
            throw;
        }
        finally
        {
            NativeMethods.duckdb_destroy_pending(ref pending);
        }
    }

    internal static Exception Failure(ResultHandle result, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested
            ? new OperationCanceledException(cancellationToken)
            : new DuckDbException(NativeMethods.Text(NativeMethods.duckdb_result_error(result.Pointer)) ?? "DuckDB failed without a message.");

    public void Dispose() => _handle.Dispose();

    private DuckDbStatement Checked(int index, int state) => state == NativeMethods.Success
        ? this
        : throw new DuckDbException($"Parameter {index} could not be bound; the statement has {ParameterCount}.");
}
