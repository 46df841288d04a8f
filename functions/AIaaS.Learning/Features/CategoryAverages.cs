namespace AIaaS.Learning.Features;

/// <summary>Averages of a target by category, drawn towards the average of all by Bühlmann's credibility (1967), with the variances of an analysis of variance.</summary>
/// <param name="Values">For each category, and last for those that were not seen.</param>
internal sealed record CategoryAverages(double[] Values)
{
    // Categories that hardly differ are all the same; those that differ a lot still need more than one row to be believed.
    private const double LeastRows = 1;
    private const double MostRows = 1e6;

    /// <param name="codes">The category of each row; <paramref name="categories"/> for one that is not told apart.</param>
    /// <param name="target">The target of each row.</param>
    /// <param name="categories">Number of categories.</param>
    /// <param name="counts">Whether a row counts.</param>
    public static CategoryAverages Of(int[] codes, double[] target, int categories, Func<int, bool> counts)
    {
        var number = new long[categories + 1];
        var sum = new double[categories + 1];
        var (rows, total) = (0L, 0.0);
        for (var row = 0; row < codes.Length; row++)
        {
            if (!counts(row))
                continue;
            number[codes[row]]++;
            sum[codes[row]] += target[row];
            rows++;
            total += target[row];
        }

        var mean = rows > 0 ? total / rows : 0;
        var (within, between) = (0.0, 0.0);
        for (var row = 0; row < codes.Length; row++)
        {
            if (!counts(row))
                continue;
            var apart = target[row] - (sum[codes[row]] / number[codes[row]]);
            within += apart * apart;
        }

        var (groups, squares) = (0, 0.0);
        for (var code = 0; code <= categories; code++)
        {
            if (number[code] == 0)
                continue;
            groups++;
            squares += (double)number[code] * number[code];
            var apart = (sum[code] / number[code]) - mean;
            between += number[code] * apart * apart;
        }

        var varianceWithin = within / Math.Max(1, rows - groups);
        var varianceBetween = (between - ((groups - 1) * varianceWithin)) / Math.Max(1, rows - (squares / Math.Max(1, rows)));
        var credible = varianceBetween > 0 ? Math.Clamp(varianceWithin / varianceBetween, LeastRows, MostRows) : MostRows;
        var values = new double[categories + 1];
        for (var code = 0; code <= categories; code++)
            values[code] = (sum[code] + (credible * mean)) / (number[code] + credible);
        // What is not told apart was seen too seldom to say anything.
        values[categories] = mean;
        return new(values);
    }
}
