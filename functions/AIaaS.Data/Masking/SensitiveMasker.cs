using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AIaaS.Formats;

namespace AIaaS.Data.Masking;

/// <summary>Hides the sensitive parts of values.</summary>
/// <param name="kinds">What is hidden.</param>
/// <param name="salt">The key of hashes; null redacts.</param>
internal sealed class SensitiveMasker(IReadOnlySet<SensitiveKind> kinds, byte[]? salt)
{
    private const int HashDigits = 16;

    /// <exception cref="DatasetException">Hashes are asked for, and the salt is missing or no base64.</exception>
    public static SensitiveMasker Of(PrepareParameters parameters) => new(parameters.Clean.Mask.Kinds.ToHashSet(), SaltOf(parameters));

    /// <summary>The value without what is hidden; the same instance where there is nothing.</summary>
    public string Mask(string text, SensitiveHints hints)
    {
        var matches = new List<SensitiveMatch>();
        SensitiveText.Find(text, hints, matches);
        matches.RemoveAll(match => !kinds.Contains(match.Kind));
        if (matches.Count == 0)
            return text;
        var masked = new StringBuilder(text.Length);
        int at = 0;
        foreach (SensitiveMatch match in matches.OrderBy(match => match.Start))
        {
            masked.Append(text, at, match.Start - at).Append(Replacement(text.Substring(match.Start, match.Length), match.Kind));
            at = match.Start + match.Length;
        }
        return masked.Append(text, at, text.Length - at).ToString();
    }

    /// <summary>Nested JSON stays JSON: texts are masked in their place, and a number that tells something becomes a text.</summary>
    public string MaskJson(string json, SensitiveHints hints)
    {
        JsonNode? node;
        try
        {
            node = JsonNode.Parse(json);
        }
        catch (JsonException)
        {
            return Mask(json, hints);
        }
        return Masked(node, hints)?.ToJsonString(JsonDefaults.Options) ?? "null";
    }

    /// <summary>A value hidden whole.</summary>
    public string Hide(string text) => salt is null ? "[masked]" : Hash(text);

    private JsonNode? Masked(JsonNode? node, SensitiveHints hints)
    {
        switch (node)
        {
            case JsonObject members:
                return new JsonObject(members.Select(member => KeyValuePair.Create(Mask(member.Key, hints), Masked(member.Value, hints | SensitiveHintsOf.Name(member.Key))))
                    .DistinctBy(member => member.Key));
            case JsonArray items:
                return new JsonArray([.. items.Select(item => Masked(item, hints))]);
            case JsonValue value when value.GetValueKind() is JsonValueKind.String or JsonValueKind.Number:
                string text = value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : value.ToJsonString();
                string masked = Mask(text, hints);
                return masked == text ? value.DeepClone() : JsonValue.Create(masked);
            default:
                return node?.DeepClone();
        }
    }

    private string Replacement(string part, SensitiveKind kind) => salt is not null ? Hash(part) : kind switch
    {
        SensitiveKind.Email => "[email]",
        SensitiveKind.Phone => "[phone]",
        SensitiveKind.Card => "[card]",
        SensitiveKind.NationalId => "[national-id]",
        SensitiveKind.Iban => "[iban]",
        _ => "[ip-address]",
    };

    private string Hash(string part) => Convert.ToHexStringLower(HMACSHA256.HashData(salt!, Encoding.UTF8.GetBytes(part)))[..HashDigits];

    private static byte[]? SaltOf(PrepareParameters parameters)
    {
        if (parameters.Clean.Mask.Action != MaskAction.Hash)
            return null;
        if (string.IsNullOrEmpty(parameters.MaskSalt))
        {
            throw new DatasetException(DatasetReasons.UnusableStep,
                "clean.mask: hashes need the tenant's salt, and there is none: a hash without a secret salt is undone by guessing. Set the salt (maskSalt, base64 of at least 16 random bytes), or choose the action redact or drop.");
        }
        byte[] salt = new byte[parameters.MaskSalt.Length];
        if (!Convert.TryFromBase64String(parameters.MaskSalt, salt, out int length) || length < 16)
            throw new DatasetException(DatasetReasons.UnusableStep, string.Create(CultureInfo.InvariantCulture, $"clean.mask: the salt is not base64 of at least 16 bytes. Set maskSalt to base64 of at least 16 random bytes."));
        return salt[..length];
    }
}
