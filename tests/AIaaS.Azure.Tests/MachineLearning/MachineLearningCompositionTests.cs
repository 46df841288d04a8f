using AIaaS.Functions;
using AIaaS.Functions.Hosts.Azure;
using AIaaS.Functions.Hosts.Azure.MachineLearning;
using AIaaS.Platform.Security;
using AIaaS.Platform.Training;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AIaaS.Azure.Tests.MachineLearning;

public sealed class MachineLearningCompositionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_cluster_is_made_without_a_call_to_the_workspace()
    {
        using var host = Compose(("AIaaS:TrainingCluster", "azure-ml"), ("AIaaS:AzureMl:WorkspaceId", "/subscriptions/s/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws"));

        Assert.IsType<AzureMachineLearningCluster>(host.Services.GetRequiredService<ITrainingCluster>());
    }

    [Fact]
    public void Another_cluster_is_left_alone()
    {
        using var host = Compose(("AIaaS:TrainingCluster", "process"));

        Assert.IsType<ProcessTrainingCluster>(host.Services.GetRequiredService<ITrainingCluster>());
    }

    [Fact]
    public void A_workspace_that_is_not_set_is_named()
    {
        var refused = Assert.Throws<InvalidOperationException>(() => Compose(("AIaaS:TrainingCluster", "azure-ml")).Dispose());

        Assert.Contains("AIaaS__AzureMl__WorkspaceId", refused.Message, StringComparison.Ordinal);
    }

    private IHost Compose(params (string Name, string Value)[] settings)
    {
        var builder = FunctionsApplication.CreateBuilder([]);
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Name, (string?)setting.Value)));
        builder.Configuration.AddInMemoryCollection([new("AIAAS_HOME", Path.Combine(_folder.Path, "home"))]);
        builder.ConfigureFunctionsWebApplication();
        FunctionApp.Compose(builder, builder.AddAzure(), SecurityOptions.FromConfiguration(builder.Configuration, local: false));
        return builder.Build();
    }
}
