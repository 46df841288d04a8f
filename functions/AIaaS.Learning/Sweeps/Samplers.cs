using AIaaS.Formats;

namespace AIaaS.Learning.Sweeps;

/// <summary>What is known of a trainer's configurations.</summary>
/// <param name="Ranked">Judged ones, the best first.</param>
/// <param name="Failed">Those that cannot be trained.</param>
/// <param name="Running">Those whose trials have not ended.</param>
internal sealed record Observations(IReadOnlyList<Configuration> Ranked, IReadOnlyList<Configuration> Failed, IReadOnlyList<Configuration> Running)
{
    public IReadOnlySet<string> Keys { get; } = Ranked.Concat(Failed).Concat(Running).Select(c => c.Key).ToHashSet();
}

/// <summary>Chooses a configuration that was not tried.</summary>
internal interface ISampler
{
    /// <returns>Null where there is none left.</returns>
    Configuration? Next(SearchSpace space, Observations observations, Draws draws);

    /// <summary>Whether <see cref="Next"/> can still find one.</summary>
    bool IsExhausted(SearchSpace space, IReadOnlySet<string> tried);
}

/// <summary>Each value as likely as the others, on the scale of its range.</summary>
internal sealed class RandomSampler : ISampler
{
    private const int Attempts = 100;

    public Configuration? Next(SearchSpace space, Observations observations, Draws draws)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var drawn = space.Build(d => d.Sample(draws));
            if (!observations.Keys.Contains(drawn.Key))
                return drawn;
        }

        var rest = space.All?.Where(c => !observations.Keys.Contains(c.Key)).ToList() ?? [];
        return rest.Count > 0 ? rest[draws.Index(rest.Count)] : null;
    }

    public bool IsExhausted(SearchSpace space, IReadOnlySet<string> tried) => space.All?.All(c => tried.Contains(c.Key)) ?? false;
}

/// <summary>
/// The defaults, then every combination of evenly spaced values, on the scale of their ranges. How many values each hyperparameter
/// gets follows from the number of trials: in turn, the most important first, each gets another one while the trials suffice.
/// </summary>
/// <param name="space">All configurations.</param>
/// <param name="trials">Configurations at most.</param>
internal sealed class GridSampler(SearchSpace space, int trials) : ISampler
{
    public IReadOnlyList<Configuration> Grid { get; } = Divide(space, trials);

    public Configuration? Next(SearchSpace space, Observations observations, Draws draws) =>
        Grid.FirstOrDefault(c => !observations.Keys.Contains(c.Key));

    public bool IsExhausted(SearchSpace space, IReadOnlySet<string> tried) => Grid.All(c => tried.Contains(c.Key));

    private static IReadOnlyList<Configuration> Divide(SearchSpace space, int trials)
    {
        var counts = space.Dimensions.ToDictionary(d => d.Name, _ => 1);
        for (var grown = true; grown;)
        {
            grown = false;
            foreach (var dimension in space.Dimensions.Where(d => counts[d.Name] < (d.Count ?? int.MaxValue)))
            {
                counts[dimension.Name]++;
                if (space.Dimensions.Aggregate(1.0, (product, d) => product * counts[d.Name]) < trials)
                    grown = true;
                else
                    counts[dimension.Name]--;
            }
        }

        return [.. space.Combinations(d => d.Spread(counts[d.Name])).Prepend(space.Default).DistinctBy(c => c.Key)];
    }
}
