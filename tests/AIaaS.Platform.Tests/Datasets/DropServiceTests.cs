using System.Text;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Tests.Runs;
using Microsoft.Extensions.Logging.Abstractions;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Datasets;

public sealed class DropServiceTests : IDisposable
{
    private const string Path = "default/penguins/rows.csv";
    private readonly RunWorld _world = new();
    private readonly DatasetService _datasets;
    private readonly DropService _drops;

    public DropServiceTests()
    {
        _datasets = _world.Datasets;
        _drops = new DropService(_datasets, _world.Runs, _world.Store, _world.Time, NullLogger<DropService>.Instance);
    }

    public void Dispose() => _world.Dispose();

    [Fact]
    public async Task A_drop_is_a_source_and_leads_to_a_run()
    {
        await DropAsync(Path, "x,y\n");

        var accepted = await _drops.AcceptAsync(Path, default);

        Assert.True(accepted!.Value.Ticket.StartNow);
        Assert.Equal(("penguins", "penguins"), (accepted.Value.Ticket.Run.Pipeline, accepted.Value.Ticket.Run.Dataset));
        Assert.Equal("rows.csv", Assert.Single(await SourcesAsync()).Name);
    }

    [Fact]
    public async Task A_drop_that_is_told_of_again_leads_to_the_same_run()
    {
        await DropAsync(Path, "x,y\n");
        var first = await _drops.AcceptAsync(Path, default);

        var again = await _drops.AcceptAsync(Path, default);

        Assert.Equal(first!.Value.Reference, again!.Value.Reference);
        Assert.Single(await SourcesAsync());
        Assert.Equal(1, (await _datasets.GetAsync(Tenant, "penguins", default)).Value.LastAllocated);
    }

    [Fact]
    public async Task A_file_dropped_again_with_its_old_time_after_its_data_set_was_deleted_is_another_run()
    {
        var dropped = await DropAsync(Path, "x,y\n");
        var first = await _drops.AcceptAsync(Path, default);
        await _world.Runs.CancelAsync(Tenant, first!.Value.Reference.Run, default);
        await _datasets.DeleteAsync(Tenant, "penguins", default, default);
        await DropAsync(Path, "x,y\n");
        File.SetLastWriteTimeUtc(_world.FileOf(new ObjectPath(Containers.Incoming, Path)), dropped.LastModified.UtcDateTime);

        var second = await _drops.AcceptAsync(Path, default);
        var again = await _drops.AcceptAsync(Path, default);

        Assert.True(second!.Value.Ticket.StartNow);
        Assert.NotEqual(first.Value.Reference, second.Value.Reference);
        Assert.Equal(second.Value.Reference, again!.Value.Reference);
    }

    [Fact]
    public async Task Another_version_of_a_drop_is_another_run_over_the_new_content()
    {
        await DropAsync(Path, "old");
        var first = await _drops.AcceptAsync(Path, default);
        await DropAsync(Path, "newer");

        var second = await _drops.AcceptAsync(Path, default);

        Assert.NotEqual(first!.Value.Reference, second!.Value.Reference);
        Assert.Equal("newer", await TextOfAsync(Assert.Single(await SourcesAsync())));
    }

    [Fact]
    public async Task A_replaced_drop_stays_readable_for_the_run_that_has_it()
    {
        await DropAsync(Path, "old");
        await _drops.AcceptAsync(Path, default);
        var source = Assert.Single(await SourcesAsync());

        await DropAsync(Path, "newer");

        Assert.Equal("old", await TextOfAsync(source));
    }

    [Fact]
    public async Task A_drop_waits_its_turn_behind_runs_over_other_data_sets()
    {
        await _world.AddDatasetAsync("others");
        await _world.AddDatasetAsync("more");
        await _world.StartAsync("a", dataset: "others");
        await _world.StartAsync("b", dataset: "more");
        await DropAsync(Path, "x,y\n");

        var accepted = await _drops.AcceptAsync(Path, default);
        await _world.DrainAsync();

        Assert.False(accepted!.Value.Ticket.StartNow);
        Assert.Equal(["a", "b", accepted.Value.Reference.Run], _world.Begun);
    }

    [Fact]
    public async Task Another_name_adds_a_source()
    {
        await DropAsync(Path, "a");
        await _drops.AcceptAsync(Path, default);
        await DropAsync("default/penguins/more.csv", "b");

        await _drops.AcceptAsync("default/penguins/more.csv", default);

        Assert.Equal(["rows.csv", "more.csv"], (await SourcesAsync()).Select(source => source.Name));
    }

