using AIaaS.Functions.Hosts.Azure.MachineLearning;
using AIaaS.Platform;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Training;
using Azure.Core;
using Azure.ResourceManager;
using Azure.ResourceManager.MachineLearning;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AIaaS.Functions.Hosts.Azure;

internal static partial class AzureServices
{
    /// <summary>Left out of the build by <c>WithAzureMl=false</c>; the platform then refuses <c>AIaaS__TrainingCluster=azure-ml</c>.</summary>
    /// <exception cref="InvalidOperationException">A setting is missing or not acceptable.</exception>
    static partial void AddMachineLearning(FunctionsApplicationBuilder builder, PlatformOptions platform)
    {
        if (platform.TrainingCluster != "azure-ml")
        {
            return;
        }

        var options = AzureMlOptions.FromConfiguration(builder.Configuration);
        builder.Services.AddSingleton<ITrainingCluster>(provider =>
        {
            var client = new Lazy<ArmClient>(() => new ArmClient(provider.GetRequiredService<TokenCredential>()));
            var workspace = new ResourceIdentifier(options.WorkspaceId);
            var environment = new ResourceIdentifier($"{options.WorkspaceId}/environments/{AzureMachineLearningCluster.EnvironmentName}");
            return new AzureMachineLearningCluster(
                options,
                new(() => client.Value.GetMachineLearningWorkspaceResource(workspace).GetMachineLearningJobs()),
                new(() => client.Value.GetMachineLearningEnvironmentContainerResource(environment).GetMachineLearningEnvironmentVersions()),
                new(() => TrainerBuild.Read(AppContext.BaseDirectory)),
                provider.GetRequiredService<IObjectStore>(),
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<AzureMachineLearningCluster>>());
        });
    }
}
