namespace AIaaS.Data.DuckDb;

/// <summary>One connection; used by one thread at a time.</summary>
internal sealed class DuckDbConnection(ConnectionHandle handle) : IDisposable
{
    internal ConnectionHandle Handle => handle;

    /// <summary>Called now and then, from another thread, with how much of the running statement is done, 0 to 1.</summary>
    public Action<double>? Progress
    {
        get => handle.Progress;
        set => handle.Progress = value;
    }

    /// <summary>Prepares one statement with parameters <c>$1</c>, <c>$2</c>, …</summary>
    /// <exception cref="DuckDbException">The statement is wrong.</exception>
    public DuckDbStatement Prepare(string sql)
    {
        int state = NativeMethods.duckdb_prepare(handle, sql, out nint pointer);
        var statement = new StatementHandle(pointer);
        if (state == NativeMethods.Success)
            return new DuckDbStatement(handle, statement);
        string message = statement.IsInvalid ? "DuckDB could not prepare the statement." : NativeMethods.Text(NativeMethods.duckdb_prepare_error(statement))!;
        statement.Dispose();
        throw new DuckDbException(message);
    }

    /// <summary>Runs a statement to its end; returns the number of rows changed.</summary>
    public long Execute(string sql, CancellationToken cancellationToken = default)
    {
        using DuckDbStatement statement = Prepare(sql);
        return statement.Execute(cancellationToken);
    }

    /// <summary>Runs a query whose rows are computed as they are read.</summary>
    public DuckDbResult Query(string sql, CancellationToken cancellationToken = default)
    {
        DuckDbStatement statement = Prepare(sql);
        try
        {
            return statement.Query(ownsStatement: true, cancellationToken);
        }
        catch
        {
            statement.Dispose();
            throw;
        }
    }

    /// <summary>The single integer of a query.</summary>
    public long QueryInt64(string sql, CancellationToken cancellationToken = default)
    {
        using DuckDbResult result = Query(sql, cancellationToken);
        return result.Read() && result.Vector(0).IsValid(0)
            ? result.Vector(0).Int64(0)
            : throw new DuckDbException("The query gave no number.");
    }

    public void Dispose() => handle.Dispose();
}
