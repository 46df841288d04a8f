using Azure.Core;
using Azure.Identity;
using Azure.Messaging.ServiceBus;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Configuration;

namespace AIaaS.Functions.Hosts.Azure;

/// <summary>
/// Makes clients from the settings that the host's own triggers use: a connection is a connection string under its name, or
/// an address beneath its name, which the app's identity opens.
/// </summary>
internal static class AzureConnections
{
    private const string Storage = "Storage";
    private const string ServiceBus = "ServiceBus";

    /// <summary>In Azure the managed identity and nothing else; elsewhere whoever is signed in with the developer's tools.</summary>
    public static TokenCredential CreateCredential(IConfiguration configuration)
    {
        // Set by the platform where an app has an identity.
        var inAzure = !string.IsNullOrEmpty(configuration["IDENTITY_ENDPOINT"]);
        return new DefaultAzureCredential(new DefaultAzureCredentialOptions
        {
            ManagedIdentityClientId = configuration["AZURE_CLIENT_ID"] is { Length: > 0 } client ? client : null,
            ExcludeManagedIdentityCredential = !inAzure,
            ExcludeEnvironmentCredential = inAzure,
            ExcludeWorkloadIdentityCredential = inAzure,
            ExcludeVisualStudioCredential = inAzure,
            ExcludeVisualStudioCodeCredential = inAzure,
            ExcludeAzureCliCredential = inAzure,
            ExcludeAzurePowerShellCredential = inAzure,
            ExcludeAzureDeveloperCliCredential = inAzure,
            ExcludeInteractiveBrowserCredential = true,
            ExcludeBrokerCredential = true,
        });
    }

    /// <exception cref="InvalidOperationException">Neither setting is there.</exception>
    public static BlobServiceClient CreateBlobServiceClient(IConfiguration configuration, TokenCredential credential)
        => configuration[Storage] is { Length: > 0 } connection
            ? new BlobServiceClient(connection)
            : new BlobServiceClient(new Uri(Require(configuration, Storage, "blobServiceUri"), UriKind.Absolute), credential);

    /// <exception cref="InvalidOperationException">Neither setting is there.</exception>
    public static ServiceBusClient CreateServiceBusClient(IConfiguration configuration, TokenCredential credential)
        => configuration[ServiceBus] is { Length: > 0 } connection
            ? new ServiceBusClient(connection)
            : new ServiceBusClient(Require(configuration, ServiceBus, "fullyQualifiedNamespace"), credential);

    private static string Require(IConfiguration configuration, string connection, string setting)
        => configuration.GetSection(connection)[setting] is { Length: > 0 } value
            ? value
            : throw new InvalidOperationException($"The connection '{connection}' is not set: set {connection}__{setting}, or {connection} to a connection string.");
}
