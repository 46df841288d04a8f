namespace AIaaS.Data.DuckDb;

/// <summary>Rows of a query as chunks of columns; a vector lives until the next <see cref="Read"/>.</summary>
internal sealed unsafe class DuckDbResult : IDisposable
{
    private readonly ConnectionHandle _connection;
    private readonly ResultHandle _handle;
    private readonly DuckDbStatement? _owned;
    private readonly CancellationToken _cancellationToken;
    private ChunkHandle? _chunk;

    internal DuckDbResult(ConnectionHandle connection, ResultHandle handle, DuckDbStatement? owned, CancellationToken cancellationToken)
    {
        _connection = connection;
        _handle = handle;
        _owned = owned;
        _cancellationToken = cancellationToken;
        ColumnCount = (int)NativeMethods.duckdb_column_count(handle.Pointer);
    }

    public int ColumnCount { get; }

    /// <summary>Rows of the chunk that was read last.</summary>
    public int RowCount { get; private set; }

    public string ColumnName(int column) => NativeMethods.Text(NativeMethods.duckdb_column_name(_handle.Pointer, (ulong)column))
        ?? throw new ArgumentOutOfRangeException(nameof(column));

    public DuckDbType ColumnType(int column) => NativeMethods.duckdb_column_type(_handle.Pointer, (ulong)column);

    /// <summary>Moves to the next chunk that has rows; false after the last.</summary>
    public bool Read()
    {
        do
        {
            _chunk?.Dispose();
            _chunk = null;
            RowCount = 0;
            _cancellationToken.ThrowIfCancellationRequested();
            nint pointer;
            using (new Interrupter(_connection, _cancellationToken))
                pointer = NativeMethods.duckdb_fetch_chunk(*_handle.Pointer);
            if (pointer == 0)
            {
                if (NativeMethods.duckdb_result_error(_handle.Pointer) is var error and not 0 && NativeMethods.Text(error) is { Length: > 0 })
                    throw DuckDbStatement.Failure(_handle, _cancellationToken);
                return false;
            }
            _chunk = new ChunkHandle(pointer);
            RowCount = (int)NativeMethods.duckdb_data_chunk_get_size(pointer);
        }
        while (RowCount == 0);
        return true;
    }

    /// <summary>A column of the chunk that was read last.</summary>
    public DuckDbVector Vector(int column)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)column, (uint)ColumnCount, nameof(column));
        if (_chunk is null)
            throw new InvalidOperationException("Read a chunk first.");
        return new DuckDbVector(NativeMethods.duckdb_data_chunk_get_vector(_chunk.Pointer, (ulong)column), RowCount);
    }

    public void Dispose()
    {
        _chunk?.Dispose();
        _handle.Dispose();
        _owned?.Dispose();
    }
}
