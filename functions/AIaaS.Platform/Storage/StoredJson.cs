using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Platform.Storage;

/// <summary>JSON documents of ours among the objects, for those that are no entries of the catalog.</summary>
internal static class StoredJson
{
    /// <returns>Null where there is no such object.</returns>
    /// <exception cref="JsonException">It is no such document.</exception>
    public static async Task<T?> FindJsonAsync<T>(this IObjectStore store, ObjectPath path, CancellationToken cancellationToken)
        where T : class
    {
        if (await store.OpenReadAsync(path, range: null, cancellationToken) is not { } content)
        {
            return null;
        }

        await using (content)
        {
            return await content.ReadJsonAsync<T>(cancellationToken);
        }
    }

    /// <summary>Writes a document where there is none yet.</summary>
    /// <returns>The document that is there now, this one or one that somebody wrote before.</returns>
    public static async Task<T> WriteOnceAsync<T>(this IObjectStore store, ObjectPath path, T document, CancellationToken cancellationToken)
        where T : class
    {
        using var content = new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(document, JsonDefaults.Options));
        try
        {
            await store.WriteAsync(path, content, WriteOptions.CreateOnly, cancellationToken);
            return document;
        }
        catch (PreconditionFailedException)
        {
            return await store.FindJsonAsync<T>(path, cancellationToken) ?? throw new InvalidDataException($"'{path}' is missing.");
        }
    }
}
