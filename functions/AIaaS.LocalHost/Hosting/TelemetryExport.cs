using AIaaS.Serving.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace AIaaS.LocalHost.Hosting;

/// <summary>
/// Sends traces and metrics where <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> says, and nowhere without it; OpenTelemetry's other
/// environment variables count too.
/// </summary>
internal sealed class TelemetryExport : IHostedService, IDisposable
{
    public const string EndpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    private const string Service = "aiaas-functions";

    private TracerProvider? _traces;
    private MeterProvider? _metrics;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        var resource = ResourceBuilder.CreateDefault().AddService(Service).AddEnvironmentVariableDetector();
        _traces = Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(resource)
            .AddSource("Microsoft.AspNetCore", ServingMetrics.Name)
            .AddOtlpExporter()
            .Build();
        _metrics = Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(resource)
            .AddMeter("Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime", ServingMetrics.Name)
            .AddOtlpExporter()
            .Build();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.Run(
        () =>
        {
            _traces?.Shutdown();
            _metrics?.Shutdown();
        },
        cancellationToken);

    public void Dispose()
    {
        _traces?.Dispose();
        _metrics?.Dispose();
    }
}

internal static class TelemetryExportExtensions
{
    public static void AddTelemetryExport(this LocalHostBuilder builder)
    {
        if (!string.IsNullOrEmpty(builder.Configuration[TelemetryExport.EndpointVariable]))
            builder.Services.AddHostedService<TelemetryExport>();
    }
}
