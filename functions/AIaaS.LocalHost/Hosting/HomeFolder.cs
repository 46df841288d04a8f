using AIaaS.Platform;
using AIaaS.Platform.Storage;

namespace AIaaS.LocalHost.Hosting;

/// <summary>The folder that holds everything of one local host; held by one host at a time.</summary>
public sealed class HomeFolder : IDisposable
{
    private readonly FileStream _lock;

    private HomeFolder(string path, FileStream held)
    {
        Path = path;
        _lock = held;
    }

    /// <summary>Absolute.</summary>
    public string Path { get; }

    /// <summary>Holds the address of the running host.</summary>
    public string UrlFile => System.IO.Path.Combine(Path, "url");

    public string AdminKeyFile => System.IO.Path.Combine(Path, "admin.key");

    public string StorageFolder => PlatformOptions.StorageFolderOf(Path);

    /// <summary>Where files for a tenant's pipelines are dropped.</summary>
    public string DropFolderOf(string tenant) => System.IO.Path.Combine(StorageFolder, Containers.Incoming, tenant);

    public string DurableFolder => System.IO.Path.Combine(Path, "durable");

    /// <summary>What only work under way needs.</summary>
    public string WorkFolder => PlatformOptions.WorkFolderOf(Path);

    /// <summary>Which versions of which blobs were handled.</summary>
    public string ReceiptsFolder => System.IO.Path.Combine(Path, "receipts");

    /// <summary>Tells other programs where the host listens; the file is there with all of its text or not at all.</summary>
    public async Task AnnounceAsync(string url, CancellationToken cancellationToken)
    {
        var temporary = UrlFile + ".tmp";
        await File.WriteAllTextAsync(temporary, url, cancellationToken);
        File.Move(temporary, UrlFile, overwrite: true);
    }

    /// <summary>Takes a folder, which is made if there is none.</summary>
    /// <exception cref="StartRefusedException">Another host holds it, or it cannot be written.</exception>
    public static HomeFolder Open(string path)
    {
        var full = System.IO.Path.GetFullPath(path);
        try
        {
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(full);
            }
            else
            {
                // Private data lies below: nobody but its owner looks in. A folder that exists stays as its owner set it.
                Directory.CreateDirectory(full, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }

            // An exclusive handle: let go by the operating system even where the host is killed.
            var held = new FileStream(System.IO.Path.Combine(full, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            var home = new HomeFolder(full, held);
            File.Delete(home.UrlFile);
            if (Directory.Exists(home.WorkFolder))
            {
                // Half-done work of a host that was killed; whoever did it begins anew.
                Directory.Delete(home.WorkFolder, recursive: true);
            }

            return home;
        }
        catch (IOException held) when (IsHeldByAnother(held))
        {
            throw new StartRefusedException($"Another host is running on {full}. Stop it first, or choose another folder with --home.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StartRefusedException($"The folder {full} cannot be used: {error.Message} Choose another with --home.");
        }
    }

    // ERROR_SHARING_VIOLATION; elsewhere the EWOULDBLOCK of Linux and macOS. Read-only folders have an IOException of their own.
    private static bool IsHeldByAnother(IOException exception) => exception.HResult switch
    {
        unchecked((int)0x80070020) => true,
        11 or 35 => !OperatingSystem.IsWindows(),
        _ => false,
    };

    public void Dispose()
    {
        File.Delete(UrlFile);
        _lock.Dispose();
    }
}

/// <summary>The host cannot start, for a reason its user can mend.</summary>
public sealed class StartRefusedException(string message) : Exception(message);
