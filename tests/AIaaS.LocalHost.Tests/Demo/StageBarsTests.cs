using AIaaS.LocalHost.Demo;
using AIaaS.Platform.Runs;
using Spectre.Console;

namespace AIaaS.LocalHost.Tests.Demo;

public sealed class StageBarsTests
{
    [Fact]
    public async Task On_a_terminal_each_stage_has_a_bar_that_ends_full()
    {
        var output = new StringWriter();
        var screen = Screen(output, AnsiSupport.Yes);

        var last = await StageBars.ShowAsync(screen, States());

        Assert.Equal(RunStatus.Succeeded, last?.Status);
        Assert.Contains("344 rows", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("100%", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Elsewhere_each_stage_is_told_once_when_it_ended()
    {
        var output = new StringWriter();
        var screen = Screen(output, AnsiSupport.No);

        await StageBars.ShowAsync(screen, States());

        string[] lines = output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.Equal(["prepare   succeeded  344 rows", "train     succeeded  done [well]"], lines);
    }

    [Fact]
    public async Task Nothing_told_is_nothing_shown()
        => Assert.Null(await StageBars.ShowAsync(Screen(new StringWriter(), AnsiSupport.Yes), AsyncEnumerable.Empty<RunView>()));

    private static IAnsiConsole Screen(TextWriter output, AnsiSupport ansi) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Ansi = ansi,
        Interactive = ansi is AnsiSupport.Yes ? InteractionSupport.Yes : InteractionSupport.No,
        Out = new AnsiConsoleOutput(output),
    });

    // As a watcher gets them: stages that ended come again with every later state.
    private static async IAsyncEnumerable<RunView> States()
    {
        var prepared = new RunStage("prepare", StageStatus.Succeeded, 100, "344 rows");
        yield return State(RunStatus.Running, new RunStage("prepare", StageStatus.Running, 40, "read"), new RunStage("train", StageStatus.Pending, 0));
        await Task.Yield();
        yield return State(RunStatus.Running, prepared, new RunStage("train", StageStatus.Running, 50, "loss [0.5]"));
        yield return State(RunStatus.Succeeded, prepared, new RunStage("train", StageStatus.Succeeded, 100, "done [well]"));
    }

    private static RunView State(RunStatus status, params RunStage[] stages) => new()
    {
        Id = "r",
        Dataset = "d",
        Version = 1,
        Status = status,
        Percent = 0,
        Stages = stages,
        Leaderboard = [],
        Cause = "a test",
        Created = DateTimeOffset.UnixEpoch,
    };
}
