using System.Text.Json;
using AIaaS.LocalHost.Durable;
using AIaaS.LocalHost.Durable.History;
using AIaaS.LocalHost.Durable.Orchestrations;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace AIaaS.LocalHost.Tests.Durable;

/// <summary>What remains of orchestrations when the engine or its files come to harm.</summary>
public sealed class DurableRecoveryTests : IAsyncLifetime, IAsyncDisposable
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly DurableHarness _durable = new();

    private TestFunctions Functions => _durable.Functions;

    public Task InitializeAsync()
    {
        Functions.Activity<int>("Double", x => 2 * x);
        Functions.Activity<string>("Echo", x => x);
        Functions.Orchestrator("Sleep", async context =>
        {
            var doubled = await Task.WhenAll(Enumerable.Range(1, 3).Select(i => context.CallActivityAsync<int>("Double", i)));
            context.SetCustomStatus("asleep");
            return $"{doubled.Sum()} {await context.WaitForExternalEvent<string>("wake")} {await context.CallActivityAsync<int>("Double", 10)}";
        });
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _durable.DisposeAsync();

    ValueTask IAsyncDisposable.DisposeAsync() => _durable.DisposeAsync();

    [Fact]
    public async Task A_killed_engine_goes_on_without_running_recorded_activities_again()
    {
        _durable.Start();
        var id = await _durable.ScheduleAsync("Sleep");
        await _durable.UntilStatusAsync(id, "asleep");

        _durable.Restart();
        await _durable.Client.RaiseEventAsync(id, "wake", "up");

        Assert.Equal("12 up 20", (await _durable.EndOfAsync(id)).ReadOutputAs<string>());
        Assert.Equal(4, Functions.Calls.Count);
    }

    [Fact]
    public async Task An_event_raised_before_the_kill_is_there_after_it()
    {
        _durable.Start();
        var id = await _durable.Client.ScheduleNewOrchestrationInstanceAsync(
            "Sleep", new StartOrchestrationOptions("later", _durable.Time.GetUtcNow() + Hour));
        await _durable.Client.RaiseEventAsync(id, "wake", "kept");

        _durable.Restart();
        _durable.Time.Advance(Hour);

        Assert.Equal("12 kept 20", (await _durable.EndOfAsync(id)).ReadOutputAs<string>());
    }

    [Fact]
    public async Task An_event_is_not_heard_twice_though_its_receiver_began_anew_before_its_sender_knew()
    {
        AddSender("counter", "more");
        Functions.Orchestrator("Counter", async context =>
        {
            var count = context.GetInput<int>();
            context.SetCustomStatus($"{count}");
            if (await context.WaitForExternalEvent<string>("news") == "end")
                return count;
            context.ContinueAsNew(count + 1);
            return null;
        });
        _durable.Start();
        await _durable.ScheduleAsync("Counter", 0, "counter");
        await _durable.ScheduleAsync("Sender");
        await _durable.UntilStatusAsync("counter", "1");

        _durable.Restart();
        await _durable.Client.RaiseEventAsync("counter", "news", "end");

        Assert.Equal(1, (await _durable.EndOfAsync("counter")).ReadOutputAs<int>());
    }

    [Fact]
    public async Task An_event_does_not_reach_the_next_instance_of_an_id_after_a_kill()
    {
        AddSender("receiver", "first");
        Functions.Orchestrator("Receiver", async context => await context.WaitForExternalEvent<string>("news"));
        _durable.Start();
        await _durable.ScheduleAsync("Receiver", instanceId: "receiver");
        await _durable.ScheduleAsync("Sender");
        await _durable.EndOfAsync("receiver");
        await _durable.ScheduleAsync("Receiver", instanceId: "receiver");

        _durable.Restart();
        await _durable.Client.RaiseEventAsync("receiver", "news", "second");

        Assert.Equal("second", (await _durable.EndOfAsync("receiver")).ReadOutputAs<string>());
    }

    [Fact]
    public async Task A_timer_that_came_due_while_nothing_ran_fires_at_the_start()
    {
        Functions.Orchestrator("Main", async context =>
        {
            context.SetCustomStatus("asleep");
            await context.CreateTimer(Hour, CancellationToken.None);
            return "fired";
        });
        _durable.Start();
        var id = await _durable.ScheduleAsync("Main");
        await _durable.UntilStatusAsync(id, "asleep");
        _durable.Engine.Kill();
        _durable.Time.Advance(2 * Hour);

        _durable.Start();

        Assert.Equal("fired", (await _durable.EndOfAsync(id)).ReadOutputAs<string>());
    }

    [Fact]
    public async Task A_suspended_instance_is_still_suspended_after_a_restart()
    {
        _durable.Start();
        var id = await _durable.ScheduleAsync("Sleep");
        await _durable.UntilStatusAsync(id, "asleep");
        await _durable.Client.SuspendInstanceAsync(id);

        _durable.Restart();

        Assert.Equal(OrchestrationRuntimeStatus.Suspended, (await _durable.Client.GetInstanceAsync(id))!.RuntimeStatus);
    }

    [Fact]
    public async Task What_has_ended_is_found_after_a_restart()
    {
        _durable.Start();
        var id = await _durable.ScheduleAsync("Sleep");
        await _durable.Client.RaiseEventAsync(id, "wake", "up");
        await _durable.EndOfAsync(id);

        _durable.Restart();

        var found = await _durable.EndOfAsync(id);
        Assert.Equal("12 up 20", found.ReadOutputAs<string>());
        Assert.Equal("asleep", found.ReadCustomStatusAs<string>());
    }

    [Fact]
    public async Task A_stop_cancels_activities_and_the_next_start_runs_them_again()
    {
        using var begun = new SemaphoreSlim(0);
        var attempts = 0;
        Functions.Activity<object>("Long", async (_, cancellation) =>
        {
            if (Interlocked.Increment(ref attempts) > 1)
                return "finished";
            begun.Release();
            await Task.Delay(Timeout.Infinite, cancellation);
            return null;
        });
        Functions.Orchestrator("Main", async context => await context.CallActivityAsync<string>("Long"));
        _durable.Start();
        var id = await _durable.ScheduleAsync("Main");
        Assert.True(await begun.WaitAsync(Patience));

        await _durable.Engine.StopAsync(CancellationToken.None).WaitAsync(Patience);
        _durable.Start();

        Assert.Equal("finished", (await _durable.EndOfAsync(id)).ReadOutputAs<string>());
    }

    [Fact]
    public async Task Changed_code_fails_the_instance_and_names_what_differs()
    {
        _durable.Start();
        var id = await _durable.ScheduleAsync("Sleep");
        await _durable.UntilStatusAsync(id, "asleep");
        _durable.Engine.Kill();
        Functions.Orchestrator("Sleep", async context =>
        {
            await context.CallActivityAsync<string>("Echo", "new");
            return await context.WaitForExternalEvent<string>("wake");
        });

        _durable.Start();
        await _durable.Client.RaiseEventAsync(id, "wake", "up");

        var end = await _durable.EndOfAsync(id);
        Assert.Contains("records activity 'Double' (#0), but the replayed code gave activity 'Echo' (#0)", end.FailureDetails!.ErrorMessage, StringComparison.Ordinal);
        Assert.Contains("NonDeterministic", end.FailureDetails.ErrorType, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Code_that_does_less_than_before_fails_the_instance()
    {
        _durable.Start();
        var id = await _durable.ScheduleAsync("Sleep");
        await _durable.UntilStatusAsync(id, "asleep");
        _durable.Engine.Kill();
        Functions.Orchestrator("Sleep", async context => await context.WaitForExternalEvent<string>("wake"));

        _durable.Start();
        await _durable.Client.RaiseEventAsync(id, "wake", "up");

        var end = await _durable.EndOfAsync(id);
        Assert.Contains("records activity 'Double' (#0), but the replayed code gave no further action", end.FailureDetails!.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_history_cut_anywhere_goes_on_from_what_is_left()
    {
        _durable.Start();
        var id = await _durable.ScheduleAsync("Sleep");
        await _durable.UntilStatusAsync(id, "asleep");
        _durable.Engine.Kill();
        var whole = await File.ReadAllBytesAsync(_durable.RunningPath(id));
        var start = HistoryFrame.Encode(HistoryFrame.Decode(whole).Records[0]).Length;

        for (var length = 0; length <= whole.Length; length++)
        {
            await File.WriteAllBytesAsync(_durable.RunningPath(id), whole[..length]);
            Functions.Calls.Clear();
            _durable.Start();
            if (length < start)
            {
                Assert.Null(await _durable.Client.GetInstanceAsync(id));
                _durable.Engine.Kill();
                continue;
            }

            var recorded = HistoryFrame.Decode(whole.AsSpan(0, length)).Records.OfType<TaskCompleted>().Count();
            await _durable.Client.RaiseEventAsync(id, "wake", "up");
            var end = await _durable.EndOfAsync(id);
            _durable.Engine.Kill();

            Assert.Equal("12 up 20", end.ReadOutputAs<string>());
            Assert.Equal(4 - recorded, Functions.Calls.Count);
            File.Delete(Path.Combine(_durable.Folder, "ended", id + ".log"));
        }
    }

    [Fact]
    public async Task A_tail_of_zeros_is_cut()
    {
        _durable.Start();
        var id = await _durable.ScheduleAsync("Sleep");
        await _durable.UntilStatusAsync(id, "asleep");
        _durable.Engine.Kill();
        await File.AppendAllBytesAsync(_durable.RunningPath(id), new byte[500]);

        _durable.Start();
        await _durable.Client.RaiseEventAsync(id, "wake", "up");

        Assert.Equal("12 up 20", (await _durable.EndOfAsync(id)).ReadOutputAs<string>());
    }

    [Fact]
    public async Task A_damaged_history_fails_its_instance_only_and_is_kept()
    {
        _durable.Start();
        await _durable.ScheduleAsync("Sleep", instanceId: "healthy");
        await _durable.ScheduleAsync("Sleep", instanceId: "damaged");
        await _durable.UntilStatusAsync("healthy", "asleep");
        await _durable.UntilStatusAsync("damaged", "asleep");
        _durable.Engine.Kill();
        await FlipAsync("damaged", file => file.Length / 2);

        _durable.Start();
        await _durable.Client.RaiseEventAsync("healthy", "wake", "up");

        var damaged = await _durable.EndOfAsync("damaged");
        Assert.Equal(OrchestrationRuntimeStatus.Failed, damaged.RuntimeStatus);
        Assert.Contains("is damaged: the record at byte", damaged.FailureDetails!.ErrorMessage, StringComparison.Ordinal);
        Assert.Equal("12 up 20", (await _durable.EndOfAsync("healthy")).ReadOutputAs<string>());
        Assert.Single(Directory.GetFiles(Path.Combine(_durable.Folder, "corrupt")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_parent_hears_that_the_history_of_its_child_was_damaged(bool beginning)
    {
        Functions.Orchestrator("Main", async context =>
            await context.CallSubOrchestratorAsync<string>("Sleep", new TaskOptions().WithInstanceId("Child-1")));
        _durable.Start();
        var id = await _durable.ScheduleAsync("Main");
        await _durable.UntilStatusAsync("Child-1", "asleep");
        _durable.Engine.Kill();
        await FlipAsync("Child-1", file => beginning ? 20 : file.Length / 2);

        _durable.Start();

        var end = await _durable.EndOfAsync(id);
        Assert.Equal(OrchestrationRuntimeStatus.Failed, end.RuntimeStatus);
        Assert.Equal(OrchestrationRuntimeStatus.Failed, (await _durable.EndOfAsync("Child-1")).RuntimeStatus);
    }

    [Fact]
    public async Task A_disk_that_refuses_for_a_while_only_delays()
    {
        var refusing = false;
        _durable.OpenFolder = folder => new RefusingFolder(folder, () => Volatile.Read(ref refusing));
        using var gate = new SemaphoreSlim(0);
        Functions.Activity<object>("Gate", async (_, cancellation) =>
        {
            await gate.WaitAsync(cancellation);
            return "through";
        });
        Functions.Orchestrator("Main", async context => await context.CallActivityAsync<string>("Gate"));
        _durable.Start();
        var id = await _durable.ScheduleAsync("Main");
        await _durable.UntilAsync(id, found => found.IsRunning);
        Volatile.Write(ref refusing, true);
        gate.Release();
        for (var i = 0; i < 5; i++)
        {
            _durable.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(5);
        }

        Volatile.Write(ref refusing, false);
        var end = await _durable.PassTimeUntilEndAsync(id, TimeSpan.FromSeconds(1));

        Assert.Equal("through", end.ReadOutputAs<string>());
        Assert.Single(Functions.Calls);
    }

    /// <summary>
    /// Parent, child, events, timers, retries and new beginnings, killed at an instant somewhere in all that is written;
    /// again and again until it ends. The outcome must be that of a run nobody disturbed.
    /// </summary>
    [Fact]
    public async Task Whenever_it_is_killed_the_outcome_is_the_same_and_nothing_recorded_runs_again()
    {
        const string Expected = "\"Main:a0a1-child:c0c1-012:undisturbed\"";
        long whole;
        {
            await using var undisturbed = Scenario();
            var folder = new CrashingFolder(undisturbed.Folder, long.MaxValue);
            undisturbed.OpenFolder = _ => folder;
            undisturbed.Start();
            await undisturbed.ScheduleAsync("Main", 0, "main");
            Assert.Equal(Expected, (await undisturbed.PassTimeUntilEndAsync("main", TimeSpan.FromSeconds(10))).SerializedOutput);
            whole = folder.Age;
        }

        var random = new Random(20261);
        var cases = Environment.GetEnvironmentVariable("AIAAS_LONG") == "1" ? 10_000 : 400;
        for (var number = 0; number < cases; number++)
        {
            // Evenly spread first deaths, then random ones.
            var lifetime = whole * number / cases;
            await using var durable = Scenario();
            var recorded = new HashSet<string>();
            for (var life = 0; life < 20; life++, lifetime = random.NextInt64(whole))
            {
                var folder = new CrashingFolder(durable.Folder, life < 6 ? lifetime : long.MaxValue);
                durable.OpenFolder = _ => folder;
                var before = durable.Functions.Calls.Count;
                if (await LiveAsync(durable, folder) is { } end)
                {
                    Assert.True(Expected == end.SerializedOutput, $"case {number}, life {life}: {end} {end.FailureDetails}");
                    break;
                }

                foreach (var call in durable.Functions.Calls.Skip(before))
                {
                    Assert.False(recorded.Contains(call.Input!), $"case {number}, life {life}: {call.Input} ran again after it was recorded");
                }

                recorded.UnionWith(RecordedInputs(durable.Folder));
                Assert.NotEqual(19, life);
            }
        }
    }

    [Fact]
    public async Task A_replay_of_any_live_history_finds_nothing_to_complain_about()
    {
        for (var seed = 0; seed < 40; seed++)
        {
            await using var live = new DurableHarness();
            AddRandomProgram(live.Functions, seed);
            live.Start();
            await live.ScheduleAsync("Program", seed, "program");
            var end = await live.PassTimeUntilEndAsync("program", TimeSpan.FromSeconds(7));
            live.Engine.Kill();

            await using var replaying = new DurableHarness(replayEveryTurn: true);
            AddRandomProgram(replaying.Functions, seed);
            replaying.Start();
            await replaying.ScheduleAsync("Program", seed, "program");
            var replayed = await replaying.PassTimeUntilEndAsync("program", TimeSpan.FromSeconds(7));

            Assert.True(end.SerializedOutput is not null, $"seed {seed}: {end.FailureDetails}");
            Assert.Equal(end.SerializedOutput, replayed.SerializedOutput);
            var path = Directory.GetFiles(live.Folder, "program.log", SearchOption.AllDirectories).Single();
            var records = HistoryFrame.Decode(await File.ReadAllBytesAsync(path)).Records;
            Assert.True(live.Functions.TryGetOrchestrator("Program", out var orchestrator));
            Replay.Run(new OrchestrationRun((ExecutionStarted)records[0], orchestrator, NullLoggerFactory.Instance, () => { }), records);
        }
    }

    [Fact]
    public async Task The_engine_is_wired_as_a_hosted_service()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<IDurableFunctions>(Functions);
        services.AddDurableEngine(new DurableEngineOptions { Folder = _durable.Folder });
        await using var provider = services.BuildServiceProvider();
        var service = provider.GetServices<IHostedService>().Single();
        var client = provider.GetRequiredService<DurableTaskClient>();
        await service.StartAsync(CancellationToken.None);

        var id = await client.ScheduleNewOrchestrationInstanceAsync("Sleep");
        await client.RaiseEventAsync(id, "wake", "up");
        var end = await client.WaitForInstanceCompletionAsync(id, true).WaitAsync(Patience);
        await service.StopAsync(CancellationToken.None).WaitAsync(Patience);

        Assert.Equal("12 up 20", end.ReadOutputAs<string>());
    }

    /// <summary>Sends an event and sleeps, so that its history never comes to say that the event arrived.</summary>
    private void AddSender(string receiver, string news) => Functions.Orchestrator("Sender", async context =>
    {
        context.SendEvent(receiver, "news", news);
        return await context.WaitForExternalEvent<string>("never");
    });

    private static DurableHarness Scenario()
    {
        var durable = new DurableHarness();
        durable.Functions.Activity<string>("Echo", x => x);
        durable.Functions.Orchestrator("Child", async context =>
        {
            var parts = await Task.WhenAll(
                context.CallActivityAsync<string>("Echo", "c0"), context.CallActivityAsync<string>("Echo", "c1"));
            for (var i = 0; i < 3; i++)
            {
                context.SendEvent(context.Parent!.InstanceId, "hello", $"{i}");
                if (i == 1)
                    await context.CallActivityAsync<string>("Echo", "c2");
            }

            await context.CreateTimer(TimeSpan.FromSeconds(5), CancellationToken.None);
            return "child:" + string.Concat(parts);
        });
        durable.Functions.Orchestrator("Main", async context =>
        {
            if (context.GetInput<int>() == 0)
            {
                context.SendEvent(context.InstanceId, "carried", "undis");
                context.SendEvent(context.InstanceId, "carried", "turb");
                await context.CallActivityAsync<string>("Echo", "first");
                context.SendEvent(context.InstanceId, "carried", "ed");
                context.ContinueAsNew(1);
                return null;
            }

            var child = context.CallSubOrchestratorAsync<string>("Child", new TaskOptions().WithInstanceId("child"));
            var parts = await Task.WhenAll(
                context.CallActivityAsync<string>("Echo", "a0"), context.CallActivityAsync<string>("Echo", "a1"));
            context.SetCustomStatus("half");
            var hello = string.Empty;
            var carried = string.Empty;
            for (var i = 0; i < 3; i++)
            {
                hello += await context.WaitForExternalEvent<string>("hello");
                carried += await context.WaitForExternalEvent<string>("carried");
            }

            return $"Main:{string.Concat(parts)}-{await child}-{hello}:{carried}";
        });
        return durable;
    }

    /// <summary>Runs an engine until its orchestration ends or its disk dies.</summary>
    private static async Task<OrchestrationMetadata?> LiveAsync(DurableHarness durable, CrashingFolder folder)
    {
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            durable.Start();
            if (await durable.Client.GetInstanceAsync("main") is null)
                await durable.ScheduleAsync("Main", 0, "main");
            while (!folder.Crashed.IsCompleted)
            {
                if (await durable.Client.GetInstanceAsync("main", true, patience.Token) is { IsCompleted: true } found)
                    return found;
                durable.Time.Advance(TimeSpan.FromSeconds(10));
                await Task.Delay(1, patience.Token);
            }
        }
        catch (IOException) when (folder.Crashed.IsCompleted)
        {
            // Killed in the hands of the client.
        }
        finally
        {
            durable.Engine.Kill();
        }

        return null;
    }

    private static IEnumerable<string> RecordedInputs(string folder)
    {
        foreach (var path in Directory.GetFiles(folder, "*.log", SearchOption.AllDirectories))
        {
            var records = HistoryFrame.Decode(File.ReadAllBytes(path)).Records;
            var actions = records.OfType<TurnTaken>().Concat(records.OfType<ExecutionEnded>().Select(ended => ended.LastTurn!))
                .SelectMany(turn => turn?.Actions ?? [])
                .Where(action => action.Kind == ActionKind.Activity)
                .ToDictionary(action => action.Id, action => action.Input!);
            foreach (var completed in records.OfType<TaskCompleted>())
            {
                if (actions.TryGetValue(completed.TaskId, out var input))
                    yield return input;
            }
        }
    }

    /// <summary>An orchestrator that does a seeded sequence of everything; its output does not depend on time.</summary>
    private static void AddRandomProgram(TestFunctions functions, int programSeed)
    {
        functions.Activity<int>("Work", x => x % 5 == 0 ? throw new TimeoutException($"{x}") : x * x);
        functions.Orchestrator("Sub", async context => await context.CallActivityAsync<int>("Work", context.GetInput<int>()));
        functions.Orchestrator("Program", async context =>
        {
            var random = new Random(programSeed);
            var output = new List<string>();
            for (var step = 0; step < 12; step++)
            {
                var x = random.Next(1, 40);
                try
                {
                    switch (random.Next(7))
                    {
                        case 0:
                            output.Add($"{await context.CallActivityAsync<int>("Work", x)}");
                            break;
                        case 1:
                            output.Add($"{await context.CallSubOrchestratorAsync<int>("Sub", x)}");
                            break;
                        case 2:
                            await context.CreateTimer(TimeSpan.FromSeconds(x), CancellationToken.None);
                            break;
                        case 3:
                            var all = await Task.WhenAll(Enumerable.Range(x, 4).Select(i => context.CallActivityAsync<int>(
                                "Work", 1 + (5 * i), TaskOptions.FromRetryPolicy(new RetryPolicy(2, TimeSpan.FromSeconds(1))))));
                            output.Add($"{all.Sum()}");
                            break;
                        case 4:
                            using (var cancellation = new CancellationTokenSource())
                            {
                                var timer = context.CreateTimer(TimeSpan.FromDays(1000), cancellation.Token);
                                await Task.WhenAny(timer, context.CallActivityAsync<int>("Work", 7));
                                cancellation.Cancel();
                                output.Add($"{timer.Status}");
                            }

                            break;
                        case 5:
                            context.SendEvent(context.InstanceId, "self", x);
                            output.Add($"{await context.WaitForExternalEvent<int>("self")}");
                            break;
                        default:
                            context.SetCustomStatus(new { step, guid = context.NewGuid() });
                            await Task.Yield();
                            break;
                    }
                }
                catch (TaskFailedException failed)
                {
                    output.Add($"{failed.TaskName} {failed.TaskId} {(failed.FailureDetails.InnerFailure ?? failed.FailureDetails).ErrorMessage}");
                }
            }

            return JsonSerializer.Serialize(output);
        });
    }

    private async Task FlipAsync(string instanceId, Func<byte[], int> position)
    {
        var path = _durable.RunningPath(instanceId);
        var file = await File.ReadAllBytesAsync(path);
        file[position(file)] ^= 0xFF;
        await File.WriteAllBytesAsync(path, file);
    }

    private sealed class RefusingFolder(string folder, Func<bool> refuses) : HistoryFolder(folder)
    {
        protected override void Write(string path, long position, ReadOnlySpan<byte> content)
        {
            if (refuses())
            {
                base.Write(path, position, content[..(content.Length / 2)]);
                throw new IOException("No space left on device.");
            }

            base.Write(path, position, content);
        }
    }
}
