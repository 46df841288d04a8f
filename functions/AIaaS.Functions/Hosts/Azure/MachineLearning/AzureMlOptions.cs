using Microsoft.Extensions.Configuration;

namespace AIaaS.Functions.Hosts.Azure.MachineLearning;

/// <summary>Settings of the Azure Machine Learning cluster, each from <c>AIaaS__AzureMl__{name}</c>.</summary>
internal sealed record AzureMlOptions
{
    /// <summary>Small, kept patched by Microsoft, and with all that a self-contained .NET program needs.</summary>
    public const string DefaultCpuImage = "mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04:latest";

    /// <summary>The CUDA and cuDNN that ONNX Runtime 1.29 is built for, from the registry without a limit on anonymous pulls.</summary>
    public const string DefaultGpuImage = "nvcr.io/nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04";

    /// <summary>The workspace's resource id.</summary>
    public required string WorkspaceId { get; init; }

    /// <summary>The cluster of pipelines that name none.</summary>
    public string DefaultCluster { get; init; } = "cpu";

    /// <summary>The clusters whose nodes have GPUs; in the settings a list with commas.</summary>
    public IReadOnlyList<string> GpuClusters { get; init; } = ["gpu"];

    public string CpuImage { get; init; } = DefaultCpuImage;

    public string GpuImage { get; init; } = DefaultGpuImage;

    /// <summary>The client id of the clusters' user-assigned identity; null where theirs is the system-assigned one.</summary>
    public Guid? IdentityClientId { get; init; }

    /// <exception cref="InvalidOperationException">A setting is missing or not acceptable.</exception>
    public static AzureMlOptions FromConfiguration(IConfiguration configuration)
    {
        var settings = configuration.GetSection("AIaaS:AzureMl");
        var workspace = settings[nameof(WorkspaceId)];
        if (string.IsNullOrWhiteSpace(workspace))
        {
            throw new InvalidOperationException("AIaaS__TrainingCluster is 'azure-ml', and AIaaS__AzureMl__WorkspaceId is missing: set it to the resource id of the Azure Machine Learning workspace.");
        }

        var defaults = new AzureMlOptions { WorkspaceId = workspace };
        return defaults with
        {
            DefaultCluster = Given(nameof(DefaultCluster)) ?? defaults.DefaultCluster,
            GpuClusters = settings[nameof(GpuClusters)]?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? defaults.GpuClusters,
            CpuImage = Given(nameof(CpuImage)) ?? defaults.CpuImage,
            GpuImage = Given(nameof(GpuImage)) ?? defaults.GpuImage,
            IdentityClientId = Given(nameof(IdentityClientId)) is not { } identity ? null
                : Guid.TryParse(identity, out var client) ? client
                : throw new InvalidOperationException($"AIaaS__AzureMl__IdentityClientId is '{identity}', which is no client id of an identity."),
        };

        string? Given(string name) => settings[name] is { Length: > 0 } value ? value : null;
    }
}
