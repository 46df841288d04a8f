using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Learning.Sweeps;

/// <summary>All configurations of a trainer: its hyperparameters, of which some matter only where others have certain values.</summary>
internal sealed class SearchSpace
{
    /// <summary>Spaces of at most so many configurations are listed; a larger one is not tried out by any sweep.</summary>
    private const int Listed = 10_000;

    /// <summary>Each after the one its condition names.</summary>
    private readonly IReadOnlyList<Dimension> _order;
    private readonly Lazy<IReadOnlyList<Configuration>?> _all;

    /// <param name="ranges">Have passed <see cref="SweepValidation"/>.</param>
    public SearchSpace(IReadOnlyDictionary<string, HyperparameterRange> ranges)
    {
        Dimensions = [.. ranges.Select(r => Dimension.Of(r.Key, r.Value))];
        _order = InOrder(Dimensions);
        _all = new(() => Dimensions.Aggregate(1.0, (product, d) => product * (d.Count ?? double.PositiveInfinity)) <= Listed
            ? Combinations(d => d.Spread(d.Count!.Value))
            : null);
    }

    /// <summary>In the order in which the trainer tells them: the most important first.</summary>
    public IReadOnlyList<Dimension> Dimensions { get; }

    /// <summary>Every configuration; null where these are too many.</summary>
    public IReadOnlyList<Configuration>? All => _all.Value;

    public Configuration Default => Build(d => d.Default);

    /// <summary>Takes a value for each hyperparameter that matters, after those it depends on.</summary>
    public Configuration Build(Func<Dimension, JsonElement> choose)
    {
        var values = new Dictionary<string, JsonElement>();
        foreach (var dimension in _order)
        {
            if (Matters(dimension, values))
                values[dimension.Name] = choose(dimension);
        }

        return Of(values);
    }

    /// <summary>Every combination of some values of each hyperparameter, each once.</summary>
    public IReadOnlyList<Configuration> Combinations(Func<Dimension, IReadOnlyList<JsonElement>> values)
    {
        List<Dictionary<string, JsonElement>> partial = [[]];
        foreach (var dimension in _order)
        {
            var choices = values(dimension);
            partial = [.. partial.SelectMany(p => Matters(dimension, p)
                ? choices.Select(c => new Dictionary<string, JsonElement>(p) { [dimension.Name] = c })
                : [p])];
        }

        return [.. partial.Select(Of).DistinctBy(c => c.Key)];
    }

    private Configuration Of(Dictionary<string, JsonElement> values) =>
        new(Dimensions.Where(d => values.ContainsKey(d.Name)).ToDictionary(d => d.Name, d => values[d.Name]));

    private static bool Matters(Dimension dimension, Dictionary<string, JsonElement> values) =>
        dimension.Condition is not { } condition
        || (values.TryGetValue(condition.Name, out var value) && condition.Values.Any(v => JsonElement.DeepEquals(v, value)));

    private static List<Dimension> InOrder(IReadOnlyList<Dimension> dimensions)
    {
        var ordered = new List<Dimension>();
        while (ordered.Count < dimensions.Count)
        {
            ordered.Add(dimensions.First(d => !ordered.Contains(d) && (d.Condition is not { } condition || ordered.Exists(o => o.Name == condition.Name))));
        }

        return ordered;
    }
}

/// <summary>Values of the hyperparameters that matter.</summary>
internal sealed class Configuration(IReadOnlyDictionary<string, JsonElement> values)
{
    public IReadOnlyDictionary<string, JsonElement> Values { get; } = values;

    /// <summary>Equal for equal configurations, however their numbers are written.</summary>
    public string Key { get; } = JsonSerializer.Serialize(values.OrderBy(v => v.Key, StringComparer.Ordinal).Select(v => new object[] { v.Key, Plain(v.Value) }));

    private static object Plain(JsonElement value) =>
        value.ValueKind is JsonValueKind.Number && value.TryGetDouble(out var number) ? number : value;
}
