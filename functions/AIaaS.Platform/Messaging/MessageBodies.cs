using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Messaging;

/// <summary>
/// Bodies of messages; one that is too large for its queue lies in the object store while its message says where:
/// <c>{"bodyAt":"_messages/{queue}/{id}.json"}</c>, in <see cref="Containers.Catalog"/>.
/// </summary>
public sealed class MessageBodies(IObjectStore store)
{
    private const string Folder = "_messages/";

    /// <summary>What to send for a body.</summary>
    /// <param name="queue">Where it goes.</param>
    /// <param name="body">UTF-8 JSON.</param>
    /// <param name="maximum">Bytes that the queue takes.</param>
    /// <param name="cancellationToken">Gives up; at worst an object stays that no message names.</param>
    public async Task<BinaryData> PackAsync(string queue, BinaryData body, int maximum, CancellationToken cancellationToken)
    {
        if (body.ToMemory().Length <= maximum)
        {
            return body;
        }

        var reference = new BodyReference($"{Folder}{queue}/{Guid.NewGuid():N}.json");
        await using var content = body.ToStream();
        await store.WriteAsync(new ObjectPath(Containers.Catalog, reference.BodyAt!), content, WriteOptions.CreateOnly, cancellationToken);
        return BinaryData.FromObjectAsJson(reference, JsonDefaults.Options);
    }

    /// <summary>Handles what was sent; the object behind a reference goes once that succeeded.</summary>
    /// <param name="message">As it came.</param>
    /// <param name="handle">Handles the body; may be called more than once for one message.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="JsonException">The body is no <typeparamref name="T"/>.</exception>
    /// <exception cref="InvalidDataException">It holds null.</exception>
    public async Task HandleAsync<T>(string message, Func<T, CancellationToken, Task> handle, CancellationToken cancellationToken)
        where T : class
    {
        if (JsonSerializer.Deserialize<BodyReference>(message, JsonDefaults.Options) is not { BodyAt: { } name }
            || !name.StartsWith(Folder, StringComparison.Ordinal))
        {
            await handle(JsonSerializer.Deserialize<T>(message, JsonDefaults.Options) ?? throw new InvalidDataException("The message holds null."), cancellationToken);
            return;
        }

        var path = new ObjectPath(Containers.Catalog, name);
        var content = await store.OpenReadAsync(path, range: null, cancellationToken);
        if (content is null)
        {
            // Handled, and delivered once more.
            return;
        }

        await using (content)
        {
            await handle(await content.ReadJsonAsync<T>(cancellationToken), cancellationToken);
        }

        await store.DeleteAsync(path, ifMatch: null, cancellationToken);
    }

    private sealed record BodyReference(string? BodyAt = null);
}
