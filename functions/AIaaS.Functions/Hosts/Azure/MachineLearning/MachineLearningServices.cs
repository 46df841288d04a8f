using AIaaS.Platform;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Training;
using Azure.Core;
using Azure.ResourceManager;
using Azure.ResourceManager.MachineLearning;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AIaaS.Functions.Hosts.MachineLearning;

/// <summary>Registers training on Azure Machine Learning; left out of the build by <c>WithAzureMl=false</c>.</summary>
internal static class MachineLearningServices
{
    /// <summary>Adds <see cref="ITrainingCluster"/> where <c>AIaaS__TrainingCluster</c> is <c>azure-ml</c>. A <see cref="TokenCredential"/> is registered elsewhere.</summary>
    /// <exception cref="InvalidOperationException">A setting is missing or not acceptable.</exception>
    public static IServiceCollection AddMachineLearning(this IServiceCollection services, IConfiguration configuration, PlatformOptions platform)
    {
        if (platform.TrainingCluster != "azure-ml")
        {
            return services;
        }

        var options = AzureMlOptions.FromConfiguration(configuration);
        return services.AddSingleton<ITrainingCluster>(provider =>
        {
            var client = new Lazy<ArmClient>(() => new ArmClient(provider.GetRequiredService<TokenCredential>()));
            var workspace = new ResourceIdentifier(options.WorkspaceId);
            var environment = new ResourceIdentifier($"{options.WorkspaceId}/environments/{AzureMachineLearningCluster.EnvironmentName}");
            return new AzureMachineLearningCluster(
                options,
                new(() => client.Value.GetMachineLearningWorkspaceResource(workspace).GetMachineLearningJobs()),
                new(() => client.Value.GetMachineLearningEnvironmentContainerResource(environment).GetMachineLearningEnvironmentVersions()),
                // Without the exception's memory: a package that lacks the file says so at every job.
                new(() => TrainerBuild.Read(AppContext.BaseDirectory), LazyThreadSafetyMode.PublicationOnly),
                provider.GetRequiredService<IObjectStore>(),
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<AzureMachineLearningCluster>>());
        });
    }
}
