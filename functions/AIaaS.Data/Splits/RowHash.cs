using System.Buffers.Binary;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;

namespace AIaaS.Data.Splits;

/// <summary>
/// <c>row_hash(seed, value, …)</c>, 64 bits as UBIGINT: what samples and splits are drawn by. It is ours, because DuckDB may change its own
/// from version to version, and rows would move. Equal numbers of different types, and days and their midnights, have equal hashes.
/// </summary>
/// <remarks>Multiply and fold, as in wyhash (Wang Yi 2019).</remarks>
internal static class RowHash
{
    private const string Name = "row_hash";
    private const ulong A = 0xA0761D6478BD642F;
    private const ulong B = 0xE7037ED1A0B428DB;
    private const ulong Missing = 0x8EBC6AF09C88C6E3;

    public static void Register(DuckDbConnection connection) =>
        ScalarFunction.Register(connection, Name, [DuckDbType.BigInt], DuckDbType.Any, DuckDbType.UBigInt, Compute);

    /// <summary>The hash of whole rows; the order of the columns does not count.</summary>
    public static string OfRow(PreparedTable table, long seed) =>
        Of(seed, Enumerable.Range(0, table.Columns.Count).OrderBy(i => table.Columns[i].Name, StringComparer.Ordinal));

    /// <summary>The hash of some columns, in this order.</summary>
    public static string Of(long seed, IEnumerable<int> columns) => FormattableString.Invariant($"{Name}({seed}, {string.Join(", ", columns.Select(i => $"c{i}"))})");

    /// <summary>The value that a share of all hashes is below, as a SQL literal.</summary>
    public static string Below(double share) =>
        FormattableString.Invariant($"{(share >= 1 ? ulong.MaxValue : (ulong)(share * 18446744073709551616.0))}::UBIGINT");

    internal static ulong OfBytes(ReadOnlySpan<byte> bytes)
    {
        ulong hash = Fold(A ^ (ulong)bytes.Length, B);
        for (; bytes.Length >= 8; bytes = bytes[8..])
            hash = Fold(hash ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes), A);
        ulong rest = 0;
        for (int i = 0; i < bytes.Length; i++)
            rest |= (ulong)bytes[i] << (8 * i);
        return Fold(hash ^ rest, B);
    }

    private static void Compute(ScalarFunctionInput input, ScalarFunctionOutput output)
    {
        Span<ulong> hashes = output.Values<ulong>(input.Rows);
        ReadOnlySpan<long> seeds = input.Argument(0).Values<long>();
        for (int row = 0; row < hashes.Length; row++)
            hashes[row] = Fold((ulong)seeds[row] ^ A, B);
        for (int i = 1; i < input.Count; i++)
            Add(input.Argument(i), hashes);
        for (int row = 0; row < hashes.Length; row++)
            hashes[row] = Fold(hashes[row] ^ B, A);
    }

    private static void Add(DuckDbVector vector, Span<ulong> hashes)
    {
        bool allValid = vector.AllValid;
        switch (vector.Type)
        {
            case DuckDbType.Double:
                ReadOnlySpan<double> numbers = vector.Values<double>();
                for (int row = 0; row < hashes.Length; row++)
                    hashes[row] = Mix(hashes[row], allValid || vector.IsValid(row) ? OfDouble(numbers[row]) : Missing);
                break;
            case DuckDbType.BigInt or DuckDbType.Timestamp:
                ReadOnlySpan<long> integers = vector.Values<long>();
                for (int row = 0; row < hashes.Length; row++)
                    hashes[row] = Mix(hashes[row], allValid || vector.IsValid(row) ? OfInteger(integers[row]) : Missing);
                break;
            case DuckDbType.Varchar or DuckDbType.Blob:
                for (int row = 0; row < hashes.Length; row++)
                    hashes[row] = Mix(hashes[row], allValid || vector.IsValid(row) ? OfBytes(vector.Utf8(row)) : Missing);
                break;
            case DuckDbType.Date:
                for (int row = 0; row < hashes.Length; row++)
                    hashes[row] = Mix(hashes[row], vector.IsValid(row) ? OfInteger(vector.Int64(row) * TimeSpan.MicrosecondsPerDay) : Missing);
                break;
            default:
                for (int row = 0; row < hashes.Length; row++)
                    hashes[row] = Mix(hashes[row], vector.IsValid(row) ? OfInteger(vector.Int64(row)) : Missing);
                break;
        }
    }

    private static ulong Mix(ulong hash, ulong value) => Fold(hash ^ value, A) + value;

    private static ulong OfInteger(long value) => value is > -(1L << 53) and < 1L << 53 ? OfDouble(value) : Fold((ulong)value ^ B, A);

    // Adding zero makes one of the two zeros.
    private static ulong OfDouble(double value) => Fold(BitConverter.DoubleToUInt64Bits(value + 0.0) ^ A, B);

    private static ulong Fold(ulong a, ulong b)
    {
        ulong high = Math.BigMul(a, b, out ulong low);
        return high ^ low;
    }
}
