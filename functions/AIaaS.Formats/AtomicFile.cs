using System.Text.Json;

namespace AIaaS.Formats;

/// <summary>Files that appear whole: written beside under another name, then renamed.</summary>
public static class AtomicFile
{
    public static void Write<T>(string path, T value, JsonSerializerOptions options) =>
        Write(path, file => JsonSerializer.Serialize(file, value, options));

    public static void Write(string path, Action<Stream> write)
    {
        var temporary = Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.tmp");
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            write(file);
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }
}
