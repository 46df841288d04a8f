using System.Text;

namespace AIaaS.Tests;

/// <summary>A folder that is gone with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("aiaas-test-").FullName;

    /// <summary>A path below the folder.</summary>
    public string this[params string[] segments] => System.IO.Path.Combine([Path, .. segments]);

    /// <returns>The file's path.</returns>
    public string Write(string name, string text, Encoding? encoding = null)
        => Write(name, [.. (encoding?.GetPreamble() ?? []), .. (encoding ?? Encoding.UTF8).GetBytes(text)]);

    /// <inheritdoc cref="Write(string, string, Encoding?)"/>
    public string Write(string name, byte[] bytes)
    {
        File.WriteAllBytes(this[name], bytes);
        return this[name];
    }

    public void Dispose()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (IOException)
        {
            // A process that was just killed may still hold a file; the system's own cleaning takes the rest.
        }
    }
}
