using AIaaS.Platform.Documents;
using AIaaS.Platform.Predictions.Batches;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Storage;
using AIaaS.Serving.Tests;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Predictions.Batches;

public sealed class BatchDeletionTests
{
    private const string Rows = """[{"length":1},{"length":2},{"length":3}]""";
    private const string Folder = $"{Tenant}/b/";

    [Fact]
    public async Task A_deleted_batch_is_gone_with_its_files_and_in_the_end_with_its_document()
    {
        await using var world = await WithEndedAsync();
        await world.CreateAsync(Rows, id: "other");

        await world.Service.DeleteAsync(Tenant, "b", default, default);

        Assert.Empty(await world.FilesAsync(Containers.Predictions, Folder));
        await AssertGoneAsync(() => world.GetAsync());
        await AssertGoneAsync(() => world.ResultsAsync());
        await AssertGoneAsync(() => world.Service.CancelAsync(Tenant, "b", default));
        await AssertGoneAsync(() => world.Service.DeleteAsync(Tenant, "b", default, default));
        foreach (var status in (BatchStatus?[])[null, BatchStatus.Queued])
        {
            var page = await world.Service.ListAsync(Tenant, status, limit: 1, continuation: null, default);
            Assert.Equal("other", Assert.Single(page.Items).Value.Id);
            Assert.Null(page.Continuation);
        }

        Assert.Empty((await world.Service.ListAsync(Tenant, BatchStatus.Succeeded, limit: 1, continuation: null, default)).Items);

        await PassAsync(world);
        Assert.Equal(["other.json"], await world.FilesAsync(Containers.Catalog, $"{Tenant}/batch-predictions/"));
        Assert.Empty(await world.FilesAsync(Containers.Catalog, $"{UnfinishedRun.AllTenants}/batch-predictions/"));
        Assert.NotEmpty(await world.FilesAsync(Containers.Predictions, $"{Tenant}/other/"));
    }

    [Fact]
    public async Task A_batch_that_is_deleted_while_an_old_mark_of_it_is_looked_at_keeps_its_document()
    {
        // Whatever is read next when that happens.
        for (var touch = 1; ; touch++)
        {
            await using var world = await WithEndedAsync();
            await world.Housekeeping.MarkAsync(Tenant, "b", default);
            var touched = 0;
            world.World.Runs.Crash.Meanwhile = async (_, token) =>
            {
                if (++touched < touch)
                {
                    return false;
                }

                await world.Service.DeleteAsync(Tenant, "b", default, token);
                return true;
            };

            await PassAsync(world);

            if (touched < touch)
            {
                Assert.True(touch > 2);
                return;
            }

            Assert.NotNull(await world.World.Runs.Catalog.FindAnyAsync(BatchPrediction.Kind, Tenant, "b", default));
        }
    }

    [Fact]
    public async Task A_batch_that_cannot_be_read_keeps_no_other_from_being_cleared_away()
    {
        await using var world = await WithEndedAsync();
        await world.Housekeeping.MarkAsync(Tenant, "b", default);
        await world.World.Runs.Catalog.UpdateAsync(BatchPrediction.Kind, Tenant, "b", current => current.AsRemoved(), default);
        foreach (var unreadable in (string[])["a", "c"])
        {
            await world.Housekeeping.MarkAsync(Tenant, unreadable, default);
            await world.World.Runs.Store.WriteAsync(BatchPrediction.Kind.PathOf(Tenant, unreadable), new MemoryStream("{"u8.ToArray()), null, default);
        }

        await world.Housekeeping.CleanAllAsync(default);

        Assert.Empty(await world.FilesAsync(Containers.Predictions, Folder));
    }

