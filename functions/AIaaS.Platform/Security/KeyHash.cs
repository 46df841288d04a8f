using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace AIaaS.Platform.Security;

/// <summary>The SHA-256 of a key's UTF-8 text: all that is ever stored of it.</summary>
internal readonly record struct KeyHash(ulong A, ulong B, ulong C, ulong D)
{
    /// <summary>Longer texts are no keys; bounds what a hostile header costs.</summary>
    public const int MaximumTextLength = 256;

    /// <returns>False where the text is too long to be a key.</returns>
    public static bool TryCompute(ReadOnlySpan<char> text, out KeyHash hash)
    {
        if (text.Length > MaximumTextLength)
        {
            hash = default;
            return false;
        }

        Span<byte> utf8 = stackalloc byte[MaximumTextLength * 3];
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        var length = Encoding.UTF8.GetBytes(text, utf8);
        SHA256.HashData(utf8[..length], digest);
        CryptographicOperations.ZeroMemory(utf8[..length]);
        hash = FromBytes(digest);
        return true;
    }

    public static bool TryParse([NotNullWhen(true)] string? hex, out KeyHash hash)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        if (hex is { Length: 2 * SHA256.HashSizeInBytes }
            && Convert.FromHexString(hex, digest, out _, out _) == System.Buffers.OperationStatus.Done)
        {
            hash = FromBytes(digest);
            return true;
        }

        hash = default;
        return false;
    }

    /// <summary>Takes the same time wherever the two differ.</summary>
    public bool FixedTimeEquals(in KeyHash other) => ((A ^ other.A) | (B ^ other.B) | (C ^ other.C) | (D ^ other.D)) == 0;

    public string ToHex() => $"{A:x16}{B:x16}{C:x16}{D:x16}";

    private static KeyHash FromBytes(ReadOnlySpan<byte> digest) => new(
        BinaryPrimitives.ReadUInt64BigEndian(digest),
        BinaryPrimitives.ReadUInt64BigEndian(digest[8..]),
        BinaryPrimitives.ReadUInt64BigEndian(digest[16..]),
        BinaryPrimitives.ReadUInt64BigEndian(digest[24..]));
}
