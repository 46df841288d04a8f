using AIaaS.Formats;
using AIaaS.Learning.Sweeps;

namespace AIaaS.Learning.Tests.Sweeps;

public sealed class GridSamplerTests
{
    [Fact]
    public void A_logarithmic_range_is_divided_by_powers()
    {
        var space = new SearchSpace(new Dictionary<string, HyperparameterRange> { ["l2"] = HyperparameterRange.LogUniform(1e-3, 1e3, 1) });

        Assert.Equal([1, 0.001, 0.1, 10, 1000], new GridSampler(space, 5).Grid.Select(c => c.Values["l2"].GetDouble()));
    }

    [Fact]
    public void A_linear_range_is_divided_evenly()
    {
        var space = new SearchSpace(new Dictionary<string, HyperparameterRange> { ["share"] = HyperparameterRange.Uniform(0, 1, 0.5) });

        Assert.Equal([0.5, 0, 0.25, 0.75, 1], new GridSampler(space, 6).Grid.Select(c => c.Values["share"].GetDouble()));
    }

    [Fact]
    public void The_most_important_hyperparameters_get_more_values()
    {
        var space = new SearchSpace(new Dictionary<string, HyperparameterRange>
        {
            ["first"] = HyperparameterRange.Uniform(0, 1, 0.5),
            ["second"] = HyperparameterRange.Integers(1, 100, 10),
            ["third"] = HyperparameterRange.OneOf("a", "b", "c"),
        });

        var grid = new GridSampler(space, 13).Grid;

        Assert.Equal(13, grid.Count);
        Assert.Equal((3, 2, 2), (Values("first"), Values("second"), Values("third")));

        int Values(string name) => grid.Skip(1).Select(c => c.Values[name].GetRawText()).Distinct().Count();
    }

    [Fact]
    public void A_small_space_is_tried_out()
    {
        var space = new SearchSpace(new Dictionary<string, HyperparameterRange>
        {
            ["depth"] = HyperparameterRange.Integers(1, 4, 2),
            ["kind"] = HyperparameterRange.OneOf("a", "b"),
        });

        Assert.Equal(8, new GridSampler(space, 100).Grid.Count);
    }
}