    [Fact]
    public async Task A_drop_that_was_replaced_while_it_was_looked_at_is_left_to_its_successor()
    {
        await DropAsync(Path, "old");
        var etag = (await _world.Store.GetPropertiesAsync(new ObjectPath(Containers.Incoming, Path), default))!.ETag;
        await DropAsync(Path, "newer");

        Assert.Null(await _datasets.TakeDropAsync(Tenant, "penguins", "rows.csv", etag, default));
        Assert.Null(await _world.Catalog.FindAsync(Dataset.Kind, Tenant, "penguins", default));
    }

    [Fact]
    public async Task A_drop_that_is_gone_leads_to_nothing()
    {
        Assert.Null(await _drops.AcceptAsync(Path, default));
        Assert.Empty((await _world.Store.ListAsync(Containers.Quarantine, "", 10, null, default)).Items);
    }

    [Theory]
    [InlineData("rows.csv", "_unknown", "{tenant}/{pipeline}/{file}")]
    [InlineData("default/rows.csv", "default", "{tenant}/{pipeline}/{file}")]
    [InlineData("default/penguins/deep/rows.csv", "default", "{tenant}/{pipeline}/{file}")]
    [InlineData("Default!/penguins/rows.csv", "_unknown", "tenant's name")]
    [InlineData("default/Pen guins/rows.csv", "default", "pipeline's name")]
    [InlineData("default/penguins/a;b.csv", "default", "file name")]
    public async Task A_drop_that_names_no_pipeline_is_kept_and_recorded_with_the_reason(string path, string tenant, string reason)
    {
        await DropAsync(path, "x");

        Assert.Null(await _drops.AcceptAsync(path, default));

        var record = Assert.Single((await _world.Store.ListAsync(Containers.Quarantine, $"{tenant}/drops/", 10, null, default)).Items);
        await using var content = await _world.Store.OpenReadAsync(record.Path, null, default);
        var poison = await JsonSerializer.DeserializeAsync<PoisonDrop>(content!.Stream, JsonDefaults.Options);
        Assert.Equal((path, _world.Time.GetUtcNow()), (poison!.Path, poison.Time));
        Assert.Contains(reason, poison.Reason, StringComparison.Ordinal);
        Assert.NotNull(await _world.Store.GetPropertiesAsync(new ObjectPath(Containers.Incoming, path), default));
        Assert.Empty(await _world.UnfinishedAsync());
    }

    [Fact]
    public async Task A_drop_told_of_twice_is_one_poison_record()
    {
        await DropAsync("rows.csv", "x");
        await _drops.AcceptAsync("rows.csv", default);

        await _drops.AcceptAsync("rows.csv", default);

        Assert.Single((await _world.Store.ListAsync(Containers.Quarantine, "", 10, null, default)).Items);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_host_that_dies_at_any_step_of_taking_a_drop_takes_it_once_when_it_is_told_of_again(bool done)
    {
        for (var step = 1; ; step++)
        {
            var path = $"default/penguins-{step}/rows.csv";
            await DropAsync(path, "x,y\n");
            _world.Crash.Arm(step, done);
            var dead = await _world.DiesAsync(() => _drops.AcceptAsync(path, default));
            _world.Crash.Restart();

            var accepted = await _drops.AcceptAsync(path, default);

            Assert.True(accepted!.Value.Ticket.StartNow);
            Assert.Single((await _world.Runs.ListAsync(Tenant, $"penguins-{step}", null, 10, null, default)).Items);
            Assert.Single((await _datasets.GetAsync(Tenant, $"penguins-{step}", default)).Value.Sources);
            if (!dead)
            {
                Assert.True(step > 5);
                return;
            }
        }
    }

    private Task<ObjectProperties> DropAsync(string path, string text)
        => _world.Store.WriteAsync(new ObjectPath(Containers.Incoming, path), new MemoryStream(Encoding.UTF8.GetBytes(text)), null, default);

    private async Task<IReadOnlyList<DatasetSource>> SourcesAsync() => (await _datasets.GetAsync(Tenant, "penguins", default)).Value.Sources;

    private async Task<string> TextOfAsync(DatasetSource source)
    {
        await using var content = await _world.Store.OpenReadAsync(source.Location, null, default);
        using var reader = new StreamReader(content!.Stream);
        return await reader.ReadToEndAsync();
    }
}
