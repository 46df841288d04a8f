using Microsoft.Extensions.Configuration;

namespace AIaaS.Platform.Security;

/// <summary>Which credentials count.</summary>
public sealed record SecurityOptions
{
    /// <summary>Hashes of admin keys of the default tenant that no store knows: lower-case hex of the SHA-256 of the UTF-8 text.</summary>
    public IReadOnlyList<string> BootstrapKeyHashes { get; init; } = [];

    /// <summary>Whether a key may come as <c>Authorization: Bearer</c>; under Azure that header belongs to Entra ID.</summary>
    public bool AcceptBearerKeys { get; init; }

    /// <summary>Whether webhooks may go to this machine and its network, and by plain HTTP.</summary>
    public bool AllowLocalWebhooks { get; init; }

    /// <summary>Whether the platform in front of us sets <c>X-MS-CLIENT-PRINCIPAL</c> and removes what callers put there.</summary>
    public bool TrustClientPrincipal { get; init; }

    /// <summary>The claim that names a person's tenant; one who lacks it belongs to the default tenant.</summary>
    public string? TenantClaim { get; init; }

    /// <summary>Reads <c>AIaaS__BootstrapKeySha256</c>, <c>AIaaS__TenantClaim</c> and <c>WEBSITE_AUTH_ENABLED</c>.</summary>
    /// <param name="configuration">With environment variables in it.</param>
    /// <param name="local">Whether this is the local host, where nobody stands in front of us.</param>
    /// <exception cref="InvalidOperationException">A setting is not acceptable.</exception>
    public static SecurityOptions FromConfiguration(IConfiguration configuration, bool local)
    {
        var bootstrap = configuration["AIaaS:BootstrapKeySha256"];
        if (!string.IsNullOrEmpty(bootstrap) && !KeyHash.TryParse(bootstrap, out _))
        {
            throw new InvalidOperationException("AIaaS__BootstrapKeySha256 must be the SHA-256 of a key's text in 64 hexadecimal digits.");
        }

        return new SecurityOptions
        {
            BootstrapKeyHashes = string.IsNullOrEmpty(bootstrap) ? [] : [bootstrap],
            AcceptBearerKeys = local,
            AllowLocalWebhooks = local,
            TrustClientPrincipal = !local && string.Equals(configuration["WEBSITE_AUTH_ENABLED"], "true", StringComparison.OrdinalIgnoreCase),
            TenantClaim = configuration["AIaaS:TenantClaim"] is { Length: > 0 } claim ? claim : null,
        };
    }
}
