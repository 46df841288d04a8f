using AIaaS.Functions.Hosts.Azure.Messaging;
using AIaaS.Functions.Hosts.Azure.Storage;
using AIaaS.Platform;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Storage;
using Azure.Core;
using Azure.Messaging.ServiceBus;
using Azure.Monitor.OpenTelemetry.Exporter;
using Azure.Storage.Blobs;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Azure.Functions.Worker.Core.FunctionMetadata;
using Microsoft.Azure.Functions.Worker.OpenTelemetry;
using Microsoft.Extensions.DependencyInjection;

namespace AIaaS.Functions.Hosts.Azure;

/// <summary>What the function app uses of Azure. Nothing here calls a service: clients are made when they are first needed.</summary>
internal static partial class AzureServices
{
    /// <summary>Adds the ports that live in Azure, as far as the settings choose them, and telemetry.</summary>
    /// <returns>The platform's settings.</returns>
    /// <exception cref="InvalidOperationException">A setting is not acceptable.</exception>
    public static PlatformOptions AddAzure(this FunctionsApplicationBuilder builder)
    {
        var home = builder.Configuration["AIAAS_HOME"] ?? Path.Combine(Path.GetTempPath(), "aiaas");
        var platform = PlatformOptions.FromConfiguration(builder.Configuration, home);
        var credential = AzureConnections.CreateCredential(builder.Configuration);
        builder.Services.AddSingleton(credential);
        builder.AddTelemetry(credential);
        builder.AddStorage(platform);
        builder.AddMessaging(platform);
        AddMachineLearning(builder, platform);
        return platform;
    }

    private static void AddTelemetry(this FunctionsApplicationBuilder builder, TokenCredential credential)
    {
        // Without this setting the host keeps the worker's logs, and shows them on its console.
        if (builder.Configuration["APPLICATIONINSIGHTS_CONNECTION_STRING"] is { Length: > 0 } connection)
        {
            builder.Services.AddOpenTelemetry()
                .UseFunctionsWorkerDefaults()
                .UseAzureMonitorExporter(options => (options.ConnectionString, options.Credential) = (connection, credential));
        }
    }

    private static void AddStorage(this FunctionsApplicationBuilder builder, PlatformOptions platform)
    {
        var configuration = builder.Configuration;
        builder.Services.AddSingleton(provider => AzureConnections.CreateBlobServiceClient(configuration, provider.GetRequiredService<TokenCredential>()));
        if (platform.ObjectStore == "blob")
        {
            builder.Services.AddSingleton<IObjectStore>(provider =>
                new BlobObjectStore(provider.GetRequiredService<BlobServiceClient>(), provider.GetRequiredService<TimeProvider>()));
        }
    }

    private static void AddMessaging(this FunctionsApplicationBuilder builder, PlatformOptions platform)
    {
        var configuration = builder.Configuration;
        builder.Services.AddSingleton<IFunctionMetadataTransformer>(new FunctionsOfQueues(platform.MessageQueue));
        builder.Services.AddSingleton<DurableClientSource>();
        if (platform.MessageQueue == "service-bus")
        {
            builder.Services.AddSingleton(provider => AzureConnections.CreateServiceBusClient(configuration, provider.GetRequiredService<TokenCredential>()));
            builder.Services.AddSingleton<IMessageQueue>(provider => new ServiceBusMessageQueue(
                provider.GetRequiredService<ServiceBusClient>(), provider.GetRequiredService<MessageBodies>(), provider.GetRequiredService<TimeProvider>()));
        }
        else
        {
            builder.Services.AddHostedService<FileQueuePump>();
        }
    }

    /// <summary>Adds the training cluster on Azure Machine Learning, where this build has it.</summary>
    static partial void AddMachineLearning(FunctionsApplicationBuilder builder, PlatformOptions platform);
}
