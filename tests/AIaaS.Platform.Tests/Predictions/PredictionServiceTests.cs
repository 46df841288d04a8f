using System.Buffers;
using System.Diagnostics.Metrics;
using System.Text;
using System.Text.Json;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Models;
using AIaaS.Platform.Predictions;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Tests.Models;
using AIaaS.Serving.Inference;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;
using AIaaS.Serving.Telemetry;
using AIaaS.Serving.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Predictions;

public sealed class PredictionServiceTests : IAsyncLifetime
{
    private readonly RegistryWorld _world = new();
    private readonly EndpointDirectory _directory;
    private readonly EndpointService _endpoints;
    private readonly ModelServer _server;
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly ServingMetrics _metrics;
    private readonly InferenceStatistics _statistics;
    private readonly PredictionService _predictions;

    public PredictionServiceTests()
    {
        _directory = new EndpointDirectory(_world.Runs.Catalog, _world.Runs.Time, NullLogger<EndpointDirectory>.Instance);
        _endpoints = new EndpointService(_world.Runs.Catalog, _world.Registry, _directory, _world.Runs.Time);
        _statistics = new InferenceStatistics(_world.Runs.Time);
        _server = new ModelServer(new RegistryModelSource(_world.Registry), new ModelServerOptions(), TimeProvider.System, statistics: _statistics);
        _metrics = new ServingMetrics(_services.GetRequiredService<IMeterFactory>());
        _predictions = Service(new PlatformOptions { Home = "unused" });
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        _directory.Dispose();
        _metrics.Dispose();
        await _services.DisposeAsync();
        _world.Dispose();
    }

    [Fact]
    public async Task An_endpoint_answers_with_its_models_version()
    {
        await _world.RegisterAsync("m", TestModels.Regression);
        await PutAsync("e");

        using var answer = await PredictAsync("e", """{"rows":[{"length":1,"mass":2}]}""");

        Assert.Equal("r-1", answer.RootElement.GetProperty("requestId").GetString());
        Assert.Equal(("m", 1), (Model(answer, "name").GetString(), Model(answer, "version").GetInt32()));
        Assert.Equal(1, answer.RootElement.GetProperty("predictions").GetArrayLength());
    }

    [Theory]
    [InlineData(1, 99)]
    [InlineData(10, 90)]
    [InlineData(50, 50)]
    [InlineData(100, 0)]
    [InlineData(0, 100)]
    public async Task A_hundred_requests_are_shared_out_exactly(int first, int second)
    {
        await TwoVersionsAsync();
        await PutAsync("e", new(1, first), new(2, second));

        // Whichever hundred it is.
        for (var i = 0; i < 37; i++) await VersionAsync("e");
        var versions = await VersionsAsync("e", 100);

        Assert.Equal((first, second), (versions.Count(version => version == 1), versions.Count(version => version == 2)));
    }

    [Fact]
    public async Task Shares_are_spread_over_the_requests()
    {
        await TwoVersionsAsync();
        await PutAsync("e", new(1, 10), new(2, 90));

        var versions = await VersionsAsync("e", 100);

        Assert.InRange(versions.Take(50).Count(version => version == 1), 4, 6);
    }

    [Fact]
    public async Task Endpoints_that_are_called_in_turn_have_their_shares_each()
    {
        await TwoVersionsAsync();
        await PutAsync("e", new(1, 1), new(2, 99));
        await PutAsync("f", new(1, 1), new(2, 99));
        var (e, f) = (new List<int>(), new List<int>());

        for (var i = 0; i < 100; i++)
        {
            e.Add(await VersionAsync("e"));
            f.Add(await VersionAsync("f"));
        }

        Assert.Equal((1, 1), (e.Count(version => version == 1), f.Count(version => version == 1)));
    }

    [Fact]
    public async Task An_endpoint_that_is_not_there_is_not_found()
    {
        Assert.Equal(Problem.NotFound, (await RefusalAsync("ghost", "{}")).Problem);
    }

