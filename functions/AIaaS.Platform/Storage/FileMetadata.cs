using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Platform.Storage;

/// <summary>
/// Metadata of objects that are plain files: a document <c>.meta/{file}.json</c> beside each file that has any,
/// with an entry for each version it knows, keyed by ETag.
/// </summary>
/// <remarks>
/// It is written before its file is renamed into place and describes both the version that goes and the one that comes,
/// so whichever of the two a crash leaves has its own metadata. A file that a person copies in has an ETag without an entry.
/// </remarks>
internal static class FileMetadata
{
    public const string Folder = ".meta";

    private static readonly IReadOnlyDictionary<string, string> None = new Dictionary<string, string>();

    public static string PathFor(string file) => Path.Combine(Path.GetDirectoryName(file)!, Folder, Path.GetFileName(file) + ".json");

    /// <returns>Null where the version has no entry.</returns>
    public static IReadOnlyDictionary<string, string>? Find(string file, string eTag) =>
        Read(PathFor(file)) is { } versions ? versions.GetValueOrDefault(eTag) : null;

    /// <summary>Makes the document for a coming version.</summary>
    /// <returns>Null where neither version has metadata and none need be written.</returns>
    public static byte[]? Describe(string file, string? goingETag, string comingETag, IReadOnlyDictionary<string, string>? coming)
    {
        if (coming is not { Count: > 0 })
        {
            // Without an entry the coming version has none, whatever else the document says.
            return null;
        }

        var versions = new Dictionary<string, IReadOnlyDictionary<string, string>> { [comingETag] = coming };
        if (goingETag is not null && Find(file, goingETag) is { Count: > 0 } going)
        {
            versions[goingETag] = going;
        }

        return JsonSerializer.SerializeToUtf8Bytes(versions, JsonDefaults.Options);
    }

    /// <exception cref="ArgumentException">A key or value is out of pattern.</exception>
    public static void Require(IReadOnlyDictionary<string, string>? metadata)
    {
        foreach (var (key, value) in metadata ?? None)
        {
            if (key.Length == 0 || !char.IsAsciiLetterLower(key[0]) || !key.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c)))
            {
                throw new ArgumentException($"The metadata key '{key}' must be letters a-z and digits, beginning with a letter.", nameof(metadata));
            }

            if (!value.All(c => c is >= ' ' and <= '~'))
            {
                throw new ArgumentException($"The metadata value of '{key}' must be printable ASCII.", nameof(metadata));
            }
        }
    }

    private static Dictionary<string, Dictionary<string, string>>? Read(string document)
    {
        // Most objects have none, and an exception costs more than this question.
        if (!File.Exists(document)) return null;

        try
        {
            return JsonSerializer.Deserialize<Dictionary<string, Dictionary<string, string>>>(File.ReadAllBytes(document), JsonDefaults.Options);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            // A document that a person has spoilt must not make the object unreadable.
            return null;
        }
    }
}
