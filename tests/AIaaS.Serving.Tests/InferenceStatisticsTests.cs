using AIaaS.Serving.Inference;
using AIaaS.Serving.Models;

namespace AIaaS.Serving.Tests;

public class InferenceStatisticsTests
{
    private static readonly ModelReference Model = new("default/m", 1, "00");

    [Fact]
    public void A_model_that_was_never_asked_has_done_nothing()
    {
        var read = new InferenceStatistics(new ManualTime()).Get(Model);

        Assert.Equal((0, 0), (read.Inferences, read.Success.Count));
    }

    [Fact]
    public void Answers_add_up_in_all_and_by_size()
    {
        var time = new ManualTime();
        var statistics = new InferenceStatistics(time);
        statistics.Succeeded(Model, 4, Milliseconds(1), Milliseconds(2), Milliseconds(3));
        statistics.Succeeded(Model, 4, Milliseconds(1), Milliseconds(4), Milliseconds(5));
        time.Advance(TimeSpan.FromSeconds(7));
        statistics.Succeeded(Model, 1, Milliseconds(1), Milliseconds(1), Milliseconds(1));

        var read = statistics.Get(Model);

        Assert.Equal(9, read.Inferences);
        Assert.Equal(new(3, 19_000_000), read.Success);
        Assert.Equal(new(3, 7_000_000), read.Run);
        Assert.Equal(time.GetUtcNow(), read.LastInference);
        Assert.Equal([1, 4], read.Batches.Select(b => b.Size));
        Assert.Equal(new(2, 6_000_000), read.Batches[1].Run);
    }

    [Fact]
    public void Failures_are_counted_apart()
    {
        var statistics = new InferenceStatistics(new ManualTime());
        statistics.Failed(Model, Milliseconds(3));

        var read = statistics.Get(Model);

        Assert.Equal(new(1, 3_000_000), read.Failure);
        Assert.Equal(0, read.Success.Count);
    }

    [Fact]
    public void Sizes_of_runs_are_bounded()
    {
        var statistics = new InferenceStatistics(new ManualTime());
        for (var rows = 1; rows <= 500; rows++)
            statistics.Succeeded(Model, rows, default, default, default);

        var read = statistics.Get(Model);

        Assert.Equal(100, read.Batches.Count);
        Assert.Equal(500, read.Success.Count);
    }

    private static TimeSpan Milliseconds(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);
}
