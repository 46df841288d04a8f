using System.Runtime.CompilerServices;
using System.Text;

namespace AIaaS.Data.DuckDb;

/// <summary>A column of one chunk: its values in DuckDB's own memory, and a bit per row that says whether it is present.</summary>
/// <remarks>
/// The memory belongs to the chunk. Values of missing rows are undefined: ask <see cref="IsValid"/>.
/// </remarks>
internal readonly unsafe ref struct DuckDbVector
{
    private const int InlineLength = 12;

    private readonly nint _vector;
    private readonly void* _data;
    private readonly ulong* _validity;

    internal DuckDbVector(nint vector, int count)
    {
        _vector = vector;
        _data = NativeMethods.duckdb_vector_get_data(vector);
        _validity = NativeMethods.duckdb_vector_get_validity(vector);
        Count = count;
        nint type = NativeMethods.duckdb_vector_get_column_type(vector);
        Type = NativeMethods.duckdb_get_type_id(type);
        NativeMethods.duckdb_destroy_logical_type(ref type);
    }

    public int Count { get; }

    public DuckDbType Type { get; }

    /// <summary>Whether no row is missing, as far as DuckDB knows without looking.</summary>
    public bool AllValid => _validity is null;

    /// <summary>The validity mask, a bit per row from the lowest of the first word; empty when all rows are present.</summary>
    public ReadOnlySpan<ulong> Validity => _validity is null ? default : new(_validity, (Count + 63) / 64);

    public bool IsValid(int row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Count, nameof(row));
        return _validity is null || (_validity[row >> 6] >> (row & 63) & 1) != 0;
    }

    /// <summary>The values as they lie in memory.</summary>
    /// <exception cref="InvalidOperationException"><typeparamref name="T"/> has not the width of the column's type.</exception>
    public ReadOnlySpan<T> Values<T>()
        where T : unmanaged
    {
        if (sizeof(T) != Width(Type))
            throw new InvalidOperationException($"A column of type {Type} cannot be read as {typeof(T).Name}.");
        return new(_data, Count);
    }

    /// <summary>An integer, date (days) or time stamp (its unit) of any width, widened.</summary>
    public long Int64(int row) => Type switch
    {
        DuckDbType.Boolean or DuckDbType.UTinyInt => Values<byte>()[row],
        DuckDbType.TinyInt => Values<sbyte>()[row],
        DuckDbType.SmallInt => Values<short>()[row],
        DuckDbType.USmallInt => Values<ushort>()[row],
        DuckDbType.Integer or DuckDbType.Date => Values<int>()[row],
        DuckDbType.UInteger => Values<uint>()[row],
        DuckDbType.UBigInt => checked((long)Values<ulong>()[row]),
        DuckDbType.HugeInt => checked((long)Values<Int128>()[row]),
        _ => Values<long>()[row],
    };

    /// <summary>The bytes of a text or blob: inlined up to 12, else behind a pointer.</summary>
    public ReadOnlySpan<byte> Utf8(int row)
    {
        if (Type is not (DuckDbType.Varchar or DuckDbType.Blob))
            throw new InvalidOperationException($"A column of type {Type} holds no text.");
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Count, nameof(row));
        byte* text = (byte*)_data + (nint)row * 16;
        uint length = Unsafe.ReadUnaligned<uint>(text);
        return length <= InlineLength ? new(text + 4, (int)length) : new(*(byte**)(text + 8), checked((int)length));
    }

    public string Text(int row) => Encoding.UTF8.GetString(Utf8(row));

    /// <summary>The elements of all lists of this chunk; <see cref="DuckDbListEntry"/> values say which are whose.</summary>
    public DuckDbVector ListElements()
    {
        if (Type != DuckDbType.List)
            throw new InvalidOperationException($"A column of type {Type} is not a list.");
        return new(NativeMethods.duckdb_list_vector_get_child(_vector), (int)NativeMethods.duckdb_list_vector_get_size(_vector));
    }

    private static int Width(DuckDbType type) => type switch
    {
        DuckDbType.Boolean or DuckDbType.TinyInt or DuckDbType.UTinyInt => 1,
        DuckDbType.SmallInt or DuckDbType.USmallInt => 2,
        DuckDbType.Integer or DuckDbType.UInteger or DuckDbType.Float or DuckDbType.Date => 4,
        DuckDbType.BigInt or DuckDbType.UBigInt or DuckDbType.Double or DuckDbType.Timestamp or DuckDbType.Time
            or DuckDbType.TimestampSeconds or DuckDbType.TimestampMilliseconds or DuckDbType.TimestampNanoseconds
            or DuckDbType.TimestampTz => 8,
        DuckDbType.HugeInt or DuckDbType.UHugeInt or DuckDbType.Uuid or DuckDbType.Interval or DuckDbType.List => 16,
        _ => -1,
    };
}
