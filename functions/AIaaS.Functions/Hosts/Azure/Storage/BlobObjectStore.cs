using System.Collections.Concurrent;
using System.Globalization;
using AIaaS.Platform.Storage;
using Azure;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Sas;

namespace AIaaS.Functions.Hosts.Azure.Storage;

/// <summary>Objects as block blobs of one storage account; a container that is missing is made with the first write to it.</summary>
/// <remarks>
/// A write is one request, or blocks that one request commits, so that its conditions hold for the whole. A read is one request;
/// where the connection breaks the client goes on with the same version, or fails when that is gone.
/// </remarks>
internal sealed class BlobObjectStore(BlobServiceClient service, TimeProvider time) : IObjectStore, IDisposable
{
    private const int LargestPage = 5000;

    // A blob has at most 50 000 blocks: with these 195 GiB, out of 12 MiB of memory.
    private static readonly StorageTransferOptions Blocks = new()
    {
        InitialTransferSize = 4 << 20,
        MaximumTransferSize = 4 << 20,
        MaximumConcurrency = 2,
    };

    private readonly ConcurrentDictionary<string, bool> _containers = new(StringComparer.Ordinal);
    private readonly DelegationKeys _delegation = new(service, time);

    public async Task<ObjectProperties?> GetPropertiesAsync(ObjectPath path, CancellationToken cancellationToken)
    {
        try
        {
            var found = (await BlobOf(path).GetPropertiesAsync(cancellationToken: cancellationToken)).Value;
            return Describe(path, found.ETag, found.ContentLength, found.LastModified, found.Metadata);
        }
        catch (RequestFailedException missing) when (missing.Status == 404)
        {
            return null;
        }
    }

    public async Task<ObjectContent?> OpenReadAsync(ObjectPath path, ObjectRange? range, CancellationToken cancellationToken)
    {
        var (offset, length) = (range?.Offset ?? 0, range?.Length);
        ArgumentOutOfRangeException.ThrowIfNegative(offset, nameof(range));
        ArgumentOutOfRangeException.ThrowIfNegative(length ?? 0, nameof(range));
        if (length == 0)
        {
            return await OpenNothingAsync(path, cancellationToken);
        }

        try
        {
            var options = new BlobDownloadOptions { Range = range is null ? default : new HttpRange(offset, length) };
            var result = (await BlobOf(path).DownloadStreamingAsync(options, cancellationToken)).Value;
            var details = result.Details;
            return new ObjectContent(
                Describe(path, details.ETag, WholeLength(details), details.LastModified, details.Metadata), result.Content);
        }
        catch (RequestFailedException missing) when (missing.Status == 404)
        {
            return null;
        }
        catch (RequestFailedException beyond) when (beyond.Status == 416)
        {
            return await OpenNothingAsync(path, cancellationToken);
        }
    }

    public async Task<ObjectProperties> WriteAsync(ObjectPath path, Stream content, WriteOptions? options, CancellationToken cancellationToken)
    {
        await EnsureContainerAsync(path.Container, cancellationToken);
        var counted = new CountedStream(content);
        try
        {
            var written = (await BlobOf(path).UploadAsync(
                // A stream that tells its length saves a buffer.
                content.CanSeek ? content : counted,
                new BlobUploadOptions
                {
                    Conditions = Conditions(options?.IfMatch, options is { IfAbsent: true }),
                    Metadata = options?.Metadata?.ToDictionary(),
                    TransferOptions = Blocks,
                },
                cancellationToken)).Value;
            var length = content.CanSeek ? content.Length - counted.Start : counted.Count;
            return Describe(path, written.ETag, length, written.LastModified, options?.Metadata?.ToDictionary());
        }
        catch (RequestFailedException refused) when (IsPrecondition(refused, options))
        {
            throw new PreconditionFailedException(path);
        }
    }

    public async Task<bool> DeleteAsync(ObjectPath path, string? ifMatch, CancellationToken cancellationToken)
    {
        try
        {
            return (await BlobOf(path).DeleteIfExistsAsync(DeleteSnapshotsOption.IncludeSnapshots, Conditions(ifMatch, ifAbsent: false), cancellationToken)).Value;
        }
        catch (RequestFailedException refused) when (refused.Status == 412)
        {
            throw new PreconditionFailedException(path);
        }
    }

    public async Task<ObjectPage> ListAsync(string container, string prefix, int limit, string? continuation, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        var blobs = service.GetBlobContainerClient(container).GetBlobsAsync(
            BlobTraits.Metadata, BlobStates.None, prefix.Length > 0 ? prefix : null, cancellationToken);
        var items = new List<ObjectProperties>();
        do
        {
            // The service may give fewer than asked for, and then must be asked for the rest only.
            var page = await NextPageAsync(blobs, continuation, Math.Min(limit - items.Count, LargestPage), cancellationToken);
            items.AddRange(page.Values.Select(blob => Describe(container, blob)));
            continuation = page.ContinuationToken;
        }
        while (!string.IsNullOrEmpty(continuation) && items.Count < limit);

        return new ObjectPage(items, string.IsNullOrEmpty(continuation) ? null : continuation);
    }

