using AIaaS.Learning.Training;

namespace AIaaS.Learning.Sweeps;

/// <summary>Random numbers one after the other, the same ones for the same trial of the same sweep.</summary>
internal sealed class Draws(long seed, long trial)
{
    private const long Stream = 0x7377656570L << 24; // "sweep"

    private readonly CounterGenerator _generator = new(seed, Stream + trial);
    private long _counter;

    /// <summary>Above 0 and below 1.</summary>
    public double Uniform() => ((_generator.Bits(_counter++) >> 11) + 0.5) * (1.0 / (1L << 53));

    /// <summary>0 to below <paramref name="count"/>.</summary>
    public int Index(int count) => Math.Min((int)(Uniform() * count), count - 1);

    /// <summary>A position, the likelier the larger its weight.</summary>
    public int Weighted(ReadOnlySpan<double> weights)
    {
        double total = 0;
        foreach (var weight in weights)
            total += weight;
        var rest = Uniform() * total;
        for (var i = 0; i < weights.Length - 1; i++)
        {
            rest -= weights[i];
            if (rest < 0)
                return i;
        }

        return weights.Length - 1;
    }
}
