using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace AIaaS.LocalHost.Durable;

/// <summary>Starts the engine with the host and stops it with it.</summary>
internal sealed class DurableEngineService(DurableEngine engine) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        engine.Start();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => engine.StopAsync(cancellationToken);
}

internal static class DurableEngineServices
{
    /// <summary>
    /// Adds the engine, its <see cref="DurableTaskClient"/> and the service that runs it. The caller adds an
    /// <see cref="IDurableFunctions"/>.
    /// </summary>
    public static IServiceCollection AddDurableEngine(this IServiceCollection services, DurableEngineOptions options)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(options);
        services.AddSingleton<DurableEngine>();
        services.AddSingleton<DurableTaskClient, LocalDurableTaskClient>();
        services.AddHostedService<DurableEngineService>();
        return services;
    }
}
