using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Training;

namespace AIaaS.Learning.Evaluation;

/// <summary>How much a model needs each raw feature: what its objective loses where the feature's values are shuffled among rows (Breiman 2001).</summary>
internal static class PermutationImportance
{
    private const long Stream = 0x7065726D; // "perm"
    private const int MostRows = 1_000;
    private const int Repeats = 3;

    private const int MostFeatures = 200;

    /// <summary>Columns to be fed over all shuffles: of wide tables only the first features are looked at.</summary>
    private const int Effort = 100_000;

    /// <param name="table">Rows that were not learned from.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="loss">Gives the loss of the rows with these positions, as the table has them.</param>
    /// <returns>The most important first.</returns>
    public static IReadOnlyList<FeatureImportance> Of(FeatureTable table, long seed, Func<FeatureTable, int[], double> loss)
    {
        int[] positions = [.. new CounterGenerator(seed, Stream).Permutation(table.Rows).Take(MostRows).Order()];
        var rows = table.Select(positions);
        var whole = loss(rows, positions);
        return
        [
            .. rows.Columns.Take(Math.Clamp(Effort / rows.Columns.Count, 1, MostFeatures)).Select((column, number) =>
            {
                var losses = Enumerable.Range(0, Repeats).Select(repeat =>
                {
                    var shuffled = column.Select(new CounterGenerator(seed, Stream + 1 + (number * (long)Repeats) + repeat).Permutation(rows.Rows));
                    return loss(new FeatureTable(rows.Rows, [.. rows.Columns.Select((other, at) => at == number ? shuffled : other)]), positions) - whole;
                }).ToArray();
                var mean = losses.Average();
                return new FeatureImportance(column.Name, mean, Math.Sqrt(losses.Average(value => (value - mean) * (value - mean))));
            }).Where(importance => double.IsFinite(importance.Loss)).OrderByDescending(importance => importance.Loss),
        ];
    }
}
