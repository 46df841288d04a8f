namespace AIaaS.Learning.Sweeps;

/// <summary>A normal distribution between two bounds.</summary>
internal sealed class TruncatedNormal(double mean, double deviation, double low, double high)
{
    private readonly double _mass = Cumulative((high - mean) / deviation) - Cumulative((low - mean) / deviation);

    /// <summary>By rejection: the mean is within the bounds and the deviation no wider than they are, so that a third is accepted or more.</summary>
    public double Draw(Draws draws)
    {
        while (true)
        {
            // Box and Muller (1958).
            var value = mean + (deviation * Math.Sqrt(-2 * Math.Log(draws.Uniform())) * Math.Cos(2 * Math.PI * draws.Uniform()));
            if (value >= low && value <= high)
                return value;
        }
    }

    public double LogDensity(double value)
    {
        var distance = (value - mean) / deviation;
        return (-distance * distance / 2) - Math.Log(deviation * Math.Sqrt(2 * Math.PI) * _mass);
    }

    /// <summary>The probability from one value to another.</summary>
    public double Mass(double from, double to) =>
        Math.Max(double.Epsilon, Cumulative((Math.Min(to, high) - mean) / deviation) - Cumulative((Math.Max(from, low) - mean) / deviation)) / _mass;

    /// <summary>The standard normal distribution function, to 1e-8 of its value and much closer near the mean: Hart's approximation (1968) as given by West, "Better approximations to cumulative normal functions" (2005).</summary>
    internal static double Cumulative(double x)
    {
        var z = Math.Abs(x);
        if (z > 37)
            return x > 0 ? 1 : 0;
        var density = Math.Exp(-z * z / 2);
        double tail;
        if (z < 7.07106781186547)
        {
            var numerator = (((((((((((3.52624965998911e-2 * z) + 0.700383064443688) * z) + 6.37396220353165) * z) + 33.912866078383) * z) + 112.079291497871) * z) + 221.213596169931) * z) + 220.206867912376;
            var denominator = (((((((((((((8.83883476483184e-2 * z) + 1.75566716318264) * z) + 16.064177579207) * z) + 86.7807322029461) * z) + 296.564248779674) * z) + 637.333633378831) * z) + 793.826512519948) * z) + 440.413735824752;
            tail = density * numerator / denominator;
        }
        else
        {
            tail = density / (z + (1 / (z + (2 / (z + (3 / (z + (4 / (z + 0.65))))))))) / 2.506628274631;
        }

        return x > 0 ? 1 - tail : tail;
    }
}
