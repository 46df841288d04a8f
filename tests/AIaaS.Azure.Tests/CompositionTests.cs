using System.Reflection;
using AIaaS.Functions;
using AIaaS.Functions.Hosts.Azure;
using AIaaS.Functions.Hosts.Azure.Messaging;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Security;
using AIaaS.Platform.Storage;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AIaaS.Azure.Tests;

public sealed class CompositionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<Type?> _hosted = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_function_class_can_be_made_over_Blob_Storage_and_Service_Bus()
    {
        using var host = Compose(new()
        {
            ["AIaaS:ObjectStore"] = "blob",
            ["AIaaS:MessageQueue"] = "service-bus",
            ["Storage:blobServiceUri"] = "https://account.blob.core.windows.net",
            ["ServiceBus:fullyQualifiedNamespace"] = "namespace.servicebus.windows.net",
        });

        MakeFunctions(host.Services);

        Assert.Equal(["BlobObjectStore", "ServiceBusMessageQueue"], PortsOf(host.Services));
        Assert.DoesNotContain(typeof(FileQueuePump), _hosted);
    }

    [Fact]
    public void Every_function_class_can_be_made_beside_Azurite()
    {
        using var host = Compose(new()
        {
            ["AIaaS:ObjectStore"] = "blob",
            ["AIaaS:MessageQueue"] = "files",
            ["Storage"] = "UseDevelopmentStorage=true",
        });

        MakeFunctions(host.Services);

        Assert.Equal(["BlobObjectStore", "FileMessageQueue"], PortsOf(host.Services));
        Assert.Contains(typeof(FileQueuePump), _hosted);
    }

    [Theory]
    [InlineData("AIaaS:ObjectStore", "blob", typeof(IObjectStore), "Storage__blobServiceUri")]
    [InlineData("AIaaS:MessageQueue", "service-bus", typeof(IMessageQueue), "ServiceBus__fullyQualifiedNamespace")]
    public void A_connection_that_is_not_set_is_named_when_it_is_first_needed(string setting, string value, Type port, string named)
    {
        using var host = Compose(new() { [setting] = value });

        var refusal = Assert.Throws<InvalidOperationException>(() => host.Services.GetRequiredService(port));

        Assert.Contains(named, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_port_that_this_host_lacks_is_refused()
    {
        var refusal = Assert.Throws<InvalidOperationException>(() => Compose(new() { ["AIaaS:ObjectStore"] = "floppy" }).Dispose());

        Assert.Contains("floppy", refusal.Message, StringComparison.Ordinal);
    }

    private IHost Compose(Dictionary<string, string?> settings)
    {
        var builder = FunctionsApplication.CreateBuilder([]);
        builder.Configuration.AddInMemoryCollection(settings).AddInMemoryCollection([new("AIAAS_HOME", _folder["home"])]);
        builder.ConfigureFunctionsWebApplication();
        FunctionApp.Compose(builder, builder.AddAzure(), SecurityOptions.FromConfiguration(builder.Configuration, local: false));
        // Not made here: the worker's own calls its host.
        _hosted.AddRange(builder.Services.Where(service => service.ServiceType == typeof(IHostedService)).Select(service => service.ImplementationType));
        return builder.Build();
    }

    private static void MakeFunctions(IServiceProvider services)
    {
        var classes = typeof(FunctionApp).Assembly.GetExportedTypes().Where(type => type is { IsAbstract: false }
            && type.GetMethods().Any(method => method.IsDefined(typeof(FunctionAttribute)))).ToList();
        Assert.NotEmpty(classes);
        foreach (var type in classes)
        {
            ActivatorUtilities.CreateInstance(services, type);
        }
    }

    private static string[] PortsOf(IServiceProvider services)
        => [services.GetRequiredService<IObjectStore>().GetType().Name, services.GetRequiredService<IMessageQueue>().GetType().Name];
}
