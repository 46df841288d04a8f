using AIaaS.Functions.Hosts.Azure;
using Azure.Identity;
using Microsoft.Extensions.Configuration;

namespace AIaaS.Azure.Tests;

public sealed class AzureConnectionsTests
{
    [Theory]
    [InlineData("http://169.254.1.1/identity")]
    [InlineData(null)]
    public void A_credential_is_made_without_asking_for_anything(string? endpoint)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(
            new Dictionary<string, string?> { ["IDENTITY_ENDPOINT"] = endpoint, ["AZURE_CLIENT_ID"] = "11111111-2222-3333-4444-555555555555" }).Build();

        Assert.IsType<DefaultAzureCredential>(AzureConnections.CreateCredential(configuration));
    }
}
