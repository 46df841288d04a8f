namespace AIaaS.Platform.Storage;

/// <summary>
/// Where one writer prepares files before it renames them into place: <c>.staging/{id}/</c> in the same file system,
/// held by a lock on <c>.staging/{id}.lock</c> for as long as its process lives. What killed writers left is removed.
/// </summary>
internal sealed class StagingFolder : IDisposable
{
    public const string Name = ".staging";
    private const string LockSuffix = ".lock";

    private readonly FileStream _lock;
    private readonly string _folder;

    public StagingFolder(string root)
    {
        var staging = Path.Combine(root, Name);
        Directory.CreateDirectory(staging);
        RemoveLeftovers(staging);
        var id = Guid.NewGuid().ToString("N");
        _lock = new FileStream(Path.Combine(staging, id + LockSuffix), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        _folder = Path.Combine(staging, id);
        Directory.CreateDirectory(_folder);
    }

    /// <summary>The path of a file that is not there yet.</summary>
    public string NewFile() => Path.Combine(_folder, Guid.NewGuid().ToString("N"));

    public void Dispose()
    {
        try
        {
            Directory.Delete(_folder, recursive: true);
        }
        catch (IOException)
        {
            // A write in progress still has a file here; the next start removes it.
        }

        _lock.Dispose();
    }

    private static void RemoveLeftovers(string staging)
    {
        foreach (var file in Directory.EnumerateFiles(staging, "*" + LockSuffix).ToList())
        {
            try
            {
                using var free = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Somebody alive holds it.
            }
        }

        foreach (var folder in Directory.EnumerateDirectories(staging).Where(folder => !File.Exists(folder + LockSuffix)).ToList())
        {
            try
            {
                Directory.Delete(folder, recursive: true);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Another start removes it at the same time, or a person looks into it; the next start tries again.
            }
        }
    }
}
