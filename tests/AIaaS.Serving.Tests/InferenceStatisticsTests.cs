using AIaaS.Serving.Inference;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;

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
        statistics.Succeeded(Model, Summary(4, queue: 10, run: 2, write: 3, runRows: 8));
        statistics.Succeeded(Model, Summary(4, queue: 0, run: 4, write: 5, runRows: 8));
        statistics.Ran(Model, 8, Milliseconds(6));
        time.Advance(TimeSpan.FromSeconds(7));
        statistics.Succeeded(Model, Summary(1, queue: 0, run: 1, write: 1, runRows: 1));
        statistics.Ran(Model, 1, Milliseconds(1));

        var read = statistics.Get(Model);

        Assert.Equal((9, 2), (read.Inferences, read.Executions));
        Assert.Equal(new(3, 29_000_000), read.Success);
        Assert.Equal(new(3, 10_000_000), read.Queue);
        Assert.Equal(new(3, 7_000_000), read.Run);
        Assert.Equal(time.GetUtcNow(), read.LastInference);
        Assert.Equal([1, 8], read.Batches.Select(b => b.Size));
        Assert.Equal((new(2, 2_000_000), new(1, 6_000_000), new(2, 8_000_000)), (read.Batches[1].Input, read.Batches[1].Run, read.Batches[1].Output));
    }

    [Fact]
    public void Repeated_answers_are_successes_that_ran_nothing()
    {
        var statistics = new InferenceStatistics(new ManualTime());
        statistics.Missed(Model, Milliseconds(1));
        statistics.Succeeded(Model, Summary(4, queue: 0, run: 2, write: 3, runRows: 4));
        statistics.Repeated(Model, Milliseconds(2));

        var read = statistics.Get(Model);

        Assert.Equal((new(1, 1_000_000), new(1, 2_000_000)), (read.CacheMiss, read.CacheHit));
        Assert.Equal((new(2, 8_000_000), new(2, 0)), (read.Success, read.Queue));
        Assert.Equal((4, 1), (read.Inferences, read.Run.Count));
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
        {
            statistics.Succeeded(Model, Summary(rows, queue: 0, run: 1, write: 1, runRows: rows));
            statistics.Ran(Model, rows, Milliseconds(1));
        }

        var read = statistics.Get(Model);

        Assert.Equal(100, read.Batches.Count);
        Assert.Equal((500, 500), (read.Success.Count, read.Executions));
    }

    private static PredictionSummary Summary(int rows, int queue, int run, int write, int runRows) =>
        new(rows, Milliseconds(1), Milliseconds(queue), Milliseconds(run), Milliseconds(write)) { RunRows = runRows };

    private static TimeSpan Milliseconds(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);
}
