using System.Text;
using AIaaS.Formats;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Pipelines;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Tests.Runs;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Datasets;

public sealed class DatasetHousekeepingTests : IDisposable
{
    private readonly RunWorld _world = new();

    public void Dispose() => _world.Dispose();

    [Fact]
    public async Task A_replaced_source_goes_after_a_while()
    {
        var old = await UploadAsync("a.csv");
        var next = await UploadAsync("b.csv");

        await _world.Housekeeping.CleanAllAsync(default);
        Assert.True(await ExistsAsync(old));

        await PassAsync(DatasetHousekeeping.Grace);
        Assert.False(await ExistsAsync(old));
        Assert.True(await ExistsAsync(next));
    }

    [Fact]
    public async Task A_source_that_a_version_was_made_of_stays()
    {
        var old = await UploadAsync("a.csv");
        await AddVersionAsync(1, old);
        await UploadAsync("b.csv");

        await PassAsync(2 * DatasetHousekeeping.OrphanAge);

        Assert.True(await ExistsAsync(old));
    }

    [Fact]
    public async Task A_source_that_a_run_under_way_reads_stays_until_that_has_ended()
    {
        var old = await UploadAsync("a.csv");
        await _world.StartAsync("run");
        await _world.BeginAsync("run");
        var plan = new PreparationPlan { Definition = new PipelineDefinition(), Sources = [old] };
        await _world.Runs.ChangeAsync(Reference("run"), run => run with { Preparation = plan }, default);
        await UploadAsync("b.csv");

        await PassAsync(2 * DatasetHousekeeping.OrphanAge);
        Assert.True(await ExistsAsync(old));

        await _world.EndAsync("run", RunStatus.Failed);
        await PassAsync(DatasetHousekeeping.Grace);
        Assert.False(await ExistsAsync(old));
    }

    [Fact]
    public async Task What_writers_that_died_have_left_goes_after_a_day()
    {
        await UploadAsync("a.csv");
        await _world.Housekeeping.MarkAsync(Tenant, "penguins", default);
        var source = await WriteAsync(Containers.Datasets, "penguins/sources/lost/x.csv");
        var version = await WriteAsync(Containers.Datasets, "penguins/7/data.parquet");
        var rows = await WriteAsync(Containers.Quarantine, "penguins/7/rows.jsonl");

        await PassAsync(DatasetHousekeeping.Grace);
        Assert.True(await ExistsAsync(source) && await ExistsAsync(version));

        await PassAsync(DatasetHousekeeping.OrphanAge);
        Assert.False(await ExistsAsync(source) || await ExistsAsync(version) || await ExistsAsync(rows));
    }

    [Fact]
    public async Task Files_of_a_run_under_way_are_no_orphans()
    {
        await UploadAsync("a.csv");
        await _world.StartAsync("run");
        await _world.BeginAsync("run");
        var file = await WriteAsync(Containers.Datasets, "penguins/1/data.parquet");

        await PassAsync(2 * DatasetHousekeeping.OrphanAge);

        Assert.True(await ExistsAsync(file));
    }

    [Fact]
    public async Task A_data_set_with_nothing_left_to_look_for_is_looked_at_no_more()
    {
        await UploadAsync("a.csv");
        await UploadAsync("b.csv");

        await PassAsync(DatasetHousekeeping.Grace);
        Assert.NotEmpty(await MarksAsync());

        await PassAsync(DatasetHousekeeping.OrphanAge);
        Assert.Empty(await MarksAsync());
    }

    [Fact]
    public async Task A_data_set_that_cannot_be_read_keeps_no_other_from_being_cleaned()
    {
        var old = await UploadAsync("a.csv");
        await UploadAsync("b.csv");
        foreach (var unreadable in (string[])["cats", "zebras"])
        {
            await _world.Housekeeping.MarkAsync(Tenant, unreadable, default);
            await _world.Store.WriteAsync(Dataset.Kind.PathOf(Tenant, unreadable), new MemoryStream("{"u8.ToArray()), options: null, default);
        }

        await PassAsync(DatasetHousekeeping.Grace);

        Assert.False(await ExistsAsync(old));
    }

