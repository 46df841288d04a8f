using AIaaS.Platform.Runs;
using Spectre.Console;

namespace AIaaS.LocalHost.Demo;

/// <summary>Shows a run's stages: moving bars on a terminal, a plain line for each stage that ended elsewhere.</summary>
internal static class StageBars
{
    /// <returns>The last state; null where there was none.</returns>
    public static async Task<RunView?> ShowAsync(IAnsiConsole screen, IAsyncEnumerable<RunView> states)
    {
        RunView? last = null;
        if (!screen.Profile.Capabilities.Ansi)
        {
            var told = new HashSet<string>();
            await foreach (var state in states)
            {
                last = state;
                foreach (var stage in state.Stages.Where(stage => HasEnded(stage) && told.Add(stage.Name)))
                {
                    screen.WriteLine($"{stage.Name,-9} {stage.Status.ToString().ToLowerInvariant()}  {stage.Detail}");
                }
            }

            return last;
        }

        await screen.Progress()
            .HideCompleted(false)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(async progress =>
            {
                var bars = new Dictionary<string, ProgressTask>();
                await foreach (var state in states)
                {
                    last = state;
                    foreach (var stage in state.Stages)
                    {
                        Show(bars, progress, stage);
                    }
                }
            });
        return last;
    }

    private static void Show(Dictionary<string, ProgressTask> bars, ProgressContext progress, RunStage stage)
    {
        if (!bars.TryGetValue(stage.Name, out var bar))
        {
            bars[stage.Name] = bar = progress.AddTask(stage.Name, autoStart: false);
        }

        if (stage.Status is StageStatus.Pending || bar.StopTime is not null)
        {
            return;
        }

        if (!bar.IsStarted)
        {
            bar.StartTask();
        }

        bar.Description = Markup.Escape(stage.Detail is null ? stage.Name : $"{stage.Name,-9} {stage.Detail}");
        bar.Value = stage.Percent;
        if (HasEnded(stage))
        {
            bar.StopTask();
        }
    }

    private static bool HasEnded(RunStage stage) => stage.Status is StageStatus.Succeeded or StageStatus.Failed or StageStatus.Cancelled;
}
