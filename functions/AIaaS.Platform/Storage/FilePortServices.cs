using AIaaS.Platform.Messaging;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AIaaS.Platform.Storage;

/// <summary>Registers the ports that are kept in files.</summary>
public static class FilePortServices
{
    /// <summary>Adds <see cref="IObjectStore"/> over a folder, and <see cref="FileUploadUrls"/> for the function that takes its uploads.</summary>
    public static IServiceCollection AddFileObjectStore(this IServiceCollection services, FileObjectStoreOptions options)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => new FileObjectStore(options, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IObjectStore>(provider => provider.GetRequiredService<FileObjectStore>());
        services.AddSingleton(provider => provider.GetRequiredService<FileObjectStore>().UploadUrls);
        return services;
    }

    /// <summary>Adds <see cref="IMessageQueue"/> and <see cref="IMessageReceiver"/> over a folder.</summary>
    public static IServiceCollection AddFileMessageQueue(this IServiceCollection services, FileMessageQueueOptions options)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => new FileMessageQueue(options, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IMessageQueue>(provider => provider.GetRequiredService<FileMessageQueue>());
        services.AddSingleton<IMessageReceiver>(provider => provider.GetRequiredService<FileMessageQueue>());
        return services;
    }
}
