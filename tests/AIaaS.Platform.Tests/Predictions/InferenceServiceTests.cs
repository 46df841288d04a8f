using System.Buffers;
using System.Diagnostics.Metrics;
using System.Text;
using System.Text.Json;
using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Models;
using AIaaS.Platform.Predictions;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Tests.Models;
using AIaaS.Serving.Inference;
using AIaaS.Serving.Models;
using AIaaS.Serving.Telemetry;
using AIaaS.Serving.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Predictions;

/// <summary>Which model version answers for a name, and what is told of models.</summary>
public sealed class InferenceServiceTests : IAsyncLifetime
{
    private const string Rows = """{"inputs":[{"name":"length","shape":[2,1],"datatype":"FP32","data":[1,2]},{"name":"mass","shape":[2,1],"datatype":"FP32","data":[3,4]}]}""";

    private readonly RegistryWorld _world = new();
    private readonly EndpointDirectory _directory;
    private readonly EndpointService _endpoints;
    private readonly ModelServer _server;
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly ServingMetrics _metrics;
    private readonly InferenceService _inference;

    public InferenceServiceTests()
    {
        var options = new PlatformOptions { Home = "unused" };
        _directory = new EndpointDirectory(_world.Runs.Catalog, _world.Runs.Time, NullLogger<EndpointDirectory>.Instance);
        _endpoints = new EndpointService(_world.Runs.Catalog, _world.Registry, _directory, _world.Runs.Time);
        var statistics = new InferenceStatistics(_world.Runs.Time);
        _server = new ModelServer(new RegistryModelSource(_world.Registry), new ModelServerOptions(), TimeProvider.System, statistics: statistics);
        _metrics = new ServingMetrics(_services.GetRequiredService<IMeterFactory>());
        _inference = new InferenceService(
            new ModelRouter(_directory, _world.Registry, _world.Runs.Time),
            _world.Registry,
            new ModelHost(_world.Registry, _server),
            new InferenceEngine(new InferenceOptions(), TimeProvider.System),
            statistics,
            new PredictionAdmission(options, _server, _metrics, TimeProvider.System, NullLogger<PredictionAdmission>.Instance),
            _metrics,
            TimeProvider.System,
            NullLogger<InferenceService>.Instance);
    }