    [Fact]
    public async Task Other_data_sets_whose_names_begin_alike_are_left_alone()
    {
        var other = await UploadAsync("a.csv", "penguins-2");
        await UploadAsync("a.csv");
        var version = await WriteAsync(Containers.Datasets, "penguins-2/1/data.parquet");

        await _world.Datasets.DeleteAsync(Tenant, "penguins", default, default);

        Assert.True(await ExistsAsync(other) && await ExistsAsync(version));
    }

    [Fact]
    public async Task A_deleted_data_set_leaves_nothing_but_its_numbers()
    {
        var source = await UploadAsync("a.csv");
        await AddVersionAsync(1, source);
        var file = await WriteAsync(Containers.Datasets, "penguins/1/data.parquet");
        var rows = await WriteAsync(Containers.Quarantine, "penguins/1/rows.jsonl");
        await _world.Contracts.PutAsync(Tenant, "penguins", new DataContract { Columns = [new ColumnContract { Name = "a" }] }, default, default);

        await _world.Datasets.DeleteAsync(Tenant, "penguins", default, default);

        Assert.False(await ExistsAsync(source) || await ExistsAsync(file) || await ExistsAsync(rows));
        await AssertGoneAsync(() => _world.Datasets.GetAsync(Tenant, "penguins", default));
        await AssertGoneAsync(() => _world.Datasets.GetVersionAsync(Tenant, "penguins", 1, default));
        await AssertGoneAsync(() => _world.Datasets.ListVersionsAsync(Tenant, "penguins", 10, null, default));
        await AssertGoneAsync(() => _world.Contracts.GetAsync(Tenant, "penguins", default));
        await AssertGoneAsync(() => _world.Datasets.DeleteAsync(Tenant, "penguins", default, default));
        Assert.Empty((await _world.Datasets.ListAsync(Tenant, 10, null, default)).Items);

        await UploadAsync("b.csv");
        Assert.Equal(2, (await _world.StartAsync("run")).Run.DatasetVersion);
        Assert.Equal("b.csv", Assert.Single((await _world.Datasets.GetAsync(Tenant, "penguins", default)).Value.Sources).Name);
        await AssertGoneAsync(() => _world.Datasets.GetVersionAsync(Tenant, "penguins", 1, default));
        await AssertGoneAsync(() => _world.Contracts.GetAsync(Tenant, "penguins", default));
    }

    [Fact]
    public async Task A_deleted_data_set_can_be_made_anew_as_if_it_had_never_been()
    {
        await UploadAsync("a.csv");
        await _world.Datasets.DeleteAsync(Tenant, "penguins", default, default);

        await _world.Datasets.UploadAsync(Tenant, "penguins", "b.csv", new MemoryStream([1]), append: true, new WriteConditions(IfAbsent: true), default);

        Assert.Equal(["b.csv"], (await _world.Datasets.GetAsync(Tenant, "penguins", default)).Value.Sources.Select(source => source.Name));
    }

    [Fact]
    public async Task A_data_set_that_a_run_is_at_work_on_is_not_deleted()
    {
        await UploadAsync("a.csv");
        await _world.StartAsync("run");

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => _world.Datasets.DeleteAsync(Tenant, "penguins", default, default));

