using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AIaaS.Platform.Storage;

/// <summary>
/// Signed, expiring URLs into a file object store: <c>{base}/uploads/{container}/{name}?expires={Unix seconds}&amp;signature={base64url}</c>.
/// The signature is HMAC-SHA256 over method, object and expiry.
/// </summary>
public sealed class FileUploadUrls
{
    private readonly byte[] _key;
    private readonly TimeProvider _timeProvider;

    /// <exception cref="ArgumentException">The key is shorter than 32 bytes.</exception>
    public FileUploadUrls(ReadOnlyMemory<byte> key, TimeProvider timeProvider)
    {
        if (key.Length < 32)
        {
            throw new ArgumentException("A key for upload URLs has at least 32 bytes.", nameof(key));
        }

        _key = key.ToArray();
        _timeProvider = timeProvider;
    }

    /// <summary>Signs a URL for one object.</summary>
    /// <param name="path">Where the upload goes.</param>
    /// <param name="lifetime">How long the URL is good for, rounded up to whole seconds.</param>
    /// <param name="requestBase">Scheme, host, port and an optional path.</param>
    public UploadUrl Create(ObjectPath path, TimeSpan lifetime, Uri requestBase)
    {
        ObjectNames.Require(path);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(lifetime, TimeSpan.Zero);
        var expires = (_timeProvider.GetUtcNow() + lifetime + TimeSpan.FromSeconds(1) - TimeSpan.FromTicks(1)).ToUnixTimeSeconds();
        var name = string.Join('/', path.Name.Split('/').Select(Uri.EscapeDataString));
        var signature = Base64Url.EncodeToString(Sign(path, expires));
        return new UploadUrl(
            new Uri($"{requestBase.GetLeftPart(UriPartial.Path).TrimEnd('/')}/uploads/{path.Container}/{name}?expires={expires}&signature={signature}"),
            new Dictionary<string, string>(),
            DateTimeOffset.FromUnixTimeSeconds(expires));
    }

    /// <summary>Checks a URL that was called.</summary>
    /// <param name="path">What follows <c>uploads/</c>, unescaped.</param>
    /// <param name="expires">The query's <c>expires</c>.</param>
    /// <param name="signature">The query's <c>signature</c>.</param>
    /// <param name="target">Where the upload goes; only where this returns true.</param>
    /// <param name="reason">Why the URL is refused, for the caller; null where it is good.</param>
    public bool TryVerify(string? path, string? expires, string? signature, out ObjectPath target, [NotNullWhen(false)] out string? reason)
    {
        target = default;
        if (path?.Split('/', 2) is not [var container, var name]
            || !long.TryParse(expires, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            || signature is not { Length: 43 })
        {
            reason = "This is no upload URL; ask for a new one.";
            return false;
        }

        // The signature is checked first: nobody without the key learns anything from what follows.
        var claimed = new ObjectPath(container, name);
        var given = new byte[32];
        if (!Base64Url.IsValid(signature)
            || !Base64Url.TryDecodeFromChars(signature, given, out var length)
            || length != given.Length
            || !CryptographicOperations.FixedTimeEquals(given, Sign(claimed, seconds)))
        {
            reason = "The signature of this upload URL does not fit; use the URL exactly as it was given.";
            return false;
        }

        if (_timeProvider.GetUtcNow().ToUnixTimeSeconds() >= seconds)
        {
            reason = "This upload URL has expired; ask for a new one.";
            return false;
        }

        target = claimed;
        reason = null;
        return true;
    }

    private byte[] Sign(ObjectPath path, long expires) =>
        HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"PUT\n{path.Container}\n{path.Name}\n{expires}")));
}
