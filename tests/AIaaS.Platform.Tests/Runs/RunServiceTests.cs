using AIaaS.Formats;
using AIaaS.Platform.Pipelines;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Runs;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Runs;

public sealed class RunServiceTests : IDisposable
{
    private readonly RunWorld _world = new();

    public void Dispose() => _world.Dispose();

    [Fact]
    public async Task The_first_run_of_a_pipeline_starts_now()
    {
        await _world.AddDatasetAsync();

        var ticket = await _world.RequestAsync("a");

        Assert.True(ticket.StartNow);
        Assert.Equal((RunStatus.Queued, 1, "a test"), (ticket.Run.Status, ticket.Run.DatasetVersion, ticket.Run.Cause));
    }

    [Fact]
    public async Task A_run_whose_asker_could_not_start_it_is_told_of_by_a_message_a_minute_later()
    {
        await _world.AddDatasetAsync();
        await _world.RequestAsync("a");

        Assert.Equal(RunService.StrandedAfter, Assert.Single(_world.Queue.Messages).Delay);
        await _world.PumpAsync();

        Assert.Equal(["a"], _world.Instances);
    }

    [Fact]
    public async Task A_run_over_no_data_set_is_not_found_and_blocks_nothing()
    {
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => _world.RequestAsync("a"));

