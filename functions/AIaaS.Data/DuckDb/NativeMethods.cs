using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AIaaS.Data.DuckDb;

/// <summary>The part of DuckDB's C API (1.5, <c>duckdb.h</c>) that we use, named as there.</summary>
internal static unsafe partial class NativeMethods
{
    internal const int Success = 0;

    private const string Library = "duckdb";

    /// <summary><c>duckdb_result</c>: only its last member is not deprecated, but the size is part of the interface.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Result
    {
        private readonly ulong _columnCount;
        private readonly ulong _rowCount;
        private readonly ulong _rowsChanged;
        private readonly nint _columns;
        private readonly nint _errorMessage;
        private readonly nint _internalData;
    }

    /// <summary><c>duckdb_query_progress_type</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly struct QueryProgress
    {
        /// <summary>0 to 100; -1 where DuckDB cannot tell.</summary>
        public readonly double Percentage;
        public readonly ulong RowsProcessed;
        public readonly ulong TotalRows;
    }

    // A module initializer, because a static constructor on this class would make every call check whether it ran.
#pragma warning disable CA2255 // The resolver must be set before the first call, whoever makes it.
    [ModuleInitializer]
    internal static void Initialize() => NativeLibrary.SetDllImportResolver(typeof(NativeMethods).Assembly, Resolve);
#pragma warning restore CA2255

    [LibraryImport(Library)]
    internal static partial nint duckdb_library_version();

    [LibraryImport(Library)]
    internal static partial int duckdb_create_config(out nint config);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int duckdb_set_config(nint config, string name, string option);

    [LibraryImport(Library)]
    internal static partial void duckdb_destroy_config(ref nint config);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int duckdb_open_ext(string? path, out nint database, nint config, out nint error);

    [LibraryImport(Library)]
    internal static partial void duckdb_close(ref nint database);

    [LibraryImport(Library)]
    internal static partial int duckdb_connect(DatabaseHandle database, out nint connection);

    [LibraryImport(Library)]
    internal static partial void duckdb_disconnect(ref nint connection);

    [LibraryImport(Library)]
    internal static partial void duckdb_interrupt(ConnectionHandle connection);

    [LibraryImport(Library)]
    internal static partial QueryProgress duckdb_query_progress(ConnectionHandle connection);

    [LibraryImport(Library)]
    internal static partial void duckdb_free(nint pointer);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int duckdb_prepare(ConnectionHandle connection, string query, out nint statement);

    [LibraryImport(Library)]
    internal static partial nint duckdb_prepare_error(StatementHandle statement);

    [LibraryImport(Library)]
    internal static partial void duckdb_destroy_prepare(ref nint statement);

    [LibraryImport(Library)]
    internal static partial ulong duckdb_nparams(StatementHandle statement);

    [LibraryImport(Library)]
    internal static partial int duckdb_bind_boolean(StatementHandle statement, ulong index, byte value);

    [LibraryImport(Library)]
    internal static partial int duckdb_bind_int64(StatementHandle statement, ulong index, long value);

    [LibraryImport(Library)]
    internal static partial int duckdb_bind_double(StatementHandle statement, ulong index, double value);

    [LibraryImport(Library)]
    internal static partial int duckdb_bind_varchar_length(StatementHandle statement, ulong index, byte* value, ulong length);

    [LibraryImport(Library)]
    internal static partial int duckdb_bind_blob(StatementHandle statement, ulong index, byte* data, ulong length);

    [LibraryImport(Library)]
    internal static partial int duckdb_bind_null(StatementHandle statement, ulong index);

    [LibraryImport(Library)]
    internal static partial int duckdb_execute_prepared(StatementHandle statement, Result* result);

    [LibraryImport(Library)]
    internal static partial int duckdb_pending_prepared_streaming(StatementHandle statement, out nint pending);

    [LibraryImport(Library)]
    internal static partial nint duckdb_pending_error(nint pending);

