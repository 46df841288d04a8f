using AIaaS.Platform.Models;
using AIaaS.Platform.Problems;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Models;

public sealed class ModelRegistryTests : IDisposable
{
    private readonly RegistryWorld _world = new();

    public void Dispose() => _world.Dispose();

    [Fact]
    public async Task Versions_count_from_one_and_are_never_given_out_twice()
    {
        var versions = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => Task.Run(() => _world.Registry.AllocateAsync(Tenant, "m", default))));

        Assert.Equal(Enumerable.Range(1, 12), versions.Order());
    }

    [Fact]
    public async Task A_number_that_was_taken_is_no_version_yet()
    {
        await _world.Registry.AllocateAsync(Tenant, "m", default);

        await NotFoundAsync(() => _world.Registry.GetVersionAsync(Tenant, "m", 1, default));
        await NotFoundAsync(() => _world.Registry.DefaultVersionAsync(Tenant, "m", default));
        Assert.Empty((await _world.Registry.ListVersionsAsync(Tenant, "m", 10, null, default)).Items);
    }

    [Fact]
    public async Task A_registered_version_has_the_files_of_its_job()
    {
        var artifact = await _world.LeaveAsync("model.onnx", [1, 2, 3]);
        await _world.RegisterAsync(_world.Describe("m", 1, artifact), artifact);

        await using var content = await _world.Registry.OpenFileAsync(Tenant, "m", 1, "model.onnx", default);

        Assert.Equal(3, content.Properties.Length);
        Assert.Equal(artifact.Sha256, (await _world.Registry.GetVersionAsync(Tenant, "m", 1, default)).Value.Sha256);
    }

    [Fact]
    public async Task A_version_does_not_change_when_its_job_s_files_do()
    {
        var artifact = await _world.LeaveAsync("model.onnx", [1, 2, 3]);
        await _world.RegisterAsync(_world.Describe("m", 1, artifact), artifact);

        await _world.LeaveAsync("model.onnx", [9]);

        await using var content = await _world.Registry.OpenFileAsync(Tenant, "m", 1, "model.onnx", default);
        Assert.Equal(3, content.Properties.Length);
    }

    [Theory]
    [InlineData(new byte[] { 1, 2, 4 })]
    [InlineData(new byte[] { 1, 2 })]
    public async Task A_file_that_is_not_what_its_digest_says_makes_no_version(byte[] other)
    {
        var artifact = await _world.LeaveAsync("model.onnx", [1, 2, 3]);
        await _world.LeaveAsync("model.onnx", other);

        await Assert.ThrowsAsync<InvalidDataException>(() => _world.RegisterAsync(_world.Describe("m", 1, artifact), artifact));

        await NotFoundAsync(() => _world.Registry.GetVersionAsync(Tenant, "m", 1, default));
    }

    [Fact]
    public async Task A_missing_file_makes_no_version()
    {
        var artifact = await _world.LeaveAsync("model.onnx", [1, 2, 3]);

        await Assert.ThrowsAsync<InvalidDataException>(() => _world.RegisterAsync(_world.Describe("m", 1, artifact), artifact, artifact with { Path = "card.json" }));

        await NotFoundAsync(() => _world.Registry.GetVersionAsync(Tenant, "m", 1, default));
    }

    [Fact]
    public async Task Files_of_a_version_without_its_document_are_not_there()
    {
        await _world.Runs.Store.WriteAsync(ModelVersion.FileOf(Tenant, "m", 1, "model.onnx"), new MemoryStream([1]), null, default);

        await NotFoundAsync(() => _world.Registry.OpenFileAsync(Tenant, "m", 1, "model.onnx", default));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Registering_may_die_at_any_step_and_be_repeated(bool done)
    {
        var artifacts = new[] { await _world.LeaveAsync("model.onnx", [1, 2, 3]), await _world.LeaveAsync("card.json", [4]) };
        for (var step = 1; ; step++)
        {
            var version = _world.Describe($"m-{step}", 1, artifacts[0]);
            _world.Runs.Crash.Arm(step, done);
            var dead = await _world.Runs.DiesAsync(() => _world.RegisterAsync(version, artifacts));
            _world.Runs.Crash.Restart();

            await _world.RegisterAsync(version, artifacts);

            Assert.Equal(version.Sha256, (await _world.Registry.GetVersionAsync(Tenant, version.Model, 1, default)).Value.Sha256);
            if (!dead)
            {
                Assert.Equal(4, step);
                return;
            }
        }
    }

    [Fact]
    public async Task The_highest_version_serves_by_default()
    {
        for (var i = 0; i < 11; i++) await _world.RegisterAsync("m");

        Assert.Equal(11, await _world.Registry.DefaultVersionAsync(Tenant, "m", default));
    }

    [Fact]
    public async Task The_champion_serves_by_default_where_there_is_one()
    {
        await _world.RegisterAsync("m");
        await _world.RegisterAsync("m");
        await _world.Registry.SetAliasAsync(Tenant, "m", RegisteredModel.Champion, 1, default);

        Assert.Equal(1, await _world.Registry.DefaultVersionAsync(Tenant, "m", default));
    }

    [Fact]
    public async Task Versions_of_a_model_are_not_those_of_one_whose_name_it_begins()
    {
        await _world.RegisterAsync("m");
        await _world.RegisterAsync("m-2");
        await _world.RegisterAsync("m-2");

        Assert.Single((await _world.Registry.ListVersionsAsync(Tenant, "m", 10, null, default)).Items);
        Assert.Equal(1, await _world.Registry.DefaultVersionAsync(Tenant, "m", default));
    }

    [Fact]
    public async Task An_alias_moves_and_leaves_the_others()
    {
        await _world.RegisterAsync("m");
        await _world.Registry.SetAliasAsync(Tenant, "m", "champion", 1, default);
        await _world.Registry.SetAliasAsync(Tenant, "m", "challenger", 1, default);

        await _world.Registry.SetAliasAsync(Tenant, "m", "champion", 2, default);

        var aliases = (await _world.Registry.GetAsync(Tenant, "m", default)).Value.Aliases;
        Assert.Equal((2, 1), (aliases["champion"], aliases["challenger"]));
    }

    [Fact]
    public async Task An_alias_that_points_there_already_writes_nothing()
    {
        await _world.RegisterAsync("m");
        await _world.Registry.SetAliasAsync(Tenant, "m", "champion", 1, default);
        var etag = (await _world.Registry.GetAsync(Tenant, "m", default)).ETag;

        await _world.Registry.SetAliasAsync(Tenant, "m", "champion", 1, default);

        Assert.Equal(etag, (await _world.Registry.GetAsync(Tenant, "m", default)).ETag);
    }

    private static async Task NotFoundAsync(Func<Task> call)
        => Assert.Equal(Problem.NotFound, (await Assert.ThrowsAsync<ProblemException>(call)).Problem);
}