    public async Task InitializeAsync()
    {
        await _world.RegisterAsync("m", TestModels.Regression);
        await _world.RegisterAsync("m", TestModels.Regression);
    }

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        _directory.Dispose();
        _metrics.Dispose();
        await _services.DisposeAsync();
        _world.Dispose();
    }

    [Fact]
    public async Task A_models_highest_version_answers_for_its_name()
        => Assert.Equal("2", await VersionAsync("m"));

    [Fact]
    public async Task A_models_champion_answers_before_its_highest_version()
    {
        await _world.Registry.SetAliasAsync(Tenant, "m", RegisteredModel.Champion, 1, default);

        Assert.Equal("1", await VersionAsync("m"));
    }

    [Fact]
    public async Task A_version_that_is_named_answers_by_model_and_by_endpoint()
    {
        await PutAsync("e", new TrafficShare(2, 100));

        Assert.Equal(("1", "1"), (await VersionAsync("m", "1"), await VersionAsync("e", "1")));
    }

    [Fact]
    public async Task An_endpoints_traffic_rules_hold()
    {
        await PutAsync("e", new TrafficShare(1, 30), new TrafficShare(2, 70));

        var versions = new List<string>();
        for (var i = 0; i < 100; i++)
        {
            versions.Add(await VersionAsync("e"));
        }

        Assert.Equal(30, versions.Count(version => version == "1"));
    }

    [Fact]
    public async Task An_endpoint_comes_before_a_model_of_its_name()
    {
        await PutAsync("m", new TrafficShare(1, 100));

        Assert.Equal("1", await VersionAsync("m"));
    }

    [Fact]
    public async Task A_new_version_answers_within_five_seconds()
    {
        await VersionAsync("m");
        await _world.RegisterAsync("m", TestModels.Regression);

        _world.Runs.Time.Advance(TimeSpan.FromSeconds(5.1));

        Assert.Equal("3", await VersionAsync("m"));
    }

    [Theory]
    [InlineData("nobody", null)]
    [InlineData("Not a name", null)]
    [InlineData("m", "3")]
    [InlineData("m", "0")]
    [InlineData("m", "-1")]
    [InlineData("m", "one")]
    public async Task What_does_not_exist_is_not_found(string name, string? version)
        => Assert.Equal(Problem.NotFound, (await Assert.ThrowsAsync<ProblemException>(() => VersionAsync(name, version))).Problem);

    [Fact]
    public async Task Another_tenants_model_is_not_found()
        => Assert.Equal(Problem.NotFound, (await Assert.ThrowsAsync<ProblemException>(
            async () => await _inference.InferAsync("stranger", "m", null, Body(Rows), null, null, default))).Problem);

    [Fact]
    public async Task A_request_that_has_to_be_changed_is_told_so()
    {
        var refusal = await Assert.ThrowsAsync<ProblemException>(async () => await _inference.InferAsync(Tenant, "m", null, Body("{}"), null, null, default));

        Assert.Equal(Problem.InvalidValue, refusal.Problem);
    }

    [Fact]
    public async Task A_model_that_fails_is_our_fault_and_reveals_nothing()
    {
        await _world.RegisterAsync("f", TestModels.Tensors("zeros"));

        var failure = await Assert.ThrowsAsync<ProblemException>(async () => await _inference.InferAsync(
            Tenant, "f", null, Body("""{"inputs":[{"name":"x","shape":[1],"datatype":"INT64","data":[1000000000000000]}]}"""), null, null, default));

        Assert.Equal(Problem.Internal, failure.Problem);
        Assert.DoesNotContain("allocate", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Statistics_tell_answers_failures_and_memory()
    {
        await VersionAsync("m", "1");
        await Assert.ThrowsAsync<ProblemException>(async () => await _inference.InferAsync(Tenant, "m", "1", Body("{}"), null, null, default));

        var activities = await _inference.ReadStatisticsAsync(Tenant, "m", null, default);

        Assert.Equal([1, 2], activities.Select(activity => activity.Version));
        var (asked, idle) = (activities[0], activities[1]);
        Assert.Equal((2, 1, 1, 1), (asked.Statistics.Inferences, asked.Statistics.Executions, asked.Statistics.Success.Count, asked.Statistics.Failure.Count));
        Assert.True(asked.LoadedBytes > 0);
        Assert.Equal((0, null), (idle.Statistics.Success.Count, idle.LoadedBytes));
    }

    [Fact]
    public async Task An_unloaded_model_is_not_ready_until_it_is_asked()
    {
        await _inference.LoadAsync(Tenant, "m", default);
        await _inference.UnloadAsync(Tenant, "m", default);

        Assert.Equal(0, _server.GetStatistics().Models);
        await Assert.ThrowsAsync<ProblemException>(() => _inference.RequireReadyAsync(Tenant, "m", null, default));

        await VersionAsync("m");
        await _inference.RequireReadyAsync(Tenant, "m", null, default);
        Assert.Equal([(1, false), (2, true)], (await _inference.ListAsync(Tenant, default)).Select(entry => (entry.Version, entry.IsLoaded)));
    }

    private async Task<string> VersionAsync(string name, string? version = null)
    {
        using var served = await _inference.InferAsync(Tenant, name, version, Body(Rows), null, null, default);
        var written = new ArrayBufferWriter<byte>();
        served.Answer.WriteTo(written);
        using var answer = JsonDocument.Parse(written.WrittenMemory);
        Assert.Equal(name, answer.RootElement.GetProperty("model_name").GetString());
        return answer.RootElement.GetProperty("model_version").GetString()!;
    }

    private Task PutAsync(string name, params TrafficShare[] traffic)
        => _endpoints.PutAsync(Tenant, name, new EndpointDefinition { Model = "m", Traffic = traffic }, default, default);

    private static ReadOnlySequence<byte> Body(string json) => new(Encoding.UTF8.GetBytes(json));
}
