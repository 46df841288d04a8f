using AIaaS.Platform;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace AIaaS.Functions.Hosts.MachineLearning;

/// <summary>Stands in for training on Azure Machine Learning in a build with <c>WithAzureMl=false</c>; the platform then refuses <c>AIaaS__TrainingCluster=azure-ml</c>.</summary>
internal static class MachineLearningServices
{
    public static IServiceCollection AddMachineLearning(this IServiceCollection services, IConfiguration configuration, PlatformOptions platform) => services;
}
