using System.Diagnostics.Metrics;
using AIaaS.Platform.Predictions;
using AIaaS.Platform.Problems;
using AIaaS.Serving.Models;
using AIaaS.Serving.Telemetry;
using AIaaS.Serving.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace AIaaS.Platform.Tests.Predictions;

public sealed class PredictionAdmissionTests : IAsyncDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly ServingMetrics _metrics;
    private readonly FileModelSource _source = new();
    private readonly ModelServer _server;
    private readonly SteppedTime _time = new();
    private long _memory;
    private readonly SemaphoreSlim _go = new(0);
    private Action _collect = () => { };

    public PredictionAdmissionTests()
    {
        _metrics = new ServingMetrics(_services.GetRequiredService<IMeterFactory>());
        _server = new ModelServer(_source, new ModelServerOptions(), _time);
    }

    public async ValueTask DisposeAsync()
    {
        _go.Release();
        await _server.DisposeAsync();
        _metrics.Dispose();
        await _services.DisposeAsync();
    }

    [Fact]
    public void A_tenant_alone_leaves_an_eighth_free()
    {
        var admission = Admission(16);
        for (var i = 0; i < 14; i++) admission.Enter("a");

        var refusal = Assert.Throws<ProblemException>(() => admission.Enter("a"));

        Assert.Equal(Problem.TooManyRequests, refusal.Problem);
        Assert.NotNull(refusal.RetryAfter);
        admission.Enter("b").Dispose();
    }

    [Fact]
    public void Tenants_share_what_there_is()
    {
        var admission = Admission(16);
        admission.Enter("b");
        for (var i = 0; i < 8; i++) admission.Enter("a");

        Assert.Equal(Problem.TooManyRequests, Assert.Throws<ProblemException>(() => admission.Enter("a")).Problem);
        for (var i = 0; i < 7; i++) admission.Enter("b");
        Assert.Equal(Problem.Unavailable, Assert.Throws<ProblemException>(() => admission.Enter("c")).Problem);
    }

    [Fact]
    public void Room_that_is_given_back_is_given_again()
    {
        var admission = Admission(1);
        for (var i = 0; i < 100; i++) admission.Enter("a").Dispose();

        admission.Enter("a");

        Assert.Throws<ProblemException>(() => admission.Enter("a"));
    }

    [Fact]
    public void Room_is_judged_for_a_request_to_come_without_being_taken()
    {
        var admission = Admission(1);
        for (var i = 0; i < 100; i++) admission.RequireRoom("a");

        admission.Enter("a");

        Assert.Equal(Problem.Unavailable, Assert.Throws<ProblemException>(() => admission.RequireRoom("a")).Problem);
    }

    [Fact]
    public async Task Requests_are_refused_and_models_dropped_while_memory_is_short()
    {
        (await _server.AcquireAsync(_source.Add(TestModels.Regression), default)).Dispose();
        var admission = Admission(16);
        _memory = 2000;

        var refusal = await RefusedUntilCollectedAsync(admission);

        Assert.Equal(Problem.Unavailable, refusal.Problem);
        Assert.Equal(0, _server.GetStatistics().Models);
        _memory = 500;
        _time.Advance(TimeSpan.FromSeconds(2));
        admission.Enter("a");
    }

    [Fact]
    public async Task Memory_that_is_short_is_collected_and_requests_admitted_as_soon_as_it_fell()
    {
        _collect = () => _memory = 500;
        var admission = Admission(16);
        _memory = 2000;

        await RefusedUntilCollectedAsync(admission);

        admission.Enter("a");
    }

    [Fact]
    public async Task Memory_is_collected_once_in_a_while_and_one_collection_at_a_time()
    {
        var collections = 0;
        _collect = () => Interlocked.Increment(ref collections);
        var admission = Admission(16);
        admission.Enter("b");
        _time.Advance(TimeSpan.FromSeconds(2));
        _memory = 2000;

        Refused(times: 10);
        var first = admission.Collection;
        _go.Release();
        await first;
        Refused(times: 2);
        await admission.Collection;
        var withinSeconds = collections;
        _go.Release();
        Refused(times: 2);
        await admission.Collection;

        Assert.Equal((1, 2), (withinSeconds, collections));

        void Refused(int times)
        {
            for (var i = 0; i < times; i++)
            {
                Assert.Throws<ProblemException>(() => admission.Enter("a"));
                _time.Advance(TimeSpan.FromSeconds(2));
            }
        }
    }

    [Fact]
    public async Task Where_no_collection_frees_memory_one_request_at_a_time_is_let_in()
    {
        var admission = Admission(16);
        _memory = 2000;
        await RefusedUntilCollectedAsync(admission);

        using (admission.Enter("a"))
        {
            Assert.Throws<ProblemException>(() => admission.Enter("b"));
            Assert.Throws<ProblemException>(() => admission.RequireRoom("b"));
        }

        admission.Enter("b");
    }

    /// <remarks>Collections wait until they are told to go: one that was over at once would be judged by the request that began it.</remarks>
    private async Task<ProblemException> RefusedUntilCollectedAsync(PredictionAdmission admission)
    {
        var refusal = Assert.Throws<ProblemException>(() => admission.Enter("a"));
        _go.Release();
        await admission.Collection;
        return refusal;
    }

    private PredictionAdmission Admission(int most) => new(
        new PlatformOptions { Home = "unused", MaxConcurrentPredictions = most, MemoryLimitBytes = 1000 },
        _server, _metrics, _time, NullLogger<PredictionAdmission>.Instance, () => _memory, Collect);

    private void Collect()
    {
        _collect();
        _go.Wait();
    }
}