    [LibraryImport(Library)]
    internal static partial int duckdb_execute_pending(nint pending, Result* result);

    [LibraryImport(Library)]
    internal static partial void duckdb_destroy_pending(ref nint pending);

    [LibraryImport(Library)]
    internal static partial void duckdb_destroy_result(Result* result);

    [LibraryImport(Library)]
    internal static partial nint duckdb_result_error(Result* result);

    [LibraryImport(Library)]
    internal static partial ulong duckdb_column_count(Result* result);

    [LibraryImport(Library)]
    internal static partial nint duckdb_column_name(Result* result, ulong column);

    [LibraryImport(Library)]
    internal static partial DuckDbType duckdb_column_type(Result* result, ulong column);

    [LibraryImport(Library)]
    internal static partial ulong duckdb_rows_changed(Result* result);

    [LibraryImport(Library)]
    internal static partial nint duckdb_fetch_chunk(Result result);

    [LibraryImport(Library)]
    internal static partial void duckdb_destroy_data_chunk(ref nint chunk);

    [LibraryImport(Library)]
    internal static partial ulong duckdb_data_chunk_get_size(nint chunk);

    [LibraryImport(Library)]
    internal static partial nint duckdb_data_chunk_get_vector(nint chunk, ulong column);

    [LibraryImport(Library)]
    internal static partial void* duckdb_vector_get_data(nint vector);

    [LibraryImport(Library)]
    internal static partial ulong* duckdb_vector_get_validity(nint vector);

    [LibraryImport(Library)]
    internal static partial nint duckdb_vector_get_column_type(nint vector);

    [LibraryImport(Library)]
    internal static partial DuckDbType duckdb_get_type_id(nint logicalType);

    [LibraryImport(Library)]
    internal static partial void duckdb_destroy_logical_type(ref nint logicalType);

    [LibraryImport(Library)]
    internal static partial nint duckdb_list_vector_get_child(nint vector);

    [LibraryImport(Library)]
    internal static partial ulong duckdb_list_vector_get_size(nint vector);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int duckdb_appender_create(ConnectionHandle connection, string? schema, string table, out nint appender);

    [LibraryImport(Library)]
    internal static partial nint duckdb_appender_error(nint appender);

    [LibraryImport(Library)]
    internal static partial int duckdb_append_int64(nint appender, long value);

    [LibraryImport(Library)]
    internal static partial int duckdb_append_float(nint appender, float value);

    [LibraryImport(Library)]
    internal static partial int duckdb_appender_end_row(nint appender);

    [LibraryImport(Library)]
    internal static partial int duckdb_appender_close(nint appender);

    [LibraryImport(Library)]
    internal static partial int duckdb_appender_destroy(ref nint appender);

    internal static string? Text(nint utf8) => Marshal.PtrToStringUTF8(utf8);

    /// <summary>Beside the assembly first (a published folder), then in the folder of the running program.</summary>
    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (name != Library)
            return 0;
        string file = OperatingSystem.IsWindows() ? "duckdb.dll"
            : OperatingSystem.IsMacOS() ? "libduckdb.dylib"
            : "libduckdb.so";
        string system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
        string rid = $"{system}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
        string?[] folders = [Path.GetDirectoryName(assembly.Location), AppContext.BaseDirectory];
        foreach (string? folder in folders)
        {
            if (string.IsNullOrEmpty(folder))
                continue;
            foreach (string candidate in (string[])[Path.Combine(folder, "runtimes", rid, "native", file), Path.Combine(folder, file)])
            {
                if (File.Exists(candidate))
                    return NativeLibrary.Load(candidate);
            }
        }
        return NativeLibrary.TryLoad(name, assembly, searchPath, out nint handle)
            ? handle
            : throw new DllNotFoundException(
                $"DuckDB's library {file} was not found in runtimes/{rid}/native beside the program. It comes with the build for linux-x64, linux-arm64, osx-arm64 and win-x64; build again on one of those.");
    }
}
