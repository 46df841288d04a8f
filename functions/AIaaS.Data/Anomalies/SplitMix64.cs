namespace AIaaS.Data.Anomalies;

/// <summary>
/// A small generator whose numbers are the same on every machine and runtime: Steele, Lea and Flood, "Fast splittable pseudorandom
/// number generators" (2014).
/// </summary>
internal struct SplitMix64(ulong state)
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    private ulong _state = state;

    /// <summary>The generator of one stream under a seed.</summary>
    public static SplitMix64 Of(long seed, int stream) => new(Mix(unchecked((ulong)seed + Golden * ((ulong)stream + 1))));

    /// <summary>64 uniform bits.</summary>
    public ulong Next() => Mix(_state = unchecked(_state + Golden));

    /// <summary>A uniform integer from 0 to below the bound.</summary>
    public int Next(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);

    /// <summary>A uniform number from 0 to below 1.</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1L << 53));

    private static ulong Mix(ulong z)
    {
        unchecked
        {
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}
