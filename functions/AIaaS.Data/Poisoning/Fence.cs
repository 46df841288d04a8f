namespace AIaaS.Data.Poisoning;

/// <summary>Where numbers of a column are expected: between its quantiles at 0.5 and 99.5 %, and one and a half times as far again on either side.</summary>
internal sealed record Fence(double From, double To)
{
    private const double Tail = 0.005;
    private const double Reach = 1.5;

    /// <summary>Null where nearly all values are one, so that nothing tells how far is too far.</summary>
    public static Fence? Around(ReadOnlySpan<float> column)
    {
        float[] present = [.. column.ToArray().Where(value => !float.IsNaN(value)).Order()];
        if (present.Length == 0)
            return null;
        double low = present[(int)(Tail * (present.Length - 1))];
        double high = present[^(1 + (int)(Tail * (present.Length - 1)))];
        double reach = Reach * (high - low);
        return reach > 0 ? new(low - reach, high + reach) : null;
    }

    /// <summary>Whether a value is outside; a missing one is not.</summary>
    public bool Leaves(float value) => value < From || value > To;
}
