using System.Security.Cryptography;
using AIaaS.Platform.Documents;

namespace AIaaS.Platform.Security;

/// <summary>A secret of each tenant, under which hidden values stay comparable within it and tell nothing outside. No route serves it.</summary>
public sealed class TenantSalts(Catalog catalog)
{
    private const int Length = 32;
    private static readonly DocumentKind<Entry> Kind = new("_salts", "salt", _ => new Dictionary<string, string>()) { OfPlatform = true };

    /// <summary>The tenant's salt, made at the first call for good; of several that make it at once one wins.</summary>
    /// <returns>32 random bytes in base64.</returns>
    public async Task<string> GetAsync(string tenant, CancellationToken cancellationToken)
    {
        var salt = await catalog.FindAsync(Kind, tenant, tenant, cancellationToken)
            ?? await catalog.TryCreateAsync(Kind, tenant, tenant, new Entry { Salt = Convert.ToBase64String(RandomNumberGenerator.GetBytes(Length)) }, cancellationToken)
            ?? await catalog.GetAsync(Kind, tenant, tenant, cancellationToken);
        return salt.Value.Salt;
    }

    internal sealed record Entry
    {
        public int SchemaVersion { get; init; } = 1;

        public required string Salt { get; init; }
    }
}
