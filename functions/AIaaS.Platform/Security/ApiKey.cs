using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using AIaaS.Platform.Documents;

namespace AIaaS.Platform.Security;

/// <summary>What is kept of a key: everything but its text.</summary>
public sealed record ApiKey
{
    /// <summary>The first 16 digits of its hash.</summary>
    public const int IdLength = 16;

    public int SchemaVersion { get; init; } = 1;

    /// <summary>Names the key in lists and logs; says nothing of its text.</summary>
    public required string Id { get; init; }

    public required string Tenant { get; init; }

    public required Role Role { get; init; }

    public string? Description { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>From when on it is refused; null for never.</summary>
    public DateTimeOffset? Expires { get; init; }

    internal static DocumentKind<ApiKey> Kind { get; } = new("_keys", "key", MetadataOf) { OfPlatform = true };

    private static Dictionary<string, string> MetadataOf(ApiKey key)
    {
        var metadata = new Dictionary<string, string>
        {
            ["tenant"] = key.Tenant,
            ["role"] = key.Role.ToString().ToLowerInvariant(),
            [DocumentHeader.CreatedKey] = DocumentHeader.FormatCreated(key.Created),
        };
        if (key.Expires is { } expires)
        {
            metadata["expires"] = DocumentHeader.FormatCreated(expires);
        }

        return metadata;
    }
}

/// <summary>A key just made.</summary>
/// <param name="Key">What is kept of it.</param>
/// <param name="Text">The key itself; nobody can be told it again.</param>
public sealed record CreatedApiKey(ApiKey Key, string Text);

/// <summary>What to make a key for.</summary>
public sealed record NewApiKey(string Tenant, Role Role)
{
    public string? Description { get; init; }

    public DateTimeOffset? Expires { get; init; }
}

/// <summary>The text of a key: <c>aiaas_</c> and 32 random bytes in base64url.</summary>
public static class ApiKeyText
{
    private const string Prefix = "aiaas_";
    private const int RandomBytes = 32;
    private const int Length = 6 + 43;
    private static readonly SearchValues<char> Alphabet = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    public static string Create() => Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));

    /// <summary>Whether a text can be a key at all; what cannot is refused without asking the store.</summary>
    public static bool IsWellFormed(string text)
        => text.Length == Length && text.StartsWith(Prefix, StringComparison.Ordinal) && !text.AsSpan(Prefix.Length).ContainsAnyExcept(Alphabet);

    /// <summary>Lower-case hex of the SHA-256 of the UTF-8 text, as <c>AIaaS__BootstrapKeySha256</c> has it.</summary>
    public static string Hash(string text)
        => KeyHash.TryCompute(text, out var hash) ? hash.ToHex() : throw new ArgumentException("The text is too long to be a key.", nameof(text));
}