        Assert.Equal(Problem.NotFound, refusal.Problem);
        await _world.DrainAsync();
        await _world.AssertIdleAsync();
    }

    [Fact]
    public async Task The_same_id_asks_for_the_same_run_again()
    {
        await _world.AddDatasetAsync();
        var first = await _world.RequestAsync("a");

        var again = await _world.RequestAsync("a");

        Assert.Equal((first.Run.Id, first.Run.DatasetVersion, true), (again.Run.Id, again.Run.DatasetVersion, again.StartNow));
    }

    [Fact]
    public async Task A_run_that_has_begun_is_not_started_by_the_same_request()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.BeginAsync("a");

        Assert.False((await _world.RequestAsync("a")).StartNow);
    }

    [Fact]
    public async Task A_second_run_of_a_pipeline_waits_for_the_first()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");

        var ticket = await _world.RequestAsync("b");

        Assert.Equal(("b", false), (ticket.Run.Id, ticket.StartNow));
        await _world.AssertQueueAsync("a", "b");
    }

    [Fact]
    public async Task Newer_requests_coalesce_into_the_one_that_waits()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.StartAsync("b");

        var third = await _world.StartAsync("c");
        var fourth = await _world.StartAsync("d");

        Assert.Equal(("b", false, "b", false), (third.Run.Id, third.StartNow, fourth.Run.Id, fourth.StartNow));
        Assert.Null(await _world.FindAsync("c"));
        Assert.Equal(2, (await _world.UnfinishedAsync()).Count);
    }

    [Fact]
    public async Task A_request_after_the_waiting_run_began_makes_one_of_its_own()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.StartAsync("b");
        await _world.BeginAsync("a");
        await _world.EndAsync("a");
        await _world.PumpAsync();
        await _world.BeginAsync("b");

        var ticket = await _world.StartAsync("c");

        Assert.Equal(("c", false), (ticket.Run.Id, ticket.StartNow));
    }

    [Fact]
    public async Task Each_data_set_has_one_waiting_run_of_its_own_in_the_order_of_the_requests()
    {
        await _world.AddDatasetAsync();
        await _world.AddDatasetAsync("others");
        await _world.StartAsync("a");
        await _world.StartAsync("b");

        var other = await _world.StartAsync("c", dataset: "others");
        var again = await _world.StartAsync("d", dataset: "others");
        var first = await _world.StartAsync("e");

        Assert.Equal(("c", false, "c", "b"), (other.Run.Id, other.StartNow, again.Run.Id, first.Run.Id));
        await _world.AssertQueueAsync("a", "b", "c");
        await _world.DrainAsync();
        Assert.Equal(["a", "b", "c"], _world.Begun);
    }

    [Fact]
    public async Task A_waiting_run_that_is_cancelled_leaves_the_others_their_places()
    {
        await _world.AddDatasetAsync();
        await _world.AddDatasetAsync("others");
        await _world.StartAsync("a");
        await _world.StartAsync("b");
        await _world.StartAsync("c", dataset: "others");

        await _world.Runs.CancelAsync(Tenant, "b", default);

        await _world.AssertQueueAsync("a", "c");
    }

    [Fact]
    public async Task Pipelines_and_tenants_do_not_wait_for_each_other()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");

        Assert.True((await _world.RequestAsync("b", pipeline: "others")).StartNow);
    }

    [Fact]
    public async Task Runs_that_only_prepare_wait_for_nobody()
    {
        await _world.AddDatasetAsync();

        var first = await _world.StartAsync("a", pipeline: null);
        var second = await _world.StartAsync("b", pipeline: null);
        await _world.DrainAsync();

        Assert.True(first.StartNow && second.StartNow);
        Assert.Equal([StageNames.Prepare], first.Run.Stages.Select(stage => stage.Name));
        Assert.Equal(["a", "b"], _world.Begun.Order());
    }

    [Fact]
    public async Task No_version_number_is_given_out_twice()
    {
        await _world.AddDatasetAsync();

        var tickets = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Task.Run(() => _world.RequestAsync($"run-{i}", pipeline: null))));

        Assert.Equal(Enumerable.Range(1, 12), tickets.Select(ticket => ticket.Run.DatasetVersion).Order());
    }

    [Fact]
    public async Task Of_many_concurrent_requests_one_starts_and_the_rest_share_one_that_waits()
    {
        await _world.AddDatasetAsync();

        var tickets = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Task.Run(() => _world.RequestAsync($"run-{i}"))));

        var started = Assert.Single(tickets, ticket => ticket.StartNow);
        var waiting = Assert.Single(tickets.Where(ticket => !ticket.StartNow).Select(ticket => ticket.Run.Id).Distinct());
        await _world.AssertQueueAsync(started.Run.Id, waiting);
        Assert.Equal(2, (await _world.UnfinishedAsync()).Count);
    }

    [Fact]
    public async Task Beginning_twice_begins_once()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        var first = await _world.Runs.BeginAsync(Reference("a"), default);
        _world.Time.Advance(TimeSpan.FromHours(1));

        var again = await _world.Runs.BeginAsync(Reference("a"), default);

        Assert.Equal((RunStatus.Running, first!.Started, first.Revision), (again!.Status, again.Started, again.Revision));
    }

    [Fact]
    public async Task A_run_that_ended_does_not_begin()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.EndAsync("a", RunStatus.Failed);

        Assert.Null(await _world.Runs.BeginAsync(Reference("a"), default));
    }

    [Fact]
    public async Task The_end_of_a_run_gives_the_next_its_turn()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.StartAsync("b");
        await _world.BeginAsync("a");

        await _world.EndAsync("a");
        await _world.PumpAsync();

        Assert.Equal(["b"], _world.Instances);
        await _world.AssertQueueAsync("b");
    }

    [Fact]
    public async Task The_end_is_what_was_said_first()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.BeginAsync("a");
        var error = new ErrorDetail("Title", "Detail");
        await _world.Runs.EndAsync(Reference("a"), RunStatus.Failed, error, default);

        var again = await _world.Runs.EndAsync(Reference("a"), RunStatus.Succeeded, error: null, default);

        Assert.Equal((RunStatus.Failed, error, _world.Time.GetUtcNow()), (again.Status, again.Error, again.Ended));
        await _world.AssertIdleAsync();
    }

    [Fact]
    public async Task Ending_a_run_again_does_not_take_the_turn_of_the_next()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.StartAsync("b");
        await _world.EndAsync("a");
        await _world.StartAsync("c");

        await _world.EndAsync("a");

        await _world.AssertQueueAsync("b", "c");
    }

    [Fact]
    public async Task Reports_after_the_end_change_nothing()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.EndAsync("a", RunStatus.Cancelled);
        var ended = await _world.GetAsync("a");

        await _world.Runs.ReportAsync(Reference("a"), StageNames.Prepare, StageStatus.Succeeded, 100, "late", default);

        Assert.Equal(ended.Revision, (await _world.GetAsync("a")).Revision);
    }

    [Fact]
    public async Task Every_change_counts_the_revision_up()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.BeginAsync("a");
        await _world.Runs.ReportAsync(Reference("a"), StageNames.Prepare, StageStatus.Running, 10, null, default);

        Assert.Equal(3, (await _world.GetAsync("a")).Revision);
    }

    [Fact]
    public async Task Cancelling_a_run_that_waits_ends_it_at_once()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.StartAsync("b");

        var cancelled = await _world.Runs.CancelAsync(Tenant, "b", default);

        Assert.Equal(RunStatus.Cancelled, cancelled.Status);
        await _world.AssertQueueAsync("a");
        Assert.Single(await _world.UnfinishedAsync());
    }

    [Fact]
    public async Task Cancelling_a_run_whose_turn_came_but_that_has_not_begun_gives_the_next_its_turn()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.StartAsync("b");

        await _world.Runs.CancelAsync(Tenant, "a", default);
        await _world.DrainAsync();

        Assert.Equal(["b"], _world.Begun);
        await _world.AssertIdleAsync();
    }

    [Fact]
    public async Task Cancelling_a_run_under_way_asks_it_to_stop()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.BeginAsync("a");

        var asked = await _world.Runs.CancelAsync(Tenant, "a", default);

        Assert.Equal((RunStatus.Running, true), (asked.Status, asked.CancelRequested));
    }

    [Fact]
    public async Task Cancelling_again_changes_nothing()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.BeginAsync("a");
        var asked = await _world.Runs.CancelAsync(Tenant, "a", default);

        Assert.Equal(asked.Revision, (await _world.Runs.CancelAsync(Tenant, "a", default)).Revision);
    }

    [Fact]
    public async Task Cancelling_a_cancelled_run_gives_it_back()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.Runs.CancelAsync(Tenant, "a", default);

        Assert.Equal(RunStatus.Cancelled, (await _world.Runs.CancelAsync(Tenant, "a", default)).Status);
    }

    [Theory]
    [InlineData(RunStatus.Succeeded)]
    [InlineData(RunStatus.Failed)]
    public async Task A_run_that_ended_of_itself_cannot_be_cancelled(RunStatus end)
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.EndAsync("a", end);

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => _world.Runs.CancelAsync(Tenant, "a", default));

        Assert.Equal(Problem.Conflict, refusal.Problem);
    }

    [Fact]
    public async Task A_run_that_fails_after_it_was_asked_to_stop_was_cancelled()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.BeginAsync("a");
        await _world.Runs.CancelAsync(Tenant, "a", default);

        var ended = await _world.Runs.EndAsync(Reference("a"), RunStatus.Failed, new ErrorDetail("Cancelled", "Stopped on request."), default);

        Assert.Equal((RunStatus.Cancelled, null), (ended.Status, ended.Error));
    }

    [Fact]
    public async Task A_run_that_succeeded_all_the_same_has_succeeded()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.BeginAsync("a");
        await _world.Runs.CancelAsync(Tenant, "a", default);

        Assert.Equal(RunStatus.Succeeded, (await _world.Runs.EndAsync(Reference("a"), RunStatus.Succeeded, null, default)).Status);
    }

    [Fact]
    public async Task A_run_asked_for_just_now_is_not_stranded()
    {
        await _world.AddDatasetAsync();
        await _world.RequestAsync("a");

        Assert.Empty(await _world.Runs.ListStrandedAsync(default));
    }

    [Fact]
    public async Task A_run_that_has_not_ended_after_a_while_is_looked_at()
    {
        await _world.AddDatasetAsync();
        await _world.RequestAsync("a");
        _world.Time.Advance(2 * RunService.StrandedAfter);

        Assert.Equal([Reference("a")], await _world.Runs.ListStrandedAsync(default));
    }

    [Fact]
    public async Task A_begun_run_without_an_instance_is_started_again()
    {
        await _world.AddDatasetAsync();
        await _world.RequestAsync("a");
        await _world.BeginAsync("a");

        Assert.True((await _world.Runs.TakeUpAsync(Reference("a"), default)).StartNow);
    }

    [Fact]
    public async Task A_cancelled_run_that_holds_the_waiting_place_holds_up_no_request()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.StartAsync("b");
        _world.Crash.Arm(step: 2, done: false);
        Assert.True(await _world.DiesAsync(() => _world.Runs.CancelAsync(Tenant, "b", default)));
        _world.Crash.Restart();

        var ticket = await _world.StartAsync("c");

        Assert.Equal(("c", RunStatus.Queued), (ticket.Run.Id, ticket.Run.Status));
        await _world.DrainAsync();
        Assert.Equal(["a", "c"], _world.Begun);
    }

    [Fact]
    public async Task An_ended_run_that_still_has_the_turn_holds_up_no_request()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.BeginAsync("a");
        _world.Crash.Arm(step: 2, done: false);
        Assert.True(await _world.DiesAsync(() => _world.EndAsync("a")));
        _world.Crash.Restart();

        Assert.True((await _world.RequestAsync("b")).StartNow);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_request_whose_host_dies_at_any_step_is_run_once_when_it_is_made_again(bool done)
    {
        Assert.True(await ForEachStepAsync(done, world => world.StartAsync("a"), async (world, _) =>
        {
            await world.StartAsync("a");
            await world.DrainAsync();
            Assert.Equal(["a"], world.Begun);
        }) >= 4);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_request_whose_host_dies_at_any_step_leaves_nothing_blocked_when_it_is_not_made_again(bool done)
    {
        await ForEachStepAsync(done, world => world.StartAsync("a"), async (world, _) =>
        {
            await world.DrainAsync();
            var begun = world.Begun.Count;
            Assert.InRange(begun, 0, 1);

            await world.StartAsync("b");
            await world.DrainAsync();
            Assert.Equal(begun + 1, world.Begun.Count);
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_request_that_coalesces_may_die_at_any_step(bool done)
    {
        await ForEachStepAsync(
            done,
            world => world.RequestAsync("c"),
            async (world, _) =>
            {
                await world.DrainAsync();
                Assert.Equal(["a", "b"], world.Begun);
            },
            async world =>
            {
                await world.StartAsync("a");
                await world.StartAsync("b");
            });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_end_of_a_run_may_die_at_any_step(bool done)
    {
        Assert.True(await ForEachStepAsync(
            done,
            world => world.EndAsync("a"),
            async (world, _) =>
            {
                await world.DrainAsync();
                Assert.Equal(["a", "b"], world.Begun);
            },
            async world =>
            {
                await world.StartAsync("a");
                await world.StartAsync("b");
                await world.BeginAsync("a");
            }) >= 4);
    }

    [Theory]
    [InlineData(false, "a")]
    [InlineData(true, "a")]
    [InlineData(false, "b")]
    [InlineData(true, "b")]
    public async Task A_cancellation_may_die_at_any_step(bool done, string cancelled)
    {
        await ForEachStepAsync(
            done,
            world => world.Runs.CancelAsync(Tenant, cancelled, default),
            async (world, dead) =>
            {
                var status = (await world.GetAsync(cancelled)).Status;
                await world.DrainAsync();
                var expected = status is RunStatus.Cancelled ? new[] { "a", "b" }.Where(run => run != cancelled) : ["a", "b"];
                Assert.Equal(expected, world.Begun);
                Assert.True(dead || status is RunStatus.Cancelled);
            },
            async world =>
            {
                await world.StartAsync("a");
                await world.StartAsync("b");
            });
    }

    /// <summary>Whatever was asked for is followed by a run that begins afterwards, whichever steps die.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task No_answered_request_is_lost_among_requests_ends_cancellations_and_crashes(int seed)
    {
        // Reproducible on purpose: the seed is part of the test's name.
        var random = new Random(seed);
        await _world.AddDatasetAsync();
        await _world.AddDatasetAsync("others");
        var answered = new List<(string Run, int Begun, int Cancelled)>();
        var cancelled = new List<string>();
        for (var i = 0; i < 60; i++)
        {
            _world.Crash.Arm(random.Next(1, 12), random.Next(2) == 0);
            var id = $"run-{i}";
            await _world.DiesAsync(async () =>
            {
                switch (random.Next(6))
                {
                    case 0 when _world.Instances.Count > 0:
                        await _world.BeginAsync(_world.Instances.First());
                        break;
                    case 1 or 2 when _world.Begun.Count > 0 && _world.Instances.Contains(_world.Begun[^1]):
                        await _world.EndAsync(_world.Begun[^1]);
                        break;
                    case 3 when await _world.QueueOfAsync() is { Queued: [.., { Run: var waiting }] } && (await _world.FindAsync(waiting))?.Status is RunStatus.Queued:
                        cancelled.Add(waiting);
                        await _world.Runs.CancelAsync(Tenant, waiting, default);
                        break;
                    case 4:
                        await _world.PumpAsync();
                        break;
                    default:
                        var (begun, gone) = (_world.Begun.Count, cancelled.Count);
                        var ticket = await _world.StartAsync(id, dataset: random.Next(2) == 0 ? "penguins" : "others");
                        answered.Add((ticket.Run.Id, begun, gone));
                        break;
                }
            });
            _world.Crash.Restart();
        }

        await _world.DrainAsync();

        Assert.NotEmpty(answered);
        Assert.All(answered, request => Assert.True(
            _world.Begun.Skip(request.Begun).Contains(request.Run) || cancelled.Skip(request.Cancelled).Contains(request.Run),
            $"The request answered by {request.Run} is lost."));
        await _world.AssertIdleAsync();
    }

    [Fact]
    public async Task Listing_keeps_to_a_pipeline_and_a_status()
    {
        await _world.AddDatasetAsync();
        await _world.StartAsync("a");
        await _world.StartAsync("b", pipeline: "others");
        await _world.StartAsync("c");
        await _world.BeginAsync("a");

        var ofPipeline = await _world.Runs.ListAsync(Tenant, "penguins", status: null, 10, null, default);
        var running = await _world.Runs.ListAsync(Tenant, null, RunStatus.Running, 10, null, default);

        Assert.Equal(["a", "c"], ofPipeline.Items.Select(item => item.Name).Order());
        Assert.Equal(["a"], running.Items.Select(item => item.Name));
    }

    [Fact]
    public void The_id_of_a_drop_tells_its_versions_apart_and_is_a_name()
    {
        string[] ids =
        [
            RunService.IdOfDrop("t", "p", "f.csv", "1", 0),
            RunService.IdOfDrop("t", "p", "f.csv", "2", 0),
            RunService.IdOfDrop("t", "p", "g.csv", "1", 0),
            RunService.IdOfDrop("t", "q", "f.csv", "1", 0),
            RunService.IdOfDrop("u", "p", "f.csv", "1", 0),
            RunService.IdOfDrop("t", "p", "f.csv", "1", 3),
            RunService.IdOfDrop("t", "p", "f.csv", "1", 31),
        ];

        Assert.Equal(ids.Length, ids.Distinct().Count());
        Assert.All(ids, id => Assert.True(Names.IsName(id)));
        Assert.Equal("drop-3018c181d3907a16b9209ff211c1758ea4882cee", ids[0]);
    }

    /// <summary>Does the work in a world of its own for each step that it may die at, and then again without dying.</summary>
    /// <returns>How many steps it has.</returns>
    private static async Task<int> ForEachStepAsync(
        bool done, Func<RunWorld, Task> work, Func<RunWorld, bool, Task> afterwards, Func<RunWorld, Task>? before = null)
    {
        for (var step = 1; ; step++)
        {
            using var world = new RunWorld();
            await world.AddDatasetAsync();
            if (before is not null) await before(world);
            world.Crash.Arm(step, done);
            var dead = await world.DiesAsync(() => work(world));
            world.Crash.Restart();
            await afterwards(world, dead);
            await world.AssertIdleAsync();
            if (!dead) return step - 1;
        }
    }
}
