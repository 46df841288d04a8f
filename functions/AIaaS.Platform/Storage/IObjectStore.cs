using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Platform.Storage;

/// <summary>Where an object lies.</summary>
/// <param name="Container">3 to 63 characters of <c>[a-z0-9-]</c>.</param>
/// <param name="Name">Segments joined by '/', none of them empty, '.' or '..'.</param>
public readonly record struct ObjectPath(string Container, string Name)
{
    public override string ToString() => $"{Container}/{Name}";
}

/// <summary>What is known of an object without reading it.</summary>
public sealed record ObjectProperties
{
    public required ObjectPath Path { get; init; }

    /// <summary>Opaque and without quotes; changes with every write of the object.</summary>
    public required string ETag { get; init; }

    public required long Length { get; init; }

    public required DateTimeOffset LastModified { get; init; }

    /// <summary>Keys are <c>[a-z][a-z0-9]*</c>, values ASCII.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();
}

/// <summary>An open object; disposing it closes the stream.</summary>
public sealed class ObjectContent(ObjectProperties properties, Stream stream) : IAsyncDisposable
{
    public ObjectProperties Properties { get; } = properties;

    /// <summary>The bytes asked for; one version of the object, whatever is written meanwhile.</summary>
    public Stream Stream { get; } = stream;

    /// <summary>Reads the object as a JSON document of ours.</summary>
    /// <exception cref="JsonException">It is not one.</exception>
    /// <exception cref="InvalidDataException">It holds null.</exception>
    public async Task<T> ReadJsonAsync<T>(CancellationToken cancellationToken)
        where T : class
        => await JsonSerializer.DeserializeAsync<T>(Stream, JsonDefaults.Options, cancellationToken)
            ?? throw new InvalidDataException($"'{Properties.Path}' holds null.");

    public ValueTask DisposeAsync() => Stream.DisposeAsync();
}

/// <summary>The part of an object to read.</summary>
/// <param name="Offset">First byte.</param>
/// <param name="Length">Bytes at most; null to the end.</param>
public readonly record struct ObjectRange(long Offset, long? Length = null);

/// <summary>Conditions and metadata of a write.</summary>
public sealed record WriteOptions
{
    /// <summary>Write only over this ETag.</summary>
    public string? IfMatch { get; init; }

    /// <summary>Write only where nothing is yet (<c>If-None-Match: *</c>).</summary>
    public bool IfAbsent { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    public static WriteOptions CreateOnly { get; } = new() { IfAbsent = true };
}

/// <param name="Items">In ascending ordinal order of their names.</param>
/// <param name="Continuation">Gives the next page; null on the last.</param>
public sealed record ObjectPage(IReadOnlyList<ObjectProperties> Items, string? Continuation);

/// <summary>A URL that takes one object by an HTTP PUT, without any other credential, until it expires.</summary>
public sealed record UploadUrl(Uri Url, IReadOnlyDictionary<string, string> Headers, DateTimeOffset Expires);

/// <summary>Objects in containers. A write is visible whole or not at all, and to every later call.</summary>
/// <remarks>Names are not checked for tenancy here; callers build them with <see cref="Containers"/> and validated names.</remarks>
public interface IObjectStore
{
    /// <returns>Null where there is no such object.</returns>
    Task<ObjectProperties?> GetPropertiesAsync(ObjectPath path, CancellationToken cancellationToken);

    /// <summary>Opens an object for reading.</summary>
    /// <returns>Null where there is no such object.</returns>
    Task<ObjectContent?> OpenReadAsync(ObjectPath path, ObjectRange? range, CancellationToken cancellationToken);

    /// <summary>Writes an object from a stream of any length, which is read once and not held in memory.</summary>
    /// <exception cref="PreconditionFailedException">A condition of <paramref name="options"/> does not hold; nothing was written.</exception>
    Task<ObjectProperties> WriteAsync(ObjectPath path, Stream content, WriteOptions? options, CancellationToken cancellationToken);

    /// <summary>Removes an object.</summary>
    /// <returns>False where there was none.</returns>
    /// <exception cref="PreconditionFailedException">The object has another ETag than <paramref name="ifMatch"/>.</exception>
    Task<bool> DeleteAsync(ObjectPath path, string? ifMatch, CancellationToken cancellationToken);

    /// <summary>Lists the objects whose names begin with a prefix, with their metadata.</summary>
    Task<ObjectPage> ListAsync(string container, string prefix, int limit, string? continuation, CancellationToken cancellationToken);

    /// <summary>Makes a signed, expiring URL for one upload.</summary>
    /// <param name="path">Where the upload goes.</param>
    /// <param name="lifetime">How long the URL is good for.</param>
    /// <param name="requestBase">The base address this host was called at, for stores without an address of their own.</param>
    Task<UploadUrl> CreateUploadUrlAsync(ObjectPath path, TimeSpan lifetime, Uri requestBase, CancellationToken cancellationToken);
}

/// <summary>A conditional write or delete found another state than its condition asked for.</summary>
public sealed class PreconditionFailedException(ObjectPath path)
    : Exception($"'{path}' was changed by another writer.")
{
    public ObjectPath Path { get; } = path;
}
