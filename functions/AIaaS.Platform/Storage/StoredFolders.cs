using System.Runtime.CompilerServices;

namespace AIaaS.Platform.Storage;

/// <summary>Objects whose names begin alike, as if they lay in a folder.</summary>
internal static class StoredFolders
{
    private const int ListingPage = 1000;

    /// <summary>Lists all of them, page by page; those that are given back may be deleted meanwhile.</summary>
    public static async IAsyncEnumerable<ObjectProperties> ListAllAsync(
        this IObjectStore store, ObjectPath prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? continuation = null;
        do
        {
            var page = await store.ListAsync(prefix.Container, prefix.Name, ListingPage, continuation, cancellationToken);
            foreach (var item in page.Items)
            {
                yield return item;
            }

            continuation = page.Continuation;
        }
        while (continuation is not null);
    }

    /// <summary>Deletes all of them. Safe to repeat, and to break off.</summary>
    public static async Task DeleteAllAsync(this IObjectStore store, ObjectPath prefix, CancellationToken cancellationToken)
    {
        await foreach (var item in store.ListAllAsync(prefix, cancellationToken))
        {
            await store.DeleteAsync(item.Path, ifMatch: null, cancellationToken);
        }
    }
}
