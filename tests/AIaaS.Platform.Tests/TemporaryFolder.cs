namespace AIaaS.Platform.Tests;

/// <summary>A folder of its own for one test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("aiaas-test-").FullName;

    public string this[params string[] segments] => System.IO.Path.Combine([Path, .. segments]);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
