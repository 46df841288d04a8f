using System.Text.Json;

namespace AIaaS.Trainer.Jobs;

/// <summary>Files that appear whole: written beside under another name, then renamed.</summary>
internal static class AtomicFile
{
    public static void Write<T>(string path, T value, JsonSerializerOptions options)
    {
        var temporary = Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.tmp");
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            JsonSerializer.Serialize(file, value, options);
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }
}
