using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Sweeps;

namespace AIaaS.Learning.Tests.Sweeps;

public sealed class ParzenMixtureTests
{
    /// <summary>From <c>0.5 * math.erfc(-x / math.sqrt(2))</c> of Python 3.11.</summary>
    [Theory]
    [InlineData(-8, 6.220960574271819e-16)]
    [InlineData(-3, 0.0013498980316300957)]
    [InlineData(-0.5, 0.3085375387259869)]
    [InlineData(0.3, 0.6179114221889526)]
    [InlineData(1, 0.8413447460685429)]
    [InlineData(2.5, 0.9937903346742238)]
    [InlineData(6, 0.9999999990134123)]
    public void The_normal_distribution_function_is_right(double x, double expected) =>
        Assert.Equal(1, TruncatedNormal.Cumulative(x) / expected, 1e-8);

    [Fact]
    public void The_density_of_a_number_integrates_to_one()
    {
        var dimension = new NumberDimension("x", HyperparameterRange.LogUniform(0.01, 100, 1));
        var space = new SearchSpace(new Dictionary<string, HyperparameterRange> { ["x"] = HyperparameterRange.LogUniform(0.01, 100, 1) });
        var mixture = new ParzenMixture(space, [Of(("x", 0.02)), Of(("x", 3)), Of(("x", 4))]);

        const int Steps = 4000;
        var width = (dimension.High - dimension.Low) / Steps;
        var integral = Enumerable.Range(0, Steps).Sum(i => Math.Exp(mixture.LogDensity(Of(("x", Math.Exp(dimension.Low + ((i + 0.5) * width)))))) * width);

        Assert.Equal(1, integral, 1e-6);
    }

    [Fact]
    public void The_probabilities_of_all_configurations_are_one_together_even_with_conditions()
    {
        var mixture = new ParzenMixture(Conditional, Centres);

        Assert.Equal(1, Conditional.All!.Sum(c => Math.Exp(mixture.LogDensity(c))), 1e-12);
    }

    [Fact]
    public void What_is_drawn_has_the_probability_that_is_told()
    {
        var mixture = new ParzenMixture(Conditional, Centres);
        const int Many = 20_000;

        var counts = Enumerable.Range(0, Many).Select(i => mixture.Draw(new Draws(5, i)).Key).CountBy(k => k).ToDictionary();

        Assert.All(Conditional.All!, c =>
        {
            var expected = Math.Exp(mixture.LogDensity(c));
            var deviation = Math.Sqrt(expected * (1 - expected) / Many);
            Assert.Equal(expected, counts.GetValueOrDefault(c.Key) / (double)Many, 4.5 * deviation);
        });
    }

    private static SearchSpace Conditional { get; } = new(new Dictionary<string, HyperparameterRange>
    {
        ["kind"] = HyperparameterRange.OneOf("tree", "line", "mean"),
        ["depth"] = HyperparameterRange.Integers(1, 6, 3) with { When = new("kind", [JsonSerializer.SerializeToElement("tree")]) },
        ["rounds"] = HyperparameterRange.Integers(1, 20, 4, RangeScale.Log),
    });

    private static IReadOnlyList<Configuration> Centres { get; } =
    [
        Of(("kind", "tree"), ("depth", 2), ("rounds", 3)),
        Of(("kind", "tree"), ("depth", 6), ("rounds", 20)),
        Of(("kind", "line"), ("rounds", 1)),
    ];

    private static Configuration Of(params (string Name, object Value)[] values) =>
        new(values.ToDictionary(v => v.Name, v => JsonSerializer.SerializeToElement(v.Value)));
}
