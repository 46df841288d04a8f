using AIaaS.Platform.Datasets;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Models;
using AIaaS.Platform.Pipelines;
using AIaaS.Platform.Predictions;
using AIaaS.Platform.Predictions.Batches;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Security;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Training;
using AIaaS.Serving.Inference;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;
using AIaaS.Serving.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AIaaS.Platform;

/// <summary>Registers what the functions do.</summary>
public static class PlatformServices
{
    /// <summary>Adds the platform and those of its ports that live on this machine; a host adds the others before.</summary>
    /// <exception cref="InvalidOperationException">A port is set to what nobody added.</exception>
    public static IServiceCollection AddPlatform(this IServiceCollection services, PlatformOptions options)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(options);
        services.AddPort<IObjectStore>("ObjectStore", options.ObjectStore, "files", () => services.AddFileObjectStore(options.ObjectFiles));
        services.AddPort<IMessageQueue>("MessageQueue", options.MessageQueue, "files", () => services.AddFileMessageQueue(options.MessageFiles));
        services.AddPort<ITrainingCluster>("TrainingCluster", options.TrainingCluster, "process", () =>
        {
            services.AddSingleton(options.Processes);
            services.AddSingleton<ProcessTrainingCluster>();
            services.AddSingleton<ITrainingCluster>(provider => provider.GetRequiredService<ProcessTrainingCluster>());
            services.AddHostedService(provider => provider.GetRequiredService<ProcessTrainingCluster>());
        });

        services.TryAddSingleton<Catalog>();
        services.AddSingleton<MessageBodies>();
        services.AddSingleton<DatasetService>();
        services.AddSingleton<DatasetContracts>();
        services.AddSingleton<DatasetHousekeeping>();
        services.AddSingleton<DownloadAdmission>();
        services.AddSingleton<DatasetReader>();
        services.AddSingleton<QuarantineReader>();
        services.AddSingleton<DropService>();
        services.AddSingleton<TenantSalts>();
        services.AddSingleton(provider => new LocalFileCache(options.CacheFolder, options.DataCacheBytes, provider.GetRequiredService<IObjectStore>()));
        services.AddSingleton<PreparationTurns>();
        services.AddSingleton<VersionPreparation>();
        services.AddSingleton<PipelineService>();
        services.AddSingleton<RunService>();
        services.AddSingleton<RunViews>();
        services.AddSingleton<TrainingJobs>();
        services.AddSingleton<TrialRounds>();
        services.AddSingleton<PipelineStages>();
        services.AddSingleton<ModelRegistry>();
        services.AddSingleton<ModelImporter>();
        services.AddSingleton<EndpointDirectory>();
        services.AddSingleton<EndpointService>();
        services.AddSingleton<EndpointWarmUp>();

        services.AddMetrics();
        services.AddSingleton<ServingMetrics>();
        services.AddSingleton(new ModelServerOptions { MemoryBudgetBytes = options.ModelMemoryBytes, Batching = options.Batching });
        if (options.ModelCacheBytes > 0)
        {
            services.AddSingleton(options.ModelCache);
            services.AddSingleton<ModelDiskCache>();
        }

        services.AddSingleton<IModelSource, RegistryModelSource>();
        services.AddSingleton<ModelServer>();
        services.AddSingleton<Predictor>();
        services.AddSingleton(new InferenceOptions());
        services.AddSingleton<InferenceEngine>();
        services.AddSingleton<InferenceStatistics>();
        services.AddSingleton<ModelHost>();
        services.AddSingleton<ModelRouter>();
        services.AddSingleton<InferenceService>();
        services.AddSingleton<PredictionAdmission>();
        services.AddSingleton<ResponseCache>();
        services.AddSingleton<PredictionService>();

        services.TryAddSingleton(new WebhookOptions());
        services.TryAddSingleton(new BatchOptions());
        services.AddSingleton<WebhookGuard>();
        services.AddSingleton<WebhookSender>();
        services.AddSingleton<BatchHousekeeping>();
        services.AddSingleton<BatchPredictionService>();
        services.AddSingleton<BatchPredictionRunner>();
        return services;
    }

    private static void AddPort<TPort>(this IServiceCollection services, string setting, string chosen, string ours, Action addOurs)
    {
        if (chosen == ours)
        {
            addOurs();
        }
        else if (services.All(service => service.ServiceType != typeof(TPort)))
        {
            throw new InvalidOperationException($"AIaaS__{setting}='{chosen}' is not known to this host; it has '{ours}'.");
        }
    }
}