    [Theory]
    [InlineData(BatchStatus.Queued)]
    [InlineData(BatchStatus.Running)]
    public async Task A_batch_that_has_not_ended_is_not_deleted_until_it_is_cancelled(BatchStatus status)
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        await world.CreateAsync(Rows);
        await world.World.Runs.Catalog.UpdateAsync(BatchPrediction.Kind, Tenant, "b", current => current with { Status = status }, default);

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => world.Service.DeleteAsync(Tenant, "b", default, default));

        Assert.Equal(Problem.Conflict, refusal.Problem);
        Assert.Contains("POST /api/v1/batch-predictions/b/cancel", refusal.Message, StringComparison.Ordinal);
        await world.Service.CancelAsync(Tenant, "b", default);
        await world.Service.DeleteAsync(Tenant, "b", default, default);
        await AssertGoneAsync(() => world.GetAsync());
    }

    [Fact]
    public async Task A_batch_in_another_state_than_the_caller_knows_is_not_deleted()
    {
        await using var world = await WithEndedAsync();

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => world.Service.DeleteAsync(Tenant, "b", new WriteConditions(IfMatch: "old"), default));

        Assert.Equal(Problem.PreconditionFailed, refusal.Problem);
        Assert.Equal(3, (await world.ResultsAsync()).Length);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_deletion_may_die_at_any_step_and_is_never_seen_half_done(bool done)
    {
        for (var step = 1; ; step++)
        {
            await using var world = await WithEndedAsync();
            world.World.Runs.Crash.Arm(step, done);
            var dead = await world.World.Runs.DiesAsync(() => world.Service.DeleteAsync(Tenant, "b", default, default));
            world.World.Runs.Crash.Restart();

            if (await world.World.Runs.Catalog.FindAsync(BatchPrediction.Kind, Tenant, "b", default) is not null)
            {
                Assert.Equal(3, (await world.ResultsAsync()).Length);
                Assert.Empty(await world.ErrorsAsync());
                await PassAsync(world);
                Assert.Equal(3, (await world.ResultsAsync()).Length);
            }
            else
            {
                await world.Housekeeping.CleanAllAsync(default);
                Assert.Empty(await world.FilesAsync(Containers.Predictions, Folder));
                await PassAsync(world);
                Assert.Empty(await world.FilesAsync(Containers.Catalog, $"{Tenant}/batch-predictions/"));
            }

            Assert.Empty(await world.FilesAsync(Containers.Catalog, $"{UnfinishedRun.AllTenants}/batch-predictions/"));
            if (!dead)
            {
                Assert.True(step > 5);
                return;
            }
        }
    }

    [Fact]
    public async Task Whoever_is_at_work_on_a_batch_that_is_cancelled_and_deleted_ends_quietly()
    {
        // Whatever the runner reads or writes next when that happens.
        for (var touch = 1; ; touch++)
        {
            await using var world = await new BatchWorld(chunkRows: 1).WithAsync("m", TestModels.Regression);
            await world.CreateAsync(Rows, webhook: new Uri("https://example.com/hook"));
            world.World.Runs.Queue.Messages.Clear();
            var touched = 0;
            world.World.Runs.Crash.Meanwhile = async (_, token) =>
            {
                if (++touched < touch)
                {
                    return false;
                }

                await world.Service.CancelAsync(Tenant, "b", token);
                await world.Service.DeleteAsync(Tenant, "b", default, token);
                return true;
            };

            await world.Runner.RunAsync(new BatchReference(Tenant, "b"), default);

            if (touched < touch || await world.World.Runs.Catalog.FindAsync(BatchPrediction.Kind, Tenant, "b", default) is { Value.Status: BatchStatus.Succeeded })
            {
                Assert.True(touch > 10);
                return;
            }

            Assert.DoesNotContain(world.World.Runs.Queue.Messages, message => message.Queue == BatchQueues.Webhooks);
            await world.Runner.RunAsync(new BatchReference(Tenant, "b"), default);
            await AssertGoneAsync(() => world.GetAsync());
            await world.Housekeeping.CleanAllAsync(default);
            Assert.Empty(await world.FilesAsync(Containers.Predictions, Folder));
        }
    }

    [Fact]
    public async Task The_key_that_made_a_deleted_batch_does_not_make_it_again()
    {
        await using var world = await WithEndedAsync();
        await world.Service.DeleteAsync(Tenant, "b", default, default);

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => world.CreateAsync(Rows));

        Assert.Equal((Problem.Conflict, "Idempotency-Key"), (refusal.Problem, refusal.Field));
        Assert.Empty(await world.FilesAsync(Containers.Predictions, Folder));
    }

    [Fact]
    public async Task The_file_in_the_drop_zone_goes_with_its_batch_and_makes_no_other()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        var first = await DropAsync(world, "length,mass\n1,2\n3,4\n");
        await world.RunAsync(first.Id);

        await world.Service.DeleteAsync(Tenant, first.Id, default, default);

        Assert.Empty(await world.FilesAsync(Containers.Incoming, $"{Tenant}/m/"));
        var second = await DropAsync(world, "length,mass\n1,2\n3,4\n");
        Assert.NotEqual(first.Id, second.Id);
    }

    [Fact]
    public async Task A_file_that_was_dropped_since_stays()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        var first = await DropAsync(world, "length,mass\n1,2\n3,4\n");
        await world.RunAsync(first.Id);
        var second = await DropAsync(world, "length,mass\n5,6\n7,8\n");

        await world.Service.DeleteAsync(Tenant, first.Id, default, default);

        Assert.Equal(["predictions/new.csv"], await world.FilesAsync(Containers.Incoming, $"{Tenant}/m/"));
        Assert.Equal(BatchStatus.Succeeded, (await world.RunAsync(second.Id)).Status);
    }

    [Fact]
    public async Task A_dropped_file_that_is_seen_once_more_while_its_batch_is_deleted_makes_no_other()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        var first = await DropAsync(world, "length,mass\n1,2\n3,4\n");
        await world.RunAsync(first.Id);
        await world.World.Runs.Catalog.UpdateAsync(BatchPrediction.Kind, Tenant, first.Id, current => current.AsRemoved(), default);

        Assert.Null(await world.Service.AcceptDropAsync(Drop, default));
    }

    [Fact]
    public async Task A_file_dropped_again_with_its_old_time_after_its_batch_was_deleted_is_another_batch()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        var ids = new List<string>();
        for (var drop = 1; drop <= 3; drop++)
        {
            var batch = await DropAsync(world, "length,mass\n1,2\n3,4\n", DateTime.UnixEpoch);
            await world.Housekeeping.CleanAllAsync(default);
            Assert.Equal(["predictions/new.csv"], await world.FilesAsync(Containers.Incoming, $"{Tenant}/m/"));
            Assert.Equal(BatchStatus.Succeeded, (await world.RunAsync(batch.Id)).Status);
            Assert.Equal(batch.Id, (await world.Service.AcceptDropAsync(Drop, default))!.Id);
            ids.Add(batch.Id);

            await world.Service.DeleteAsync(Tenant, batch.Id, default, default);

            Assert.Empty(await world.FilesAsync(Containers.Incoming, $"{Tenant}/m/"));
        }

        Assert.Equal(ids.Count, ids.Distinct().Count());
    }

    [Fact]
    public async Task A_file_dropped_again_with_its_old_time_stays_one_batch_when_the_deleted_one_is_forgotten()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        var first = await DropAsync(world, "length,mass\n1,2\n3,4\n", DateTime.UnixEpoch);
        await world.RunAsync(first.Id);
        await world.Service.DeleteAsync(Tenant, first.Id, default, default);
        var second = await DropAsync(world, "length,mass\n1,2\n3,4\n", DateTime.UnixEpoch);
        await world.RunAsync(second.Id);

        await PassAsync(world);

        Assert.Equal([$"{second.Id}.json"], await world.FilesAsync(Containers.Catalog, $"{Tenant}/batch-predictions/"));
        Assert.Equal(second.Id, (await world.Service.AcceptDropAsync(Drop, default))!.Id);
    }

    [Fact]
    public async Task A_dropped_file_that_goes_with_its_batch_while_it_is_seen_once_more_makes_no_other()
    {
        // Whatever is read next when that happens.
        for (var touch = 1; ; touch++)
        {
            await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
            var first = await DropAsync(world, "length,mass\n1,2\n3,4\n", DateTime.UnixEpoch);
            await world.RunAsync(first.Id);
            var touched = 0;
            world.World.Runs.Crash.Meanwhile = async (_, token) =>
            {
                if (++touched < touch)
                {
                    return false;
                }

                await world.Service.DeleteAsync(Tenant, first.Id, default, token);
                return true;
            };

            var seen = await world.Service.AcceptDropAsync(Drop, default);

            if (touched < touch)
            {
                Assert.True(touch > 2);
                return;
            }

            Assert.True(seen is null || seen.Id == first.Id);
            Assert.Empty((await world.Service.ListAsync(Tenant, status: null, limit: 1, continuation: null, default)).Items);
        }
    }

    private const string Drop = $"{Tenant}/m/predictions/new.csv";

    private static async Task<BatchPrediction> DropAsync(BatchWorld world, string text, DateTime? lastWritten = null)
    {
        var path = new ObjectPath(Containers.Incoming, Drop);
        await world.World.Runs.Store.WriteAsync(path, new MemoryStream(System.Text.Encoding.UTF8.GetBytes(text)), null, default);
        if (lastWritten is { } time)
        {
            File.SetLastWriteTimeUtc(world.World.Runs.FileOf(path), time);
        }

        return (await world.Service.AcceptDropAsync(Drop, default))!;
    }

    private static async Task<BatchWorld> WithEndedAsync()
    {
        var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        await world.CreateAsync(Rows);
        await world.RunAsync();
        return world;
    }

    private static async Task PassAsync(BatchWorld world)
    {
        world.World.Runs.Time.Advance(BatchHousekeeping.Kept + TimeSpan.FromMinutes(1));
        await world.Housekeeping.CleanAllAsync(default);
    }

    private static async Task AssertGoneAsync(Func<Task> read)
        => Assert.Equal(Problem.NotFound, (await Assert.ThrowsAsync<ProblemException>(read)).Problem);
}
