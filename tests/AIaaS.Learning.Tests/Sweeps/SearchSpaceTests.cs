using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Sweeps;

namespace AIaaS.Learning.Tests.Sweeps;

public sealed class SearchSpaceTests
{
    private static readonly HyperparameterRange Momentum =
        HyperparameterRange.Uniform(0, 0.99, 0.9) with { When = new("optimizer", [JsonSerializer.SerializeToElement("sgd")]) };

    [Fact]
    public void A_hyperparameter_that_does_not_matter_is_left_out()
    {
        var space = Space(("momentum", Momentum), ("optimizer", HyperparameterRange.OneOf("adam", "sgd")));

        var drawn = Enumerable.Range(0, 100).Select(trial => new Draws(1, trial)).Select(draws => space.Build(d => d.Sample(draws))).ToList();

        Assert.Equal("""{"optimizer":"adam"}""", JsonSerializer.Serialize(space.Default.Values));
        Assert.All(drawn, c => Assert.Equal(c.Values["optimizer"].GetString() == "sgd", c.Values.ContainsKey("momentum")));
        Assert.Equal(2, drawn.Select(c => c.Values.Count).Distinct().Count());
    }

    [Fact]
    public void What_depends_on_something_left_out_is_left_out()
    {
        var space = Space(
            ("a", HyperparameterRange.OneOf(false, true)),
            ("b", HyperparameterRange.OneOf(1, 2) with { When = new("a", [JsonSerializer.SerializeToElement(true)]) }),
            ("c", HyperparameterRange.OneOf(1, 2) with { When = new("b", [JsonSerializer.SerializeToElement(2)]) }));

        Assert.Equal(
            ["""{"a":false}""", """{"a":true,"b":1}""", """{"a":true,"b":2,"c":1}""", """{"a":true,"b":2,"c":2}"""],
            space.All!.Select(c => JsonSerializer.Serialize(c.Values)));
    }

    [Fact]
    public void Numbers_stay_within_their_bounds_and_fill_them()
    {
        var space = Space(("rate", HyperparameterRange.LogUniform(1e-4, 1, 0.01)), ("leaves", HyperparameterRange.Integers(2, 9, 4)));

        var drawn = Enumerable.Range(0, 2000).Select(trial => new Draws(1, trial)).Select(draws => space.Build(d => d.Sample(draws))).ToList();

        Assert.All(drawn, c => Assert.InRange(c.Values["rate"].GetDouble(), 1e-4, 1));
        Assert.Equal(0.5, drawn.Average(c => c.Values["rate"].GetDouble() < 0.01 ? 1.0 : 0), 0.05);
        Assert.Equal(Enumerable.Range(2, 8), drawn.Select(c => c.Values["leaves"].GetInt32()).Distinct().Order());
        Assert.All(drawn.CountBy(c => c.Values["leaves"].GetInt32()), count => Assert.InRange(count.Value, 190, 310));
    }

    [Theory]
    [InlineData("""{"a":1,"b":"x"}""", """{"b":"x","a":1.0}""", true)]
    [InlineData("""{"a":0.1}""", """{"a":1e-1}""", true)]
    [InlineData("""{"a":[1, 2]}""", """{"a":[1,2]}""", true)]
    [InlineData("""{"a":1}""", """{"a":"1"}""", false)]
    [InlineData("""{"a":1}""", """{"b":1}""", false)]
    public void Configurations_are_equal_by_value(string one, string other, bool equal)
    {
        Assert.Equal(equal, Of(one).Key == Of(other).Key);

        static Configuration Of(string json) => new(JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(json)!);
    }

    [Fact]
    public void Without_a_default_the_middle_of_the_scale_is_it()
    {
        var space = Space(
            ("linear", new() { Minimum = 0, Maximum = 10 }),
            ("log", new() { Minimum = 0.01, Maximum = 100, Scale = RangeScale.Log }),
            ("whole", new() { Minimum = 1, Maximum = 4, Integer = true }),
            ("choice", new() { Choices = [JsonSerializer.SerializeToElement("x"), JsonSerializer.SerializeToElement("y")] }));

        Assert.Equal("""{"linear":5,"log":1,"whole":2,"choice":"x"}""", JsonSerializer.Serialize(space.Default.Values));
    }

    private static SearchSpace Space(params (string Name, HyperparameterRange Range)[] ranges) => new(ranges.ToDictionary(r => r.Name, r => r.Range));
}
