using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Models;
using AIaaS.Platform.Predictions;
using AIaaS.Platform.Tests.Models;
using AIaaS.Serving.Models;
using AIaaS.Serving.Tests;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Moq;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Endpoints;

public sealed class EndpointWarmUpTests : IAsyncDisposable
{
    private readonly RegistryWorld _world = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly LoggedFailures _log = new();
    private readonly ModelServer _server;
    private readonly ModelHost _models;
    private readonly EndpointWarmUp _warmUp;

    public EndpointWarmUpTests()
    {
        _server = new ModelServer(new RegistryModelSource(_world.Registry), new ModelServerOptions(), TimeProvider.System);
        _models = new ModelHost(_world.Registry, _server);
        _warmUp = new EndpointWarmUp(_models, Mock.Of<IHostApplicationLifetime>(lifetime => lifetime.ApplicationStopping == _stopping.Token), _log);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _stopping.Dispose();
        _world.Dispose();
    }

    [Fact]
    public async Task Versions_that_get_traffic_are_loaded()
    {
        for (var i = 0; i < 3; i++) await _world.RegisterAsync("m", TestModels.Regression);

        await _warmUp.LoadAsync(Tenant, EndpointOf(new(1, 40), new(2, 0), new(3, 60)));

        Assert.Equal((true, false, true), (IsLoaded(1), IsLoaded(2), IsLoaded(3)));
    }

    [Fact]
    public async Task A_version_that_cannot_be_loaded_keeps_none_of_the_others()
    {
        var damaged = await _world.RegisterAsync("m", TestModels.Regression);
        await _world.RegisterAsync("m", TestModels.Regression);
        await _world.Runs.Store.WriteAsync(ModelVersion.FileOf(Tenant, "m", damaged, ModelVersion.ContentFile), new MemoryStream([1, 2, 3]), null, default);

        await _warmUp.LoadAsync(Tenant, EndpointOf(new(1, 50), new(2, 50)));

        Assert.Equal((false, true), (IsLoaded(1), IsLoaded(2)));
        Assert.Equal(1, _log.Count);
    }

    [Fact]
    public async Task A_host_that_stops_loads_nothing_more_and_calls_that_no_failure()
    {
        for (var i = 0; i < 3; i++) await _world.RegisterAsync("m", TestModels.Regression);
        _world.Runs.Crash.Meanwhile = async (path, _) =>
        {
            if (path != ModelVersion.FileOf(Tenant, "m", 2, ModelVersion.ContentFile)) return false;
            await _stopping.CancelAsync();
            return true;
        };

        await _warmUp.LoadAsync(Tenant, EndpointOf(new(1, 40), new(2, 30), new(3, 30)));

        Assert.Equal((true, false), (IsLoaded(1), IsLoaded(3)));
        Assert.Equal(0, _log.Count);
    }

    private bool IsLoaded(int version) => _models.Inspect(Tenant, "m", version).Bytes is not null;

    private static Endpoint EndpointOf(params TrafficShare[] traffic)
        => new() { Name = "e", Model = "m", Traffic = traffic, Created = default, Updated = default };

    private sealed class LoggedFailures : ILogger<EndpointWarmUp>
    {
        public int Count { get; private set; }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Count++;
    }
}
