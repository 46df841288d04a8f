using System.Runtime.InteropServices;

namespace AIaaS.Data.DuckDb;

internal sealed class DatabaseHandle : SafeHandle
{
    public DatabaseHandle(nint value) : base(0, ownsHandle: true) => SetHandle(value);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        NativeMethods.duckdb_close(ref handle);
        return true;
    }
}

internal sealed class ConnectionHandle : SafeHandle
{
    public ConnectionHandle(nint value) : base(0, ownsHandle: true) => SetHandle(value);

    /// <summary>Told how much of the running statement is done.</summary>
    public Action<double>? Progress { get; set; }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        NativeMethods.duckdb_disconnect(ref handle);
        return true;
    }
}

internal sealed class StatementHandle : SafeHandle
{
    public StatementHandle(nint value) : base(0, ownsHandle: true) => SetHandle(value);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        NativeMethods.duckdb_destroy_prepare(ref handle);
        return true;
    }
}

/// <summary>A heap-allocated <c>duckdb_result</c>; destroying it frees its rows and its error.</summary>
internal sealed unsafe class ResultHandle : SafeHandle
{
    public ResultHandle() : base(0, ownsHandle: true) =>
        SetHandle((nint)NativeMemory.AllocZeroed((nuint)sizeof(NativeMethods.Result)));

    public override bool IsInvalid => handle == 0;

    public NativeMethods.Result* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return (NativeMethods.Result*)handle;
        }
    }

    protected override bool ReleaseHandle()
    {
        NativeMethods.duckdb_destroy_result((NativeMethods.Result*)handle);
        NativeMemory.Free((void*)handle);
        return true;
    }
}

internal sealed class ChunkHandle : SafeHandle
{
    public ChunkHandle(nint value) : base(0, ownsHandle: true) => SetHandle(value);

    public override bool IsInvalid => handle == 0;

    public nint Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    protected override bool ReleaseHandle()
    {
        NativeMethods.duckdb_destroy_data_chunk(ref handle);
        return true;
    }
}
