using AIaaS.Formats;
using AIaaS.Platform.Runs;

namespace AIaaS.Platform.Tests.Runs;

public sealed class RunTests
{
    private static readonly DateTimeOffset Now = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void The_stages_of_a_pipeline_add_up_to_the_whole()
    {
        var run = New("p");

        foreach (var stage in run.Stages) run = run.WithStage(stage.Name, StageStatus.Succeeded, 100, detail: null);

        Assert.Equal(100, run.Percent);
    }

    [Fact]
    public void Preparing_is_the_whole_of_a_run_without_a_pipeline()
    {
        var run = New(pipeline: null).WithStage(StageNames.Prepare, StageStatus.Running, 40, detail: null);

        Assert.Equal(40, run.Percent);
    }

    [Theory]
    [InlineData(StageNames.Prepare, 25)]
    [InlineData(StageNames.Train, 50)]
    [InlineData(StageNames.Evaluate, 5)]
    [InlineData(StageNames.Register, 10)]
    [InlineData(StageNames.Deploy, 10)]
    public void A_stage_has_its_share_of_the_whole(string stage, double percent)
    {
        Assert.Equal(percent, New("p").WithStage(stage, StageStatus.Succeeded, 100, detail: null).Percent);
    }

    [Theory]
    [InlineData(-5, 0)]
    [InlineData(33.33, 16.7)]
    [InlineData(250, 50)]
    public void Percentages_are_kept_within_bounds_and_rounded(double percent, double whole)
    {
        Assert.Equal(whole, New("p").WithStage(StageNames.Train, StageStatus.Running, percent, detail: null).Percent);
    }

    [Fact]
    public void A_stage_keeps_its_words_until_it_has_others()
    {
        var run = New("p").WithStage(StageNames.Train, StageStatus.Running, 10, "fit");

        Assert.Equal("fit", Stage(run.WithStage(StageNames.Train, StageStatus.Running, 20, detail: null), StageNames.Train).Detail);
        Assert.Equal("judge", Stage(run.WithStage(StageNames.Train, StageStatus.Running, 20, "judge"), StageNames.Train).Detail);
    }

    [Theory]
    [InlineData(RunStatus.Failed, StageStatus.Failed)]
    [InlineData(RunStatus.Cancelled, StageStatus.Cancelled)]
    [InlineData(RunStatus.Succeeded, StageStatus.Succeeded)]
    public void What_was_under_way_ends_as_the_run_does(RunStatus end, StageStatus expected)
    {
        var run = New("p")
            .WithStage(StageNames.Prepare, StageStatus.Succeeded, 100, detail: null)
            .WithStage(StageNames.Train, StageStatus.Running, 40, detail: null);

        var ended = run.AsEnded(end, error: null, Now);

        Assert.Equal(
            [StageStatus.Succeeded, expected, StageStatus.Pending, StageStatus.Pending, StageStatus.Pending],
            ended.Stages.Select(stage => stage.Status));
    }

    [Fact]
    public void A_failed_run_tells_how_far_it_came_and_why_it_ended()
    {
        var error = new ErrorDetail("Title", "Detail");

        var ended = New("p").WithStage(StageNames.Prepare, StageStatus.Succeeded, 100, detail: null).AsEnded(RunStatus.Failed, error, Now.AddHours(1));

        Assert.Equal((25d, error, Now.AddHours(1)), (ended.Percent, ended.Error, ended.Ended));
    }

    private static Run New(string? pipeline) => Run.Create("a", pipeline, "d", 1, "a test", Now);

    private static RunStage Stage(Run run, string name) => run.Stages.Single(stage => stage.Name == name);
}
