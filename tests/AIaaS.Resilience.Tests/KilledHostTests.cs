using System.Diagnostics;
using System.Net;

namespace AIaaS.Resilience.Tests;

/// <summary>A host that is killed at any instant goes on where it was when it is started again.</summary>
public sealed class KilledHostTests
{
    [Theory]
    [InlineData("prepare")]
    [InlineData("train")]
    [InlineData("register")]
    [InlineData("deploy")]
    public async Task A_host_killed_in_a_stage_completes_the_run_once_when_started_again(string stage)
    {
        using var homes = new Homes();
        await using (var first = await homes.StartAsync())
        {
            await homes.DropAsync(first);
            Assert.True(await Homes.AwaitStageAsync(first, "penguins", stage));
            await first.KillAsync();
        }

        await using var second = await homes.StartAsync();
        await Homes.AssertCompletedOnceAsync(second, "penguins");
    }

    // The instants spread over what a run takes here; the seed makes each repeatable but for the machine's own pace.
    public static TheoryData<int> Seeds => new(Enumerable.Range(1, Homes.Long ? 40 : 3));

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task A_host_killed_again_and_again_at_random_instants_completes_the_run_once(int seed)
    {
        var random = new Random(seed);
        using var homes = new Homes();
        for (var kill = 0; kill < 3; kill++)
        {
            await using var host = await homes.StartAsync();
            if (kill == 0)
            {
                await homes.DropAsync(host);
            }

            await Task.Delay(random.Next(0, 4000));
            await host.KillAsync();
        }

        await using var last = await homes.StartAsync();
        await Homes.AssertCompletedOnceAsync(last, "penguins");
    }

    [Theory]
    [InlineData(300)]
    [InlineData(1500)]
    public async Task A_host_killed_amid_rounds_of_trials_completes_each_trial_once(int millisecondsIntoTraining)
    {
        using var homes = new Homes();
        await using (var first = await homes.StartAsync())
        {
            using var client = new ApiClient(first.Url, first.AdminKey);
            await client.PutAsync(
                "/api/v1/pipelines/penguins",
                ApiClient.Text("target: species\ntrainers: [linear, decision-tree]\nsweep: { maxTrials: 9, maxConcurrent: 2, folds: 2 }\n", "application/yaml"),
                HttpStatusCode.Created);
            homes.Drop("default/penguins/penguins.csv");
            Assert.True(await Homes.AwaitStageAsync(first, "penguins", "train"));
            await Task.Delay(millisecondsIntoTraining);
            await first.KillAsync();
        }

        await using var second = await homes.StartAsync();
        await Homes.AssertCompletedOnceAsync(second, "penguins");
        using var after = new ApiClient(second.Url, second.AdminKey);
        var run = await after.AwaitRunOfAsync("penguins");
        Assert.Equal(Enumerable.Range(1, 9), run.GetProperty("leaderboard").EnumerateArray().Select(trial => trial.GetProperty("trial").GetInt32()).Order());
    }

    [Fact]
    public async Task A_file_dropped_while_the_host_is_down_is_found()
    {
        using var homes = new Homes();
        homes.Drop("default/penguins/penguins.csv");

        await using var host = await homes.StartAsync();

        await Homes.AssertCompletedOnceAsync(host, "penguins");
    }

    [Fact]
    public async Task A_run_is_not_repeated_by_a_restart()
    {
        using var homes = new Homes();
        await using (var first = await homes.StartAsync())
        {
            await homes.DropAsync(first);
            await Homes.AssertCompletedOnceAsync(first, "penguins");
            await first.KillAsync();
        }

        await using var second = await homes.StartAsync();
        await homes.DropAsync(second, "others");
        await Homes.AssertCompletedOnceAsync(second, "others");
        await Homes.AssertCompletedOnceAsync(second, "penguins");
    }

    [Fact]
    public async Task A_killed_host_leaves_no_trainer_behind()
    {
        using var homes = new Homes();
        await using var host = await homes.StartAsync();
        homes.Drop("default/penguins/penguins.csv");
        await Homes.AwaitStageAsync(host, "penguins", "train");

        await host.KillAsync();

        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (ProcessesNaming(homes.Home).Any())
        {
            await Task.Delay(100, patience.Token);
        }
    }

    private static IEnumerable<int> ProcessesNaming(string folder)
    {
        foreach (var process in Process.GetProcesses())
        {
            using (process)
            {
                string command;
                try
                {
                    command = File.ReadAllText($"/proc/{process.Id}/cmdline");
                }
                catch (IOException)
                {
                    continue;
                }

                if (process.Id != Environment.ProcessId && command.Contains(folder, StringComparison.Ordinal))
                {
                    yield return process.Id;
                }
            }
        }
    }
}
