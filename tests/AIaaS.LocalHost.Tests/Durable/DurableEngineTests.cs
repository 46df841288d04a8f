using System.Collections.Concurrent;
using AIaaS.LocalHost.Durable;
using Grpc.Core;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Logging;

namespace AIaaS.LocalHost.Tests.Durable;

public sealed class WarmDurableEngineTests() : DurableEngineTests(replayEveryTurn: false);

public sealed class ReplayingDurableEngineTests() : DurableEngineTests(replayEveryTurn: true);

/// <summary>What orchestrations can do, with orchestrators kept in memory and replayed at every turn.</summary>
public abstract class DurableEngineTests(bool replayEveryTurn) : IAsyncLifetime, IAsyncDisposable
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private readonly DurableHarness _durable = new(replayEveryTurn);

    private TestFunctions Functions => _durable.Functions;

    public Task InitializeAsync()
    {
        Functions.Activity<int>("Double", x => 2 * x);
        Functions.Activity<string>("Fail", x => throw new InvalidDataException(x, new FormatException("inner")));
        Functions.Orchestrator("Sleep", async context =>
        {
            context.SetCustomStatus("asleep");
            return await context.WaitForExternalEvent<string>("wake");
        });
        _durable.Start();
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _durable.DisposeAsync();

    ValueTask IAsyncDisposable.DisposeAsync() => _durable.DisposeAsync();

    [Fact]
    public async Task An_activity_gives_its_result()
    {
        Functions.Orchestrator("Main", async context => await context.CallActivityAsync<int>("double", context.GetInput<int>()) + 1);

        var end = await _durable.RunAsync("Main", 20);

        Assert.Equal(41, end.ReadOutputAs<int>());
    }

    [Fact]
    public async Task Inputs_and_outputs_follow_the_genuine_converter()
    {
        Functions.Activity<Point>("Mirror", point => new Point(point!.Y, point.X) { Note = point.Note });
        Functions.Orchestrator("Main", async context => await context.CallActivityAsync<Point>("Mirror", context.GetInput<Point>()));

        var end = await _durable.RunAsync("Main", new Point(1, 2) { Note = "é\"" });

        Assert.Equal("""{"X":2,"Y":1,"Note":"\u00E9\u0022"}""", end.SerializedOutput);
    }

    [Fact]
    public async Task Many_activities_run_at_once_and_all_results_arrive()
    {
        Functions.Orchestrator("Main", async context =>
            (await Task.WhenAll(Enumerable.Range(0, 50).Select(i => context.CallActivityAsync<int>("Double", i)))).Sum());

        var end = await _durable.RunAsync("Main");

        Assert.Equal(2450, end.ReadOutputAs<int>());
    }

    [Fact]
    public async Task No_more_activities_run_at_once_than_allowed()
    {
        await using var durable = new DurableHarness(replayEveryTurn) { MaxConcurrentActivities = 3 };
        int running = 0, most = 0;
        using var full = new SemaphoreSlim(0);
        durable.Functions.Activity<int>("Work", async (_, _) =>
        {
            var now = Interlocked.Increment(ref running);
            InterlockedMax(ref most, now);
            if (now == 3)
                full.Release();
            await Task.Yield();
            Interlocked.Decrement(ref running);
            return null;
        });
        durable.Functions.Orchestrator("Main", async context =>
        {
            await Task.WhenAll(Enumerable.Range(0, 60).Select(i => context.CallActivityAsync("Work", i)));
            return null;
        });
        durable.Start();

        await durable.RunAsync("Main");

        Assert.InRange(most, 1, 3);
    }

    [Fact]
    public async Task The_failure_of_an_activity_can_be_caught_with_its_details()
    {
        Functions.Orchestrator("Main", async context =>
        {
            try
            {
                return await context.CallActivityAsync<string>("Fail", "broken");
            }
            catch (TaskFailedException failed)
            {
                var details = failed.FailureDetails;
                return $"{failed.TaskName} {failed.TaskId} {details.ErrorType} {details.ErrorMessage} {details.InnerFailure!.ErrorMessage} {details.IsCausedBy<SystemException>()}";
            }
        });

        var end = await _durable.RunAsync("Main");

        Assert.Equal("Fail 0 System.IO.InvalidDataException broken inner True", end.ReadOutputAs<string>());
    }

    [Fact]
    public async Task An_uncaught_failure_fails_the_instance_with_its_cause()
    {
        Functions.Orchestrator("Main", async context => await context.CallActivityAsync<string>("Fail", "broken"));

        var end = await _durable.RunAsync("Main");

        Assert.Equal(OrchestrationRuntimeStatus.Failed, end.RuntimeStatus);
        Assert.Equal("Microsoft.DurableTask.TaskFailedException", end.FailureDetails!.ErrorType);
        Assert.Equal("System.IO.InvalidDataException", end.FailureDetails.InnerFailure!.ErrorType);
    }

    [Fact]
    public async Task A_missing_activity_fails_without_retries()
    {
        Functions.Orchestrator("Main", async context =>
            await context.CallActivityAsync<string>("Nowhere", TaskOptions.FromRetryPolicy(new RetryPolicy(5, Hour))));

        var end = await _durable.RunAsync("Main");

        Assert.Contains("no activity function named 'Nowhere'", end.FailureDetails!.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_retry_policy_waits_longer_each_time_and_no_longer_than_its_maximum()
    {
        var times = new ConcurrentQueue<DateTimeOffset>();
        Functions.Activity<object>("Flaky", _ =>
        {
            times.Enqueue(_durable.Time.GetUtcNow());
            return times.Count == 5 ? "done" : throw new TimeoutException();
        });
        Functions.Orchestrator("Main", async context => await context.CallActivityAsync<string>(
            "Flaky", TaskOptions.FromRetryPolicy(new RetryPolicy(5, Hour, 2, 3 * Hour))));

        var id = await _durable.ScheduleAsync("Main");
        var end = await _durable.PassTimeUntilEndAsync(id, TimeSpan.FromMinutes(30));

        Assert.Equal("done", end.ReadOutputAs<string>());
        var waits = times.Zip(times.Skip(1), (before, after) => after - before).ToList();
        Assert.All(waits.Zip([Hour, 2 * Hour, 3 * Hour, 3 * Hour]), wait => Assert.True(wait.First >= wait.Second));
    }

    [Fact]
    public async Task A_retry_policy_gives_up_after_its_attempts()
    {
        Functions.Orchestrator("Main", async context =>
            await context.CallActivityAsync<string>("Fail", "x", TaskOptions.FromRetryPolicy(new RetryPolicy(3, Hour))));

        var id = await _durable.ScheduleAsync("Main");
        var end = await _durable.PassTimeUntilEndAsync(id, Hour);

        Assert.Equal(OrchestrationRuntimeStatus.Failed, end.RuntimeStatus);
        Assert.Equal(3, Functions.Calls.Count);
    }

    [Fact]
    public async Task A_retry_policy_asks_whether_a_failure_is_worth_it()
    {
        Functions.Orchestrator("Main", async context => await context.CallActivityAsync<string>("Fail", "x", TaskOptions.FromRetryPolicy(
            new RetryPolicy(3, Hour) { HandleFailure = failure => !failure.IsCausedBy<InvalidDataException>() })));

        await _durable.RunAsync("Main");

        Assert.Single(Functions.Calls);
    }

    [Fact]
    public async Task A_retry_policy_gives_up_after_its_timeout()
    {
        Functions.Orchestrator("Main", async context => await context.CallActivityAsync<string>(
            "Fail", "x", TaskOptions.FromRetryPolicy(new RetryPolicy(100, Hour, retryTimeout: 2 * Hour))));

        var id = await _durable.ScheduleAsync("Main");
        await _durable.PassTimeUntilEndAsync(id, Hour);

        // Each retry takes an hour at least; on a busy machine the clock may run on before the first one is due.
        Assert.InRange(Functions.Calls.Count, 1, 3);
    }

    [Fact]
    public async Task A_retry_handler_decides_by_attempt()
    {
        Functions.Orchestrator("Main", async context =>
            await context.CallActivityAsync<string>("Fail", "x", TaskOptions.FromRetryHandler(retry => retry.LastAttemptNumber < 4)));

        await _durable.RunAsync("Main");

        Assert.Equal(4, Functions.Calls.Count);
    }

    [Fact]
    public async Task A_sub_orchestration_gives_its_result_and_knows_its_parent()
    {
        Functions.Orchestrator("Child", async context =>
            $"{context.Parent!.Name} {context.Parent.InstanceId} {await context.CallActivityAsync<int>("Double", context.GetInput<int>())}");
        Functions.Orchestrator("Main", async context =>
            await context.CallSubOrchestratorAsync<string>("Child", 4, new SubOrchestrationOptions(instanceId: "the-child")));

        var end = await _durable.RunAsync("Main", instanceId: "the-parent");

        Assert.Equal("Main the-parent 8", end.ReadOutputAs<string>());
        Assert.Equal(OrchestrationRuntimeStatus.Completed, (await _durable.EndOfAsync("the-child")).RuntimeStatus);
    }

    [Fact]
    public async Task A_failed_sub_orchestration_fails_its_call()
    {
        Functions.Orchestrator("Child", async context => await context.CallActivityAsync<string>("Fail", "deep"));
        Functions.Orchestrator("Main", async context =>
        {
            try
            {
                return await context.CallSubOrchestratorAsync<string>("Child");
            }
            catch (TaskFailedException failed)
            {
                return failed.FailureDetails.InnerFailure!.ErrorMessage;
            }
        });

        var end = await _durable.RunAsync("Main");

        Assert.Equal("deep", end.ReadOutputAs<string>());
    }

    [Fact]
    public async Task A_sub_orchestration_is_retried_under_the_same_id()
    {
        var attempts = 0;
        Functions.Activity<object>("Once", _ => Interlocked.Increment(ref attempts) > 1 ? "ok" : throw new TimeoutException());
        Functions.Orchestrator("Child", async context => await context.CallActivityAsync<string>("Once"));
        Functions.Orchestrator("Main", async context => await context.CallSubOrchestratorAsync<string>(
            "Child", TaskOptions.FromRetryPolicy(new RetryPolicy(2, Hour)).WithInstanceId("child")));

        var id = await _durable.ScheduleAsync("Main");
        var end = await _durable.PassTimeUntilEndAsync(id, Hour);

        Assert.Equal("ok", end.ReadOutputAs<string>());
    }

    [Fact]
    public async Task A_sub_orchestration_under_a_running_id_fails_its_call()
    {
        await _durable.ScheduleAsync("Sleep", instanceId: "taken");
        Functions.Orchestrator("Main", async context =>
            await context.CallSubOrchestratorAsync<string>("Sleep", new TaskOptions().WithInstanceId("taken")));

        var end = await _durable.RunAsync("Main");

        Assert.Contains("'taken' is already running", end.FailureDetails!.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_timer_fires_at_its_time_and_not_before()
    {
        Functions.Orchestrator("Main", async context =>
        {
            var began = context.CurrentUtcDateTime;
            context.SetCustomStatus("waiting");
            await context.CreateTimer(Hour, CancellationToken.None);
            return context.CurrentUtcDateTime - began;
        });
        var id = await _durable.ScheduleAsync("Main");
        await _durable.UntilStatusAsync(id, "waiting");

        _durable.Time.Advance(Hour - TimeSpan.FromSeconds(1));
        Assert.True((await _durable.Client.GetInstanceAsync(id))!.IsRunning);
        _durable.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(Hour, (await _durable.EndOfAsync(id)).ReadOutputAs<TimeSpan>());
    }

    [Fact]
    public async Task The_first_of_two_wins_and_the_timer_is_cancelled()
    {
        Functions.Orchestrator("Main", async context =>
        {
            using var cancellation = new CancellationTokenSource();
            var timer = context.CreateTimer(Hour, cancellation.Token);
            var activity = context.CallActivityAsync<int>("Double", 3);
            if (await Task.WhenAny(timer, activity) == timer)
                return "timer";
            cancellation.Cancel();
            try
            {
                await timer;
                return "not cancelled";
            }
            catch (TaskCanceledException)
            {
                return await activity;
            }
        });

        var end = await _durable.RunAsync("Main");

        Assert.Equal(6, end.ReadOutputAs<int>());
    }

    [Fact]
    public async Task An_event_wakes_an_orchestration_whatever_the_case_of_its_name()
    {
        var id = await _durable.ScheduleAsync("Sleep");
        await _durable.UntilStatusAsync(id, "asleep");

        await _durable.Client.RaiseEventAsync(id, "WAKE", "up");

        Assert.Equal("up", (await _durable.EndOfAsync(id)).ReadOutputAs<string>());
    }

    [Fact]
    public async Task Events_that_come_early_wait_in_order()
    {
        Functions.Orchestrator("Main", async context =>
        {
            await context.WaitForExternalEvent<string>("go");
            var first = await context.WaitForExternalEvent<int>("number");
            return new[] { first, await context.WaitForExternalEvent<int>("number") };
        });
        var id = await _durable.ScheduleAsync("Main");
        await _durable.Client.RaiseEventAsync(id, "number", 1);
        await _durable.Client.RaiseEventAsync(id, "number", 2);
        await _durable.Client.RaiseEventAsync(id, "go");

        Assert.Equal("[1,2]", (await _durable.EndOfAsync(id)).SerializedOutput);
    }

    [Fact]
    public async Task An_event_reaches_an_instance_that_has_not_begun()
    {
        var id = await _durable.Client.ScheduleNewOrchestrationInstanceAsync(
            "Sleep", new StartOrchestrationOptions("later", _durable.Time.GetUtcNow() + Hour));
        await _durable.Client.RaiseEventAsync(id, "wake", "early");
        var before = (await _durable.Client.GetInstanceAsync(id))!.RuntimeStatus;

        _durable.Time.Advance(Hour);

        Assert.Equal("early", (await _durable.EndOfAsync(id)).ReadOutputAs<string>());
        Assert.Equal(OrchestrationRuntimeStatus.Pending, before);
    }

    [Fact]
    public async Task An_event_for_nobody_is_dropped()
    {
        await _durable.Client.RaiseEventAsync("nobody", "wake", "x");

        Assert.Null(await _durable.Client.GetInstanceAsync("nobody"));
    }

    [Fact]
    public async Task Waiting_for_an_event_can_time_out()
    {
        Functions.Orchestrator("Main", async context =>
        {
            context.SetCustomStatus("waiting");
            try
            {
                return await context.WaitForExternalEvent<string>("never", Hour);
            }
            catch (TaskCanceledException)
            {
                return "timed out";
            }
        });
        var id = await _durable.ScheduleAsync("Main");
        await _durable.UntilStatusAsync(id, "waiting");

        _durable.Time.Advance(Hour);

        Assert.Equal("timed out", (await _durable.EndOfAsync(id)).ReadOutputAs<string>());
    }

    [Fact]
    public async Task A_cancelled_wait_leaves_the_event_to_the_next()
    {
        Functions.Orchestrator("Main", async context =>
        {
            using var cancellation = new CancellationTokenSource();
            _ = context.WaitForExternalEvent<string>("news", cancellation.Token);
            cancellation.Cancel();
            context.SetCustomStatus("waiting");
            return await context.WaitForExternalEvent<string>("news");
        });
        var id = await _durable.ScheduleAsync("Main");
        await _durable.UntilStatusAsync(id, "waiting");

        await _durable.Client.RaiseEventAsync(id, "news", "good");

        Assert.Equal("good", (await _durable.EndOfAsync(id)).ReadOutputAs<string>());
    }

    [Fact]
    public async Task Orchestrations_send_each_other_events()
    {
        Functions.Orchestrator("Echo", async context =>
        {
            context.SendEvent(await context.WaitForExternalEvent<string>("ask"), "answer", "hello");
            return null;
        });
        Functions.Orchestrator("Main", async context =>
        {
            context.SendEvent("echo", "ask", context.InstanceId);
            return await context.WaitForExternalEvent<string>("answer");
        });
        await _durable.ScheduleAsync("Echo", instanceId: "echo");

        var end = await _durable.RunAsync("Main");

        Assert.Equal("hello", end.ReadOutputAs<string>());
    }

    [Fact]
    public async Task Continuing_as_new_begins_again_with_another_input()
    {
        Functions.Orchestrator("Main", async context =>
        {
            var count = context.GetInput<int>();
            await context.CallActivityAsync<int>("Double", count);
            if (count == 5)
                return "done";
            context.ContinueAsNew(count + 1);
            return null;
        });

        var end = await _durable.RunAsync("Main", 0);

        Assert.Equal("done", end.ReadOutputAs<string>());
        Assert.Equal(5, end.ReadInputAs<int>());
        Assert.Equal(6, Functions.Calls.Count);
    }

    [Theory]
    [InlineData(true, "kept")]
    [InlineData(false, "late")]
    public async Task Continuing_as_new_keeps_unused_events_if_asked(bool keep, string expected)
    {
        Functions.Orchestrator("Main", async context =>
        {
            if (context.GetInput<string>() is null)
            {
                await context.WaitForExternalEvent<string>("go");
                context.ContinueAsNew("again", keep);
                return null;
            }

            context.SetCustomStatus("again");
            return await context.WaitForExternalEvent<string>("news");
        });
        var id = await _durable.ScheduleAsync("Main");
        await _durable.Client.RaiseEventAsync(id, "news", "kept");
        await _durable.Client.RaiseEventAsync(id, "go");
        await _durable.UntilAsync(id, found => found.IsCompleted || found.SerializedCustomStatus is not null);
        await _durable.Client.RaiseEventAsync(id, "news", "late");

        Assert.Equal(expected, (await _durable.EndOfAsync(id)).ReadOutputAs<string>());
    }

    [Fact]
    public async Task A_custom_status_can_be_read_while_and_after_running()
    {
        var id = await _durable.ScheduleAsync("Sleep");
        var during = await _durable.UntilStatusAsync(id, "asleep");
        await _durable.Client.RaiseEventAsync(id, "wake", "x");
        var after = await _durable.EndOfAsync(id);

        Assert.True(during.IsRunning);
        Assert.Equal("asleep", after.ReadCustomStatusAs<string>());
    }

    [Fact]
    public async Task A_terminated_instance_ends_with_the_given_output()
    {
        var id = await _durable.ScheduleAsync("Sleep");

        await _durable.Client.TerminateInstanceAsync(id, "enough");

        var end = await _durable.EndOfAsync(id);
        Assert.Equal(OrchestrationRuntimeStatus.Terminated, end.RuntimeStatus);
        Assert.Equal("enough", end.ReadOutputAs<string>());
    }

    [Fact]
    public async Task Terminating_recursively_ends_sub_orchestrations_too()
    {
        Functions.Orchestrator("Main", async context =>
            await context.CallSubOrchestratorAsync<string>("Sleep", new TaskOptions().WithInstanceId("child")));
        var id = await _durable.ScheduleAsync("Main");
        await _durable.UntilStatusAsync("child", "asleep");

        await _durable.Client.TerminateInstanceAsync(id, new TerminateInstanceOptions(Recursive: true));

        Assert.Equal(OrchestrationRuntimeStatus.Terminated, (await _durable.EndOfAsync("child")).RuntimeStatus);
    }

    [Fact]
    public async Task The_termination_of_a_sub_orchestration_fails_its_call()
    {
        Functions.Orchestrator("Main", async context =>
            await context.CallSubOrchestratorAsync<string>("Sleep", new TaskOptions().WithInstanceId("child")));
        var id = await _durable.ScheduleAsync("Main");
        await _durable.UntilStatusAsync("child", "asleep");

        await _durable.Client.TerminateInstanceAsync("child");

        Assert.Equal(OrchestrationRuntimeStatus.Failed, (await _durable.EndOfAsync(id)).RuntimeStatus);
    }

    [Fact]
    public async Task What_has_ended_or_never_was_cannot_be_terminated_or_suspended()
    {
        Functions.Orchestrator("Main", _ => Task.FromResult<object?>(null));
        await _durable.RunAsync("Main", instanceId: "ended");

        Assert.Equal(StatusCode.FailedPrecondition, await RefusalAsync(() => _durable.Client.TerminateInstanceAsync("ended")));
        Assert.Equal(StatusCode.NotFound, await RefusalAsync(() => _durable.Client.TerminateInstanceAsync("nobody")));
        Assert.Equal(StatusCode.FailedPrecondition, await RefusalAsync(() => _durable.Client.SuspendInstanceAsync("ended")));
        Assert.Equal(StatusCode.NotFound, await RefusalAsync(() => _durable.Client.ResumeInstanceAsync("nobody")));
    }

    [Fact]
    public async Task A_suspended_instance_hears_nothing_until_it_is_resumed()
    {
        var id = await _durable.ScheduleAsync("Sleep");
        await _durable.UntilStatusAsync(id, "asleep");
        await _durable.Client.SuspendInstanceAsync(id);
        await _durable.Client.RaiseEventAsync(id, "wake", "up");
        var suspended = await _durable.Client.GetInstanceAsync(id);

        await _durable.Client.ResumeInstanceAsync(id);

        Assert.Equal("up", (await _durable.EndOfAsync(id)).ReadOutputAs<string>());
        Assert.Equal(OrchestrationRuntimeStatus.Suspended, suspended!.RuntimeStatus);
    }

    [Fact]
    public async Task An_id_is_refused_while_it_runs_and_free_once_it_has_ended()
    {
        await _durable.ScheduleAsync("Sleep", instanceId: "same");
        var refusal = await RefusalAsync(() => _durable.ScheduleAsync("Sleep", instanceId: "same"));
        await _durable.Client.RaiseEventAsync("same", "wake", "first");
        await _durable.EndOfAsync("same");

        await _durable.ScheduleAsync("Sleep", instanceId: "same");
        await _durable.Client.RaiseEventAsync("same", "wake", "second");

        Assert.Equal(StatusCode.AlreadyExists, refusal);
        Assert.Equal("second", (await _durable.EndOfAsync("same")).ReadOutputAs<string>());
    }

    [Theory]
    [InlineData("@entity")]
    [InlineData("a/b")]
    [InlineData("a\nb")]
    public async Task A_strange_id_is_refused(string id) =>
        Assert.Equal(StatusCode.Internal, await RefusalAsync(() => _durable.ScheduleAsync("Sleep", instanceId: id)));

    [Fact]
    public async Task An_unknown_orchestrator_is_refused() =>
        Assert.Equal(StatusCode.Internal, await RefusalAsync(() => _durable.ScheduleAsync("Nowhere")));

    [Fact]
    public async Task Ids_that_differ_only_in_case_or_accents_are_different_instances()
    {
        foreach (var id in new[] { "Ab c", "ab c", "äb=c", "AB%20C", new string('X', 100) })
        {
            await _durable.ScheduleAsync("Sleep", instanceId: id);
            await _durable.Client.RaiseEventAsync(id, "wake", id);
            Assert.Equal(id, (await _durable.EndOfAsync(id)).ReadOutputAs<string>());
        }

        Assert.Equal(5, await CountAsync(new OrchestrationQuery()));
    }

    [Fact]
    public async Task Instances_are_found_by_status_prefix_and_time()
    {
        await _durable.ScheduleAsync("Sleep", instanceId: "a-1");
        _durable.Time.Advance(Hour);
        var middle = _durable.Time.GetUtcNow();
        await _durable.ScheduleAsync("Sleep", instanceId: "a-2");
        _durable.Time.Advance(Hour);
        await _durable.ScheduleAsync("Sleep", instanceId: "b-1");
        await _durable.UntilStatusAsync("a-1", "asleep");
        await _durable.Client.TerminateInstanceAsync("b-1");

        Assert.Equal(3, await CountAsync(new OrchestrationQuery()));
        Assert.Equal(2, await CountAsync(new OrchestrationQuery(InstanceIdPrefix: "a-")));
        Assert.Equal(1, await CountAsync(new OrchestrationQuery(Statuses: [OrchestrationRuntimeStatus.Terminated])));
        Assert.Equal(2, await CountAsync(new OrchestrationQuery(CreatedFrom: middle)));
        Assert.Equal(1, await CountAsync(new OrchestrationQuery(CreatedTo: middle, CreatedFrom: middle)));
    }

    [Fact]
    public async Task A_query_comes_in_pages()
    {
        Functions.Orchestrator("Main", _ => Task.FromResult<object?>(null));
        var ids = Enumerable.Range(0, 7).Select(i => $"run-{i}").ToList();
        foreach (var id in ids)
        {
            await _durable.RunAsync("Main", instanceId: id);
        }

        _durable.Restart();
        var pages = new List<Page<OrchestrationMetadata>>();
        await foreach (var page in _durable.Client.GetAllInstancesAsync(new OrchestrationQuery(PageSize: 3)).AsPages())
        {
            pages.Add(page);
        }

        Assert.Equal([3, 3, 1], pages.Select(page => page.Values.Count));
        Assert.Equal(ids, pages.SelectMany(page => page.Values).Select(one => one.InstanceId));
    }

    [Fact]
    public async Task Purging_forgets_what_has_ended_only()
    {
        await _durable.ScheduleAsync("Sleep", instanceId: "running");
        await _durable.ScheduleAsync("Sleep", instanceId: "ended");
        await _durable.Client.TerminateInstanceAsync("ended");

        Assert.Equal(0, (await _durable.Client.PurgeInstanceAsync("running")).PurgedInstanceCount);
        Assert.Equal(1, (await _durable.Client.PurgeInstanceAsync("ended")).PurgedInstanceCount);
        Assert.Null(await _durable.Client.GetInstanceAsync("ended"));
    }

    [Fact]
    public async Task Purging_by_filter_takes_only_what_matches()
    {
        Functions.Orchestrator("Main", _ => Task.FromResult<object?>(null));
        Functions.Orchestrator("Bad", _ => throw new TimeoutException());
        await _durable.RunAsync("Main", instanceId: "good");
        await _durable.RunAsync("Bad", instanceId: "bad");

        var purged = await _durable.Client.PurgeAllInstancesAsync(
            new PurgeInstancesFilter(Statuses: [OrchestrationRuntimeStatus.Failed]));

        Assert.Equal(1, purged.PurgedInstanceCount);
        Assert.NotNull(await _durable.Client.GetInstanceAsync("good"));
    }

    [Fact]
    public async Task Waiting_for_the_start_ends_with_the_first_turn()
    {
        var id = await _durable.ScheduleAsync("Sleep");

        var begun = await _durable.Client.WaitForInstanceStartAsync(id).WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal(OrchestrationRuntimeStatus.Running, begun.RuntimeStatus);
        Assert.Throws<InvalidOperationException>(() => begun.ReadInputAs<string>());
    }

    [Fact]
    public async Task Waiting_begins_before_the_instance_exists()
    {
        var end = _durable.EndOfAsync("future");

        await _durable.ScheduleAsync("Sleep", instanceId: "future");
        await _durable.Client.RaiseEventAsync("future", "wake", "x");

        Assert.Equal("x", (await end).ReadOutputAs<string>());
    }

    [Fact]
    public async Task New_guids_are_the_genuine_ones()
    {
        Functions.Orchestrator("Main", context => Task.FromResult<object?>(new[] { context.NewGuid(), context.NewGuid() }));

        var end = await _durable.RunAsync("Main", instanceId: "abc");

        Assert.Equal(KnownGuids, end.ReadOutputAs<Guid[]>()!);
    }

    [Fact]
    public async Task A_replay_safe_logger_writes_each_line_once()
    {
        await using var durable = new DurableHarness(replayEveryTurn);
        using var logs = new ListLogs();
        durable.Logs = logs;
        durable.Functions.Activity<int>("Double", x => 2 * x);
        durable.Functions.Orchestrator("Main", async context =>
        {
            var logger = context.CreateReplaySafeLogger("test");
            for (var i = 0; i < 4; i++)
            {
                Step(logger, i);
                await context.CallActivityAsync<int>("Double", i);
            }

            return null;
        });
        durable.Start();

        await durable.RunAsync("Main");

        Assert.Equal(["step 0", "step 1", "step 2", "step 3"], logs.Lines("test"));
    }

    [Fact]
    public async Task Version_tags_and_restart_are_kept()
    {
        Functions.Orchestrator("Main", context => Task.FromResult<object?>($"{context.Version} {context.CompareVersionTo("1.2")} {context.GetInput<int>()}"));
        var id = await _durable.Client.ScheduleNewOrchestrationInstanceAsync(
            "Main", 7, new StartOrchestrationOptions("run") { Version = "1.10", Tags = new Dictionary<string, string> { ["team"] = "a" } });
        var first = await _durable.EndOfAsync(id);

        var again = await _durable.EndOfAsync(await _durable.Client.RestartAsync(id, restartWithNewInstanceId: true));

        Assert.Equal("1.10 1 7", first.ReadOutputAs<string>());
        Assert.Equal(first.SerializedOutput, again.SerializedOutput);
        Assert.Equal("a", again.Tags["team"]);
    }

    public static TheoryData<string> ForeignAwaits => ["delay", "run", "unconfigured", "never", "beside a durable task", "continuing elsewhere"];

    [Theory]
    [MemberData(nameof(ForeignAwaits))]
    public async Task Awaiting_what_is_not_durable_fails_the_instance_instead_of_hanging(string way)
    {
        using var gate = new SemaphoreSlim(0);
        Functions.Orchestrator("Main", async context =>
        {
            switch (way)
            {
                case "delay":
                    await Task.Delay(1);
                    break;
                case "run":
                    await Task.Run(() => { });
                    await gate.WaitAsync();
                    break;
                case "unconfigured":
                    await Task.Delay(1).ConfigureAwait(false);
                    await context.CallActivityAsync<int>("Double", 1);
                    break;
                case "never":
                    await new TaskCompletionSource().Task;
                    break;
                case "beside a durable task":
                    var sleeping = context.WaitForExternalEvent<string>("never");
                    await Task.WhenAny(sleeping, Task.Delay(1));
                    break;
                default:
                    _ = context.WaitForExternalEvent<string>("never");
                    await Task.Delay(1).ConfigureAwait(false);
                    break;
            }

            return null;
        });

        var end = await _durable.RunAsync("Main");

        Assert.Contains("not durable", end.FailureDetails!.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Yielding_is_allowed()
    {
        Functions.Orchestrator("Main", async context =>
        {
            await Task.Yield();
            return await context.CallActivityAsync<int>("Double", 2);
        });

        Assert.Equal(4, (await _durable.RunAsync("Main")).ReadOutputAs<int>());
    }

    [Fact]
    public async Task Work_nobody_awaited_is_done_all_the_same()
    {
        using var done = new SemaphoreSlim(0);
        Functions.Activity<object>("Signal", _ => done.Release());
        Functions.Orchestrator("Main", context =>
        {
            _ = context.CallActivityAsync("Signal");
            context.SendEvent("sleeper", "wake", "sent");
            return Task.FromResult<object?>(null);
        });
        await _durable.ScheduleAsync("Sleep", instanceId: "sleeper");

        await _durable.RunAsync("Main");

        Assert.True(await done.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Equal("sent", (await _durable.EndOfAsync("sleeper")).ReadOutputAs<string>());
    }

    private static readonly Action<ILogger, int, Exception?> WriteStep = LoggerMessage.Define<int>(LogLevel.Information, 1, "step {Step}");

    private static void Step(ILogger logger, int step) => WriteStep(logger, step, null);

    private static Guid[] KnownGuids => [new("120344a5-52ef-5c4c-8ffc-0e4fcc02f1bb"), new("ab944c85-190d-5011-9f5b-d43db4c05dc7")];

    private static async Task<StatusCode> RefusalAsync(Func<Task> action) =>
        (await Assert.ThrowsAsync<RpcException>(action)).StatusCode;

    private static void InterlockedMax(ref int target, int value)
    {
        for (var seen = Volatile.Read(ref target); value > seen; seen = Volatile.Read(ref target))
        {
            if (Interlocked.CompareExchange(ref target, value, seen) == seen)
                return;
        }
    }

    private async Task<int> CountAsync(OrchestrationQuery query)
    {
        var count = 0;
        await foreach (var _ in _durable.Client.GetAllInstancesAsync(query))
        {
            count++;
        }

        return count;
    }

    private sealed record Point(int X, int Y)
    {
        public string? Note;
    }
}

/// <summary>Keeps log lines by category.</summary>
internal sealed class ListLogs : ILoggerFactory
{
    private readonly ConcurrentQueue<(string Category, string Line)> _lines = [];

    public IEnumerable<string> Lines(string category) => _lines.Where(line => line.Category == category).Select(line => line.Line);

    public ILogger CreateLogger(string categoryName) => new ListLogger(this, categoryName);

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public void Dispose()
    {
    }

    private sealed class ListLogger(ListLogs logs, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            logs._lines.Enqueue((category, formatter(state, exception)));
    }
}
