namespace AIaaS.Learning.Training;

/// <summary>
/// Random numbers as a pure function of (seed, stream, counter): nothing to checkpoint, and any one of them can be had alone.
/// Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
/// </summary>
/// <param name="seed">The key.</param>
/// <param name="stream">Tells apart uses under one seed.</param>
internal sealed class CounterGenerator(long seed, long stream)
{
    private const uint MultiplierA = 0xD2511F53;
    private const uint MultiplierB = 0xCD9E8D57;
    private const uint WeylA = 0x9E3779B9;
    private const uint WeylB = 0xBB67AE85;
    private const int Rounds = 10;

    /// <summary>64 uniform bits.</summary>
    public ulong Bits(long counter)
    {
        var (a, b, _, _) = Block(
            ((uint)counter, (uint)((ulong)counter >> 32), (uint)stream, (uint)((ulong)stream >> 32)),
            ((uint)seed, (uint)((ulong)seed >> 32)));
        return a | ((ulong)b << 32);
    }

    /// <summary>Evenly distributed from 0 to below 1.</summary>
    public double Uniform(long counter) => (Bits(counter) >> 11) * (1.0 / (1L << 53));

    /// <summary>Row numbers 0 to <paramref name="count"/> in random order.</summary>
    public int[] Permutation(int count)
    {
        var rows = Enumerable.Range(0, count).ToArray();
        var keys = Array.ConvertAll(rows, row => Bits(row));
        Array.Sort(keys, rows);
        return rows;
    }

    internal static (uint A, uint B, uint C, uint D) Block((uint A, uint B, uint C, uint D) counter, (uint A, uint B) key)
    {
        for (var round = 0; round < Rounds; round++)
        {
            var a = (ulong)MultiplierA * counter.A;
            var b = (ulong)MultiplierB * counter.C;
            counter = ((uint)(b >> 32) ^ counter.B ^ key.A, (uint)b, (uint)(a >> 32) ^ counter.D ^ key.B, (uint)a);
            key = (key.A + WeylA, key.B + WeylB);
        }

        return counter;
    }
}
