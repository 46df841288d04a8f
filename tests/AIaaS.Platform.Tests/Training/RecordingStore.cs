using System.Collections.Concurrent;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Tests.Training;

/// <summary>Passes everything on, and remembers the order of writes.</summary>
internal sealed class RecordingStore(IObjectStore store) : IObjectStore
{
    public ConcurrentQueue<string> Written { get; } = [];

    public Task<ObjectProperties?> GetPropertiesAsync(ObjectPath path, CancellationToken cancellationToken) => store.GetPropertiesAsync(path, cancellationToken);

    public Task<ObjectContent?> OpenReadAsync(ObjectPath path, ObjectRange? range, CancellationToken cancellationToken) => store.OpenReadAsync(path, range, cancellationToken);

    public async Task<ObjectProperties> WriteAsync(ObjectPath path, Stream content, WriteOptions? options, CancellationToken cancellationToken)
    {
        var properties = await store.WriteAsync(path, content, options, cancellationToken);
        Written.Enqueue(path.Name);
        return properties;
    }

    public Task<bool> DeleteAsync(ObjectPath path, string? ifMatch, CancellationToken cancellationToken) => store.DeleteAsync(path, ifMatch, cancellationToken);

    public Task<ObjectPage> ListAsync(string container, string prefix, int limit, string? continuation, CancellationToken cancellationToken) =>
        store.ListAsync(container, prefix, limit, continuation, cancellationToken);

    public Task<UploadUrl> CreateUploadUrlAsync(ObjectPath path, TimeSpan lifetime, Uri requestBase, CancellationToken cancellationToken) =>
        store.CreateUploadUrlAsync(path, lifetime, requestBase, cancellationToken);
}