        Assert.Equal(Problem.Conflict, refusal.Problem);
        Assert.Contains("'run'", refusal.Message, StringComparison.Ordinal);
        await _world.Runs.CancelAsync(Tenant, "run", default);
        await _world.Datasets.DeleteAsync(Tenant, "penguins", default, default);
    }

    [Fact]
    public async Task A_data_set_in_another_state_than_the_caller_knows_is_not_deleted()
    {
        await UploadAsync("a.csv");

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => _world.Datasets.DeleteAsync(Tenant, "penguins", new WriteConditions(IfMatch: "old"), default));

        Assert.Equal(Problem.PreconditionFailed, refusal.Problem);
        Assert.Single((await _world.Datasets.GetAsync(Tenant, "penguins", default)).Value.Sources);
    }

    [Fact]
    public async Task The_file_in_the_drop_zone_goes_with_the_data_set_unless_it_is_another_by_now()
    {
        var (mine, theirs) = (await DropAsync("a.csv"), await DropAsync("b.csv"));
        await _world.Datasets.TakeDropAsync(Tenant, "penguins", "a.csv", mine.ETag, default);
        await _world.Datasets.TakeDropAsync(Tenant, "penguins", "b.csv", theirs.ETag, default);
        await DropAsync("b.csv");

        await _world.Datasets.DeleteAsync(Tenant, "penguins", default, default);

        Assert.False(await ExistsAsync(mine.Path));
        Assert.True(await ExistsAsync(theirs.Path));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_deletion_may_die_at_any_step_and_is_never_seen_half_done(bool done)
    {
        for (var step = 1; ; step++)
        {
            var name = $"penguins-{step}";
            var source = await UploadAsync("a.csv", name);
            await AddVersionAsync(1, source, name);
            await _world.Catalog.UpdateAsync(Dataset.Kind, Tenant, name, known => known with { Version = 1, LastAllocated = 1 }, default);
            var file = await WriteAsync(Containers.Datasets, $"{name}/1/data.parquet");
            _world.Crash.Arm(step, done);
            var dead = await _world.DiesAsync(() => _world.Datasets.DeleteAsync(Tenant, name, default, default));
            _world.Crash.Restart();

            if (await _world.Catalog.FindAsync(Dataset.Kind, Tenant, name, default) is not null)
            {
                Assert.True(await ExistsAsync(file) && await ExistsAsync(source));
                Assert.Equal(1, (await _world.Datasets.ResolveVersionAsync(Tenant, name, null, default)).Version);
            }
            else
            {
                await AssertGoneAsync(() => _world.Datasets.GetVersionAsync(Tenant, name, 1, default));
                await _world.Housekeeping.CleanAllAsync(default);
                Assert.False(await ExistsAsync(file) || await ExistsAsync(source));
            }

            if (!dead)
            {
                Assert.True(step > 5);
                return;
            }
        }
    }

    private async Task PassAsync(TimeSpan time)
    {
        _world.Time.Advance(time + TimeSpan.FromMinutes(1));
        await _world.Housekeeping.CleanAllAsync(default);
    }

    private Task<DatasetSource> UploadAsync(string file, string dataset = "penguins")
        => _world.Datasets.UploadAsync(Tenant, dataset, file, new MemoryStream(Encoding.UTF8.GetBytes("x\n1\n")), append: false, default, default);

    private async Task<ObjectProperties> DropAsync(string file)
        => await _world.Store.WriteAsync(new ObjectPath(Containers.Incoming, $"{Tenant}/penguins/{file}"), new MemoryStream([1]), null, default);

    private async Task AddVersionAsync(int version, DatasetSource source, string dataset = "penguins")
    {
        var document = new DatasetVersion
        {
            Dataset = dataset,
            Version = version,
            Created = _world.Time.GetUtcNow(),
            Run = "run",
            Sources = [source],
            Rows = 1,
            RowsQuarantined = 0,
            Columns = [],
        };
        await _world.Catalog.TryCreateAsync(DatasetVersion.Kind, Tenant, DatasetVersion.NameOf(dataset, version), document, default);
        await _world.Catalog.UpdateAsync(Dataset.Kind, Tenant, dataset, known => known with { Version = version, LastAllocated = version }, default);
    }

    private async Task<ObjectPath> WriteAsync(string container, string name)
        => (await _world.Store.WriteAsync(new ObjectPath(container, $"{Tenant}/{name}"), new MemoryStream([1]), null, default)).Path;

    private Task<bool> ExistsAsync(DatasetSource source) => ExistsAsync(source.Location);

    private async Task<bool> ExistsAsync(ObjectPath path) => await _world.Store.GetPropertiesAsync(path, default) is not null;

    private async Task<IReadOnlyList<DocumentHeader>> MarksAsync()
        => await _world.Catalog.ListHeadersAsync(DatasetHousekeeping.MarkKind, UnfinishedRun.AllTenants, "", default);

    private static async Task AssertGoneAsync(Func<Task> read)
        => Assert.Equal(Problem.NotFound, (await Assert.ThrowsAsync<ProblemException>(read)).Problem);
}
