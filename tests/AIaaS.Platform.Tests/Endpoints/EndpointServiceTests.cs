using AIaaS.Platform.Documents;
using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Tests.Models;
using Microsoft.Extensions.Logging.Abstractions;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Endpoints;

public sealed class EndpointServiceTests : IDisposable
{
    private readonly RegistryWorld _world = new();
    private readonly EndpointDirectory _directory;
    private readonly EndpointService _endpoints;

    public EndpointServiceTests()
    {
        _directory = new EndpointDirectory(_world.Runs.Catalog, _world.Runs.Time, NullLogger<EndpointDirectory>.Instance);
        _endpoints = new EndpointService(_world.Runs.Catalog, _world.Registry, _directory, _world.Runs.Time);
    }

    public void Dispose()
    {
        _directory.Dispose();
        _world.Dispose();
    }

    [Fact]
    public async Task Without_shares_all_goes_to_the_models_default_version()
    {
        await _world.RegisterAsync("m");
        await _world.RegisterAsync("m");

        var written = await PutAsync(new EndpointDefinition { Model = "m" });

        Assert.True(written.Created);
        Assert.Equal([new TrafficShare(2, 100)], written.Document.Value.Traffic);
    }

    [Fact]
    public async Task A_changed_endpoint_keeps_the_time_it_was_made()
    {
        await _world.RegisterAsync("m");
        var made = (await PutAsync(new EndpointDefinition { Model = "m" })).Document.Value;
        _world.Runs.Time.Advance(TimeSpan.FromHours(1));

        var changed = (await PutAsync(new EndpointDefinition { Model = "m", UnknownFeatures = UnknownFeatures.Ignore })).Document.Value;

        Assert.Equal((made.Created, made.Created.AddHours(1), UnknownFeatures.Ignore), (changed.Created, changed.Updated, changed.UnknownFeatures));
    }

    [Theory]
    [InlineData("ghost", null, "not-found")]
    [InlineData("Not a name", null, "invalid-name")]
    [InlineData(null, null, "invalid-name")]
    public async Task A_model_that_is_not_there_is_refused(string? model, int? version, string problem)
    {
        var traffic = version is { } number ? new[] { new TrafficShare(number, 100) } : null;

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => PutAsync(new EndpointDefinition { Model = model, Traffic = traffic }));

        Assert.Equal(problem, refusal.Problem.Type);
    }

    public static TheoryData<TrafficShare?[]> BadTraffic { get; } = new(
        [],
        [null],
        [new(1, 99)],
        [new(1, 50), new(1, 50)],
        [new(1, 150), new(2, -50)],
        [new(0, 100)],
        [new(3, 100)],
        [new(1, int.MaxValue), new(2, int.MaxValue)]);

    [Theory]
    [MemberData(nameof(BadTraffic))]
    public async Task Shares_that_do_not_add_up_or_name_no_version_are_refused(TrafficShare?[] traffic)
    {
        await _world.RegisterAsync("m");
        await _world.RegisterAsync("m");

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => PutAsync(new EndpointDefinition { Model = "m", Traffic = traffic! }));

        Assert.Equal((Problem.InvalidValue, "traffic"), (refusal.Problem, refusal.Field));
        Assert.Null(await _directory.FindAsync(Tenant, "e", default));
    }

    [Fact]
    public async Task A_condition_that_does_not_hold_changes_nothing()
    {
        await _world.RegisterAsync("m");
        await PutAsync(new EndpointDefinition { Model = "m" });

        var refusal = await Assert.ThrowsAsync<ProblemException>(
            () => _endpoints.PutAsync(Tenant, "e", new EndpointDefinition { Model = "m" }, new WriteConditions(IfAbsent: true), default));

        Assert.Equal(Problem.PreconditionFailed, refusal.Problem);
    }

    [Fact]
    public async Task A_change_is_seen_at_once_by_the_host_that_made_it()
    {
        await _world.RegisterAsync("m");
        await PutAsync(new EndpointDefinition { Model = "m" });
        await _directory.FindAsync(Tenant, "e", default);

        await PutAsync(new EndpointDefinition { Model = "m", UnknownFeatures = UnknownFeatures.Ignore });

        Assert.Equal(UnknownFeatures.Ignore, (await _directory.FindAsync(Tenant, "e", default))!.UnknownFeatures);
    }

    [Fact]
    public async Task A_deleted_endpoint_is_gone_at_once()
    {
        await _world.RegisterAsync("m");
        await PutAsync(new EndpointDefinition { Model = "m" });
        await _directory.FindAsync(Tenant, "e", default);

        await _endpoints.DeleteAsync(Tenant, "e", ifMatch: null, default);

        Assert.Null(await _directory.FindAsync(Tenant, "e", default));
        await Assert.ThrowsAsync<ProblemException>(() => _endpoints.DeleteAsync(Tenant, "e", ifMatch: null, default));
    }

    [Fact]
    public async Task Deploying_puts_one_version_behind_the_endpoint_and_keeps_its_settings()
    {
        await _world.RegisterAsync("m");
        await _world.RegisterAsync("m");
        await PutAsync(new EndpointDefinition { Model = "m", Traffic = [new(1, 60), new(2, 40)], UnknownFeatures = UnknownFeatures.Ignore });

        await _endpoints.DeployAsync(Tenant, "e", "m", 2, default);

        var endpoint = (await _endpoints.GetAsync(Tenant, "e", default)).Value;
        Assert.Equal([new TrafficShare(2, 100)], endpoint.Traffic);
        Assert.Equal(UnknownFeatures.Ignore, endpoint.UnknownFeatures);
    }

    [Fact]
    public async Task Deploying_again_writes_nothing()
    {
        await _endpoints.DeployAsync(Tenant, "e", "m", 1, default);
        var etag = (await _endpoints.GetAsync(Tenant, "e", default)).ETag;

        await _endpoints.DeployAsync(Tenant, "e", "m", 1, default);

        Assert.Equal(etag, (await _endpoints.GetAsync(Tenant, "e", default)).ETag);
    }

    private Task<Written<Endpoint>> PutAsync(EndpointDefinition definition) => _endpoints.PutAsync(Tenant, "e", definition, default, default);
}
