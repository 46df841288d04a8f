using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AIaaS.Data.DuckDb;

/// <summary>Makes functions of C# known to SQL. They are called by several threads at once, a chunk of rows at a time.</summary>
internal static unsafe class ScalarFunction
{
    /// <param name="connection">Any connection of the database; the function is known to all of them.</param>
    /// <param name="name">Its name in SQL.</param>
    /// <param name="parameters">The types of its first arguments.</param>
    /// <param name="more">The type of further arguments, <see cref="DuckDbType.Any"/> for all; null where there are none.</param>
    /// <param name="returns">The type of its result.</param>
    /// <param name="body">Computes a chunk; also called for missing values.</param>
    public static void Register(DuckDbConnection connection, string name, IReadOnlyList<DuckDbType> parameters, DuckDbType? more, DuckDbType returns, ScalarFunctionBody body)
    {
        nint function = NativeMethods.duckdb_create_scalar_function();
        try
        {
            NativeMethods.duckdb_scalar_function_set_name(function, name);
            foreach (DuckDbType parameter in parameters)
                WithType(parameter, type => NativeMethods.duckdb_scalar_function_add_parameter(function, type));
            if (more is { } any)
                WithType(any, type => NativeMethods.duckdb_scalar_function_set_varargs(function, type));
            WithType(returns, type => NativeMethods.duckdb_scalar_function_set_return_type(function, type));
            NativeMethods.duckdb_scalar_function_set_special_handling(function);
            NativeMethods.duckdb_scalar_function_set_extra_info(function, GCHandle.ToIntPtr(GCHandle.Alloc(body)), &Free);
            NativeMethods.duckdb_scalar_function_set_function(function, &Invoke);
            if (NativeMethods.duckdb_register_scalar_function(connection.Handle, function) != NativeMethods.Success)
                throw new DuckDbException($"DuckDB refused the function {name}.");
        }
        finally
        {
            NativeMethods.duckdb_destroy_scalar_function(ref function);
        }
    }

    private static void WithType(DuckDbType id, Action<nint> use)
    {
        nint type = NativeMethods.duckdb_create_logical_type(id);
        use(type);
        NativeMethods.duckdb_destroy_logical_type(ref type);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Invoke(nint info, nint input, nint output)
    {
        try
        {
            var body = (ScalarFunctionBody)GCHandle.FromIntPtr(NativeMethods.duckdb_scalar_function_get_extra_info(info)).Target!;
            body(new ScalarFunctionInput(input), new ScalarFunctionOutput(output));
        }
        catch (Exception exception)
        {
            // An exception must not unwind through native frames.
            NativeMethods.duckdb_scalar_function_set_error(info, exception.Message);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Free(nint handle) => GCHandle.FromIntPtr(handle).Free();
}

internal delegate void ScalarFunctionBody(ScalarFunctionInput input, ScalarFunctionOutput output);

/// <summary>The arguments of a chunk of calls.</summary>
internal readonly ref struct ScalarFunctionInput(nint chunk)
{
    public int Rows { get; } = (int)NativeMethods.duckdb_data_chunk_get_size(chunk);

    public int Count { get; } = (int)NativeMethods.duckdb_data_chunk_get_column_count(chunk);

    public DuckDbVector Argument(int index) => new(NativeMethods.duckdb_data_chunk_get_vector(chunk, (ulong)index), Rows);
}

/// <summary>Where the results of a chunk of calls go.</summary>
internal readonly unsafe ref struct ScalarFunctionOutput(nint vector)
{
    /// <summary>The results as they lie in memory, for fixed-width types.</summary>
    public Span<T> Values<T>(int rows)
        where T : unmanaged => new(NativeMethods.duckdb_vector_get_data(vector), rows);

    public void SetText(int row, ReadOnlySpan<byte> utf8)
    {
        // A pointer to an empty span is null, which DuckDB does not take.
        byte none = 0;
        fixed (byte* text = utf8)
            NativeMethods.duckdb_vector_assign_string_element_len(vector, (ulong)row, text is null ? &none : text, (ulong)utf8.Length);
    }

    public void SetMissing(int row)
    {
        NativeMethods.duckdb_vector_ensure_validity_writable(vector);
        NativeMethods.duckdb_vector_get_validity(vector)[row >> 6] &= ~(1UL << (row & 63));
    }
}