    [Theory]
    [InlineData("{\"rows\":", "malformed-body", null)]
    [InlineData("{}", "malformed-body", null)]
    [InlineData("{\"rows\":[{\"weight\":1}]}", "invalid-value", "weight")]
    [InlineData("{\"rows\":[{\"mass\":\"heavy\"}]}", "invalid-value", "mass")]
    public async Task A_request_that_is_not_acceptable_is_told_as_the_callers_mistake(string body, string problem, string? field)
    {
        await _world.RegisterAsync("m", TestModels.Regression);
        await PutAsync("e");

        var refusal = await RefusalAsync("e", body);

        Assert.Equal((problem, field), (refusal.Problem.Type, refusal.Field));
    }

    [Fact]
    public async Task An_endpoint_may_ignore_features_its_model_does_not_know()
    {
        await _world.RegisterAsync("m", TestModels.Regression);
        await _endpoints.PutAsync(Tenant, "e", new EndpointDefinition { Model = "m", UnknownFeatures = UnknownFeatures.Ignore }, default, default);

        using var answer = await PredictAsync("e", """{"rows":[{"length":1,"mass":2,"weight":3}]}""");

        Assert.Equal(1, answer.RootElement.GetProperty("predictions").GetArrayLength());
    }

    [Fact]
    public async Task A_model_that_fails_is_our_fault_and_its_words_are_kept()
    {
        await _world.RegisterAsync("m", TestModels.Failing);
        await PutAsync("e");

        var refusal = await RefusalAsync("e", """{"rows":[{"index":1000000}]}""");

        Assert.Equal(Problem.Internal, refusal.Problem);
        Assert.DoesNotContain("indices", refusal.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("'m' version 1", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_whose_file_is_damaged_is_not_available()
    {
        var version = await _world.RegisterAsync("m", TestModels.Regression);
        await PutAsync("e");
        await _world.Runs.Store.WriteAsync(ModelVersion.FileOf(Tenant, "m", version, ModelVersion.ContentFile), new MemoryStream([1, 2, 3]), null, default);

        var refusal = await RefusalAsync("e", """{"rows":[]}""");

        Assert.Equal(Problem.Unavailable, refusal.Problem);
        Assert.NotNull(refusal.RetryAfter);
        Assert.DoesNotContain(Tenant + "/", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_that_keeps_failing_rests_and_its_neighbour_goes_on()
    {
        await _world.RegisterAsync("m", TestModels.Failing);
        await _world.RegisterAsync("good", TestModels.Regression);
        await PutAsync("e");
        await _endpoints.PutAsync(Tenant, "f", new EndpointDefinition { Model = "good" }, default, default);
        for (var i = 0; i < 5; i++) await RefusalAsync("e", """{"rows":[{"index":1000000}]}""");

        var refusal = await RefusalAsync("e", """{"rows":[{"index":0}]}""");

        Assert.Equal(Problem.Unavailable, refusal.Problem);
        Assert.NotNull(refusal.RetryAfter);
        using var answer = await PredictAsync("f", """{"rows":[{"length":1,"mass":2}]}""");
        Assert.Equal(1, answer.RootElement.GetProperty("predictions").GetArrayLength());
    }

    [Fact]
    public async Task No_request_fails_while_versions_are_swapped()
    {
        var swaps = Environment.GetEnvironmentVariable("AIAAS_LONG") == "1" ? 500 : 20;
        await TwoVersionsAsync();
        await PutAsync("e", new TrafficShare(1, 100));
        using var done = new CancellationTokenSource();
        var callers = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            var versions = new HashSet<int>();
            do
            {
                using var answer = await PredictAsync("e", """{"rows":[{"length":1,"mass":2},{"length":2,"mass":2}]}""");
                Assert.Equal(2, answer.RootElement.GetProperty("predictions").GetArrayLength());
                versions.Add(Model(answer, "version").GetInt32());
            }
            while (!done.IsCancellationRequested);
            return versions;
        })).ToArray();

        for (var swap = 0; swap < swaps; swap++)
        {
            await PutAsync("e", new TrafficShare(1 + (swap % 2), 100));
            _server.Shrink();
            await Task.Delay(5);
        }

        await done.CancelAsync();
        var seen = await Task.WhenAll(callers).WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Equal([1, 2], seen.SelectMany(versions => versions).Distinct().Order());
    }

    [Fact]
    public async Task An_endpoint_that_repeats_answers_gives_each_request_its_own_id()
    {
        await _world.RegisterAsync("m", TestModels.Regression);
        await _endpoints.PutAsync(Tenant, "e", new EndpointDefinition { Model = "m", ResponseCacheSeconds = 60 }, default, default);
        const string Body = """{"rows":[{"length":1,"mass":2}]}""";

        var (first, firstSummary) = await PredictAsync("e", Body, "r-1");
        var (second, secondSummary) = await PredictAsync("e", Body, "r \"2\"");
        _world.Runs.Time.Advance(TimeSpan.FromSeconds(61));
        var (_, thirdSummary) = await PredictAsync("e", Body, "r-3");

        Assert.Equal((false, true, false), (firstSummary.Repeated, secondSummary.Repeated, thirdSummary.Repeated));
        Assert.Equal(1, secondSummary.Rows);
        Assert.Equal(("r-1", "r \"2\""), (first.GetProperty("requestId").GetString(), second.GetProperty("requestId").GetString()));
        Assert.Equal(first.GetProperty("predictions").GetRawText(), second.GetProperty("predictions").GetRawText());
        Assert.Equal(first.GetProperty("model").GetRawText(), second.GetProperty("model").GetRawText());
    }

    [Fact]
    public async Task An_endpoint_repeats_no_answer_that_is_older_than_its_own_setting_allows()
    {
        await _world.RegisterAsync("m", TestModels.Regression);
        await _endpoints.PutAsync(Tenant, "long", new EndpointDefinition { Model = "m", ResponseCacheSeconds = 600 }, default, default);
        await _endpoints.PutAsync(Tenant, "short", new EndpointDefinition { Model = "m", ResponseCacheSeconds = 5 }, default, default);

        await RepeatedAsync("long");
        var young = await RepeatedAsync("short");
        _world.Runs.Time.Advance(TimeSpan.FromSeconds(6));
        var old = (Long: await RepeatedAsync("long"), Short: await RepeatedAsync("short"));

        Assert.True(young);
        Assert.Equal((true, false), old);
        Assert.True(await RepeatedAsync("short"));

        async Task<bool> RepeatedAsync(string endpoint) => (await PredictAsync(endpoint, """{"rows":[{"length":1}]}""", "r")).Summary.Repeated;
    }

    [Fact]
    public void Answers_are_kept_for_their_tenant_alone()
    {
        var cache = new ResponseCache(new PlatformOptions { Home = "unused" }, _world.Runs.Time);
        var (context, body) = (new PredictionContext("r-1", "m", 1), new ReadOnlySequence<byte>("{}"u8.ToArray()));
        cache.Add(ResponseCache.KeyOf("a", context, body), "{\"requestId\":\"r-1\",\"predictions\":[]}"u8, rows: 0);

        Assert.NotNull(cache.TryWrite(ResponseCache.KeyOf("a", context, body), new ArrayBufferWriter<byte>(), "r-2", TimeSpan.FromSeconds(60)));
        Assert.Null(cache.TryWrite(ResponseCache.KeyOf("b", context, body), new ArrayBufferWriter<byte>(), "r-3", TimeSpan.FromSeconds(60)));
    }

    [Fact]
    public async Task Other_content_and_other_versions_are_predicted()
    {
        await TwoVersionsAsync();
        await _endpoints.PutAsync(Tenant, "e", new EndpointDefinition { Model = "m", ResponseCacheSeconds = 60, Traffic = [new(1, 50), new(2, 50)] }, default, default);

        var repeated = new List<bool>();
        for (var i = 0; i < 4; i++) repeated.Add((await PredictAsync("e", """{"rows":[{"length":1}]}""", "r")).Summary.Repeated);
        repeated.Add((await PredictAsync("e", """{"rows":[{"length":2}]}""", "r")).Summary.Repeated);

        Assert.Equal(2, repeated.Take(4).Count(each => each));
        Assert.False(repeated[4]);
    }

    [Fact]
    public async Task An_endpoint_repeats_nothing_unless_it_is_set_to()
    {
        await _world.RegisterAsync("m", TestModels.Regression);
        await PutAsync("e");
        await PredictAsync("e", """{"rows":[{}]}""", "r");

        Assert.False((await PredictAsync("e", """{"rows":[{}]}""", "r")).Summary.Repeated);
    }

    [Fact]
    public async Task A_deadline_that_has_passed_ends_the_request()
    {
        await _world.RegisterAsync("m", TestModels.Regression);
        await PutAsync("e");

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await _predictions.PredictAsync(
            Tenant, "e", new ReadOnlySequence<byte>("{\"rows\":[{}]}"u8.ToArray()), new ArrayBufferWriter<byte>(), "r", TimeSpan.Zero, new CancellationToken(true)));
    }

    [Fact]
    public async Task Statistics_tell_answers_failures_and_what_was_repeated()
    {
        await _world.RegisterAsync("m", TestModels.Regression);
        await _endpoints.PutAsync(Tenant, "e", new EndpointDefinition { Model = "m", ResponseCacheSeconds = 60 }, default, default);
        for (var i = 0; i < 3; i++) await PredictAsync("e", """{"rows":[{"length":1},{"length":2}]}""", "r");
        await Assert.ThrowsAsync<ProblemException>(() => PredictAsync("e", """{"rows":[{"length":"long"}]}""", "r"));

        using var lease = await new ModelHost(_world.Registry, _server).AcquireAsync(Tenant, "m", 1, default);
        var read = _statistics.Get(lease.Reference);

        Assert.Equal((2, 1, 3, 1), (read.Inferences, read.Executions, read.Success.Count, read.Failure.Count));
        Assert.Equal((2, 1), (read.CacheHit.Count, read.CacheMiss.Count));
    }

    private async Task<(JsonElement Answer, PredictionSummary Summary)> PredictAsync(string endpoint, string body, string requestId)
    {
        var response = new ArrayBufferWriter<byte>();
        var summary = await _predictions.PredictAsync(Tenant, endpoint, new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(body)), response, requestId, null, default);
        return (JsonDocument.Parse(response.WrittenMemory).RootElement, summary);
    }

