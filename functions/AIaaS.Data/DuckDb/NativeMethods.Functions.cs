using System.Runtime.InteropServices;

namespace AIaaS.Data.DuckDb;

/// <summary>Scalar functions of our own.</summary>
internal static unsafe partial class NativeMethods
{
    [LibraryImport(Library)]
    internal static partial nint duckdb_create_scalar_function();

    [LibraryImport(Library)]
    internal static partial void duckdb_destroy_scalar_function(ref nint function);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void duckdb_scalar_function_set_name(nint function, string name);

    [LibraryImport(Library)]
    internal static partial void duckdb_scalar_function_set_varargs(nint function, nint type);

    [LibraryImport(Library)]
    internal static partial void duckdb_scalar_function_set_special_handling(nint function);

    [LibraryImport(Library)]
    internal static partial void duckdb_scalar_function_add_parameter(nint function, nint type);

    [LibraryImport(Library)]
    internal static partial void duckdb_scalar_function_set_return_type(nint function, nint type);

    [LibraryImport(Library)]
    internal static partial void duckdb_scalar_function_set_extra_info(nint function, nint extraInfo, delegate* unmanaged[Cdecl]<nint, void> destroy);

    [LibraryImport(Library)]
    internal static partial void duckdb_scalar_function_set_function(nint function, delegate* unmanaged[Cdecl]<nint, nint, nint, void> body);

    [LibraryImport(Library)]
    internal static partial int duckdb_register_scalar_function(ConnectionHandle connection, nint function);

    [LibraryImport(Library)]
    internal static partial nint duckdb_scalar_function_get_extra_info(nint info);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void duckdb_scalar_function_set_error(nint info, string error);

    [LibraryImport(Library)]
    internal static partial nint duckdb_create_logical_type(DuckDbType type);

    [LibraryImport(Library)]
    internal static partial ulong duckdb_data_chunk_get_column_count(nint chunk);

    [LibraryImport(Library)]
    internal static partial void duckdb_vector_ensure_validity_writable(nint vector);

    [LibraryImport(Library)]
    internal static partial void duckdb_vector_assign_string_element_len(nint vector, ulong index, byte* text, ulong length);
}
