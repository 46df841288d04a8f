using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace AIaaS.Functions.Hosts.Azure.Storage;

/// <summary>Keys that sign for the app's identity; one is asked of the service and used until it would end before what it signs.</summary>
internal sealed class DelegationKeys(BlobServiceClient service, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(1);

    // Clocks of two machines are not the same.
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(5);

    private readonly SemaphoreSlim _asking = new(1, 1);
    private UserDelegationKey? _key;

    /// <summary>A key that is good until <paramref name="expires"/> at least, which the service allows to be a week ahead.</summary>
    public async Task<UserDelegationKey> GetAsync(DateTimeOffset expires, CancellationToken cancellationToken)
    {
        await _asking.WaitAsync(cancellationToken);
        try
        {
            if (_key is null || _key.SignedExpiresOn < expires + Margin)
            {
                var now = time.GetUtcNow();
                _key = (await service.GetUserDelegationKeyAsync(
                    startsOn: (DateTimeOffset?)(now - Margin), expiresOn: expires + Lifetime, cancellationToken: cancellationToken)).Value;
            }

            return _key;
        }
        finally
        {
            _asking.Release();
        }
    }

    public void Dispose() => _asking.Dispose();
}