    /// <inheritdoc/>
    /// <remarks>Signed with the account's key where the client has it (Azurite), else with a key that the service gave to the app's identity.</remarks>
    public async Task<UploadUrl> CreateUploadUrlAsync(ObjectPath path, TimeSpan lifetime, Uri requestBase, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(lifetime, TimeSpan.Zero);
        await EnsureContainerAsync(path.Container, cancellationToken);
        var blob = BlobOf(path);
        var expires = DateTimeOffset.FromUnixTimeSeconds((time.GetUtcNow() + lifetime + TimeSpan.FromSeconds(1) - TimeSpan.FromTicks(1)).ToUnixTimeSeconds());
        var signature = new BlobSasBuilder(BlobSasPermissions.Create | BlobSasPermissions.Write, expires)
        {
            BlobContainerName = path.Container,
            BlobName = path.Name,
            Resource = "b",
            Protocol = blob.Uri.Scheme == Uri.UriSchemeHttps ? SasProtocol.Https : SasProtocol.HttpsAndHttp,
        };
        var url = blob.CanGenerateSasUri
            ? blob.GenerateSasUri(signature)
            : blob.GenerateUserDelegationSasUri(signature, await _delegation.GetAsync(expires, cancellationToken));
        return new UploadUrl(url, new Dictionary<string, string> { ["x-ms-blob-type"] = "BlockBlob" }, expires);
    }

    public void Dispose() => _delegation.Dispose();

    private BlobClient BlobOf(ObjectPath path) => service.GetBlobContainerClient(path.Container).GetBlobClient(path.Name);

    /// <summary>Before the content is read, which can be read only once.</summary>
    private async Task EnsureContainerAsync(string container, CancellationToken cancellationToken)
    {
        if (_containers.ContainsKey(container))
        {
            return;
        }

        // Asked first: an identity that may use containers need not be one that may make them.
        var client = service.GetBlobContainerClient(container);
        if (!(await client.ExistsAsync(cancellationToken)).Value)
        {
            await client.CreateIfNotExistsAsync(cancellationToken: cancellationToken);
        }

        _containers.TryAdd(container, true);
    }

    private async Task<ObjectContent?> OpenNothingAsync(ObjectPath path, CancellationToken cancellationToken)
        => await GetPropertiesAsync(path, cancellationToken) is { } properties ? new ObjectContent(properties, Stream.Null) : null;

    private static async Task<Page<BlobItem>> NextPageAsync(
        AsyncPageable<BlobItem> blobs, string? continuation, int limit, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var page in blobs.AsPages(continuation, limit).WithCancellation(cancellationToken))
            {
                return page;
            }
        }
        catch (RequestFailedException missing) when (missing.Status == 404)
        {
            // A container that nobody has written to yet.
        }

        return Page<BlobItem>.FromValues([], continuationToken: null, response: null!);
    }

    private static BlobRequestConditions? Conditions(string? ifMatch, bool ifAbsent)
        => ifMatch is null && !ifAbsent
            ? null
            : new BlobRequestConditions
            {
                IfMatch = ifMatch is null ? null : new ETag($"\"{ifMatch}\""),
                IfNoneMatch = ifAbsent ? ETag.All : null,
            };

    /// <summary>409 is the answer where the blob exists already; blocks are no longer valid once another writer has committed its own.</summary>
    private static bool IsPrecondition(RequestFailedException refused, WriteOptions? options)
        => refused.Status == 412
            || (refused.Status == 409 && refused.ErrorCode == BlobErrorCode.BlobAlreadyExists)
            || (refused.ErrorCode == BlobErrorCode.InvalidBlockList && options is { IfAbsent: true } or { IfMatch: not null });

    /// <summary>The part's length says nothing of the whole, the range does: <c>bytes 0-9/100</c>.</summary>
    private static long WholeLength(BlobDownloadDetails details)
        => details.ContentRange is { } range && range.LastIndexOf('/') is var slash and >= 0
            && long.TryParse(range.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var whole)
            ? whole
            : details.ContentLength;

    private static ObjectProperties Describe(string container, BlobItem blob) => Describe(
        new ObjectPath(container, blob.Name),
        blob.Properties.ETag ?? default,
        blob.Properties.ContentLength ?? 0,
        blob.Properties.LastModified ?? default,
        blob.Metadata);

    // Headers carry ETags in quotes and lists do not; and a header's name may come in any case.
    private static ObjectProperties Describe(ObjectPath path, ETag eTag, long length, DateTimeOffset modified, IDictionary<string, string>? metadata) => new()
    {
        Path = path,
        ETag = eTag.ToString().Trim('"'),
        Length = length,
        LastModified = modified,
        Metadata = metadata?.ToDictionary(pair => pair.Key.ToLowerInvariant(), pair => pair.Value) ?? [],
    };
}