    private PredictionService Service(PlatformOptions options) => new(
        _directory,
        new ModelRouter(_directory, _world.Registry, _world.Runs.Time),
        new ModelHost(_world.Registry, _server),
        new Predictor(TimeProvider.System),
        new PredictionAdmission(options, _server, _metrics, TimeProvider.System, NullLogger<PredictionAdmission>.Instance),
        new ResponseCache(options, _world.Runs.Time),
        _statistics,
        _metrics,
        TimeProvider.System,
        NullLogger<PredictionService>.Instance);

    private async Task TwoVersionsAsync()
    {
        await _world.RegisterAsync("m", TestModels.Regression);
        await _world.RegisterAsync("m", TestModels.Regression);
    }

    private Task<Written<Endpoint>> PutAsync(string name, params TrafficShare[] traffic)
        => _endpoints.PutAsync(Tenant, name, new EndpointDefinition { Model = "m", Traffic = traffic.Length == 0 ? null : traffic }, default, default);

    private async Task<List<int>> VersionsAsync(string endpoint, int count)
    {
        var versions = new List<int>(count);
        for (var i = 0; i < count; i++) versions.Add(await VersionAsync(endpoint));
        return versions;
    }

    private async Task<int> VersionAsync(string endpoint)
    {
        using var answer = await PredictAsync(endpoint, """{"rows":[]}""");
        return Model(answer, "version").GetInt32();
    }

    private async Task<JsonDocument> PredictAsync(string endpoint, string body)
    {
        var response = new ArrayBufferWriter<byte>();
        await _predictions.PredictAsync(Tenant, endpoint, new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(body)), response, "r-1", timeout: null, default);
        return JsonDocument.Parse(response.WrittenMemory);
    }

    private async Task<ProblemException> RefusalAsync(string endpoint, string body)
        => await Assert.ThrowsAsync<ProblemException>(async () => (await PredictAsync(endpoint, body)).Dispose());

    private static JsonElement Model(JsonDocument answer, string property) => answer.RootElement.GetProperty("model").GetProperty(property);
}
