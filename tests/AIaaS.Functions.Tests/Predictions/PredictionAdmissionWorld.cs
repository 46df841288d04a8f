using System.Diagnostics.Metrics;
using AIaaS.Platform;
using AIaaS.Platform.Predictions;
using AIaaS.Serving.Models;
using AIaaS.Serving.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace AIaaS.Functions.Tests.Predictions;

/// <summary>Room for one prediction at a time, and no models.</summary>
internal sealed class PredictionAdmissionWorld : IAsyncDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly ServingMetrics _metrics;
    private readonly ModelServer _server;

    public PredictionAdmissionWorld(TimeProvider time)
    {
        _metrics = new ServingMetrics(_services.GetRequiredService<IMeterFactory>());
        _server = new ModelServer(null!, new ModelServerOptions(), time);
        Admission = new PredictionAdmission(
            new PlatformOptions { Home = "unused", MaxConcurrentPredictions = 1 }, _server, _metrics, time, NullLogger<PredictionAdmission>.Instance);
    }

    public PredictionAdmission Admission { get; }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _metrics.Dispose();
        await _services.DisposeAsync();
    }
}
