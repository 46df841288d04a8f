using AIaaS.LocalHost.Durable;
using AIaaS.LocalHost.Functions;
using AIaaS.LocalHost.Triggers;
using AIaaS.Platform.Messaging;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.DependencyInjection;

namespace AIaaS.LocalHost.Hosting;

/// <summary>What the genuine host does besides HTTP and timers.</summary>
internal static class LocalHostServices
{
    /// <summary>Adds the durable engine and the listeners for files and messages, keeping their state in a home.</summary>
    public static IServiceCollection AddTriggers(this IServiceCollection services, HomeFolder home)
    {
        services.AddSingleton<IDurableFunctions, CatalogDurableFunctions>();
        services.AddDurableEngine(new DurableEngineOptions { Folder = home.DurableFolder });

        services.AddSingleton(new BlobTriggerOptions { ReceiptsFolder = home.ReceiptsFolder, WatchedFolder = home.StorageFolder });
        services.AddSingleton<IReadOnlyList<BlobTriggerFunction>>(provider =>
        [
            .. provider.GetRequiredService<FunctionCatalog>().Enabled(TriggerKind.Blob)
                .Select(function => new BlobTriggerFunction(function.Name, ((BlobTriggerAttribute)function.Trigger).BlobPath)),
        ]);
        services.AddHostedService<BlobTriggerListener>();

        services.AddSingleton(new MessagePumpOptions());
        services.AddSingleton<IReadOnlyList<QueueTriggerFunction>>(provider =>
        [
            .. provider.GetRequiredService<FunctionCatalog>().Enabled(TriggerKind.Queue)
                .Select(function => new QueueTriggerFunction(function.Name, ((ServiceBusTriggerAttribute)function.Trigger).QueueName!)),
        ]);
        services.AddHostedService<QueueTriggerListener>();
        return services;
    }
}
