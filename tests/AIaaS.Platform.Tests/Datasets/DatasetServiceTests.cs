using System.IO.Pipelines;
using System.Text;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Tests.Runs;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Datasets;

public sealed class DatasetServiceTests : IDisposable
{
    private readonly RunWorld _world = new();
    private readonly DatasetService _datasets;

    public DatasetServiceTests() => _datasets = _world.Datasets;

    public void Dispose() => _world.Dispose();

    [Fact]
    public async Task An_upload_is_kept_as_it_came_and_is_a_source()
    {
        var source = await UploadAsync("a.csv", "x,y\n1,2\n");

        Assert.Equal(source, Assert.Single((await SourcesAsync())));
        Assert.Equal("x,y\n1,2\n", await TextOfAsync(source));
        Assert.Equal(("a.csv", 8L, _world.Time.GetUtcNow()), (source.Name, source.Bytes, source.Added));
    }

    [Fact]
    public async Task An_upload_replaces_all_sources()
    {
        await UploadAsync("a.csv", "a");
        await UploadAsync("b.csv", "b", append: true);

        await UploadAsync("c.csv", "c");

        Assert.Equal(["c.csv"], (await SourcesAsync()).Select(source => source.Name));
    }

    [Fact]
    public async Task An_appended_upload_leaves_the_others()
    {
        await UploadAsync("a.csv", "a");

        await UploadAsync("b.csv", "b", append: true);

        Assert.Equal(["a.csv", "b.csv"], (await SourcesAsync()).Select(source => source.Name));
    }

    [Fact]
    public async Task An_appended_upload_of_the_same_name_replaces_that_one()
    {
        await UploadAsync("a.csv", "old");
        await UploadAsync("b.csv", "b", append: true);

        var source = await UploadAsync("a.csv", "new", append: true);

        Assert.Equal(["b.csv", "a.csv"], (await SourcesAsync()).Select(known => known.Name));
        Assert.Equal("new", await TextOfAsync(source));
    }

    [Fact]
    public async Task A_replaced_source_stays_readable_for_runs_that_have_it()
    {
        var old = await UploadAsync("a.csv", "old");

        await UploadAsync("a.csv", "new");

        Assert.Equal("old", await TextOfAsync(old));
    }

    [Fact]
    public async Task An_empty_upload_is_refused_and_leaves_nothing()
    {
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => UploadAsync("a.csv", ""));

        Assert.Equal(Problem.UnusableData, refusal.Problem);
        Assert.Null(await _world.Catalog.FindAsync(Dataset.Kind, Tenant, "penguins", default));
        Assert.Empty((await _world.Store.ListAsync(Containers.Datasets, "", 10, null, default)).Items);
    }

    [Fact]
    public async Task A_condition_that_does_not_hold_is_told_before_the_body_is_read()
    {
        await UploadAsync("a.csv", "a");
        using var body = new MemoryStream("b"u8.ToArray());

        var refusal = await Assert.ThrowsAsync<ProblemException>(
            () => _datasets.UploadAsync(Tenant, "penguins", "b.csv", body, append: false, new WriteConditions(IfAbsent: true), default));

        Assert.Equal(Problem.PreconditionFailed, refusal.Problem);
        Assert.Equal(0, body.Position);
        Assert.Equal(["a.csv"], (await SourcesAsync()).Select(source => source.Name));
    }

    [Fact]
    public async Task A_condition_holds_on_the_data_set_as_it_is_when_the_source_is_recorded()
    {
        await UploadAsync("a.csv", "a");
        var etag = (await _datasets.GetAsync(Tenant, "penguins", default)).ETag;
        var body = new Pipe();
        var uploading = _datasets.UploadAsync(
            Tenant, "penguins", "b.csv", body.Reader.AsStream(), append: false, new WriteConditions(IfMatch: etag), default);
        await UploadAsync("other.csv", "o", append: true);
        await body.Writer.WriteAsync("b"u8.ToArray());
        await body.Writer.CompleteAsync();

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => uploading);

        Assert.Equal(Problem.PreconditionFailed, refusal.Problem);
        Assert.Equal(["a.csv", "other.csv"], (await SourcesAsync()).Select(source => source.Name));
    }

    [Fact]
    public async Task No_source_is_lost_among_uploads_at_the_same_time()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => UploadAsync($"{i}.csv", "x", append: true))));

        Assert.Equal(Enumerable.Range(0, 8).Select(i => $"{i}.csv"), (await SourcesAsync()).Select(source => source.Name).Order());
    }

    [Fact]
    public async Task A_data_set_nobody_prepared_has_no_files_yet()
    {
        await UploadAsync("a.csv", "a");

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => _datasets.OpenFileAsync(Tenant, "penguins", null, "profile.json", default));

        Assert.Equal(Problem.NotFound, refusal.Problem);
    }

    [Fact]
    public async Task Files_of_a_version_without_its_document_are_not_there()
    {
        await UploadAsync("a.csv", "a");
        await _world.Store.WriteAsync(DatasetVersion.FileOf(Tenant, "penguins", 1, "profile.json"), new MemoryStream("{}"u8.ToArray()), null, default);

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => _datasets.OpenFileAsync(Tenant, "penguins", 1, "profile.json", default));

        Assert.Equal(Problem.NotFound, refusal.Problem);
    }

    private Task<DatasetSource> UploadAsync(string file, string text, bool append = false)
        => _datasets.UploadAsync(Tenant, "penguins", file, new MemoryStream(Encoding.UTF8.GetBytes(text)), append, default, default);

    private async Task<IReadOnlyList<DatasetSource>> SourcesAsync() => (await _datasets.GetAsync(Tenant, "penguins", default)).Value.Sources;

    private async Task<string> TextOfAsync(DatasetSource source)
    {
        await using var content = await _world.Store.OpenReadAsync(source.Location, null, default);
        using var reader = new StreamReader(content!.Stream);
        return await reader.ReadToEndAsync();
    }
}
