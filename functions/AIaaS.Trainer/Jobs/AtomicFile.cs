using System.Text.Json;

namespace AIaaS.Trainer.Jobs;

/// <summary>Files that appear whole: written beside under another name, then renamed.</summary>
internal static class AtomicFile
{
    private const string Suffix = ".tmp";

    public static void Write<T>(string path, T value, JsonSerializerOptions options)
    {
        var temporary = Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}{Suffix}");
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            JsonSerializer.Serialize(file, value, options);
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }

    /// <summary>Whether a file of this name was left by a writer that did not finish.</summary>
    public static bool IsUnfinished(string path) => Path.GetFileName(path).StartsWith('.') || path.EndsWith(Suffix, StringComparison.Ordinal);
}
