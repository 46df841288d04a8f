namespace AIaaS.Platform.Security;

/// <summary>The admin key of a local host, in a file that only its owner reads.</summary>
public static class AdminKeyFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Makes the file with a new key, or takes the one that is there.</summary>
    /// <param name="path">Where; its folder must exist.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The key's hash, for <see cref="SecurityOptions.BootstrapKeyHashes"/>.</returns>
    /// <exception cref="InvalidDataException">The file holds no key.</exception>
    public static async Task<string> EnsureAsync(string path, CancellationToken cancellationToken)
    {
        if (!File.Exists(path))
        {
            await CreateAsync(path, cancellationToken);
        }

        if (!OperatingSystem.IsWindows() && File.GetUnixFileMode(path) != OwnerOnly)
        {
            File.SetUnixFileMode(path, OwnerOnly);
        }

        var text = (await File.ReadAllTextAsync(path, cancellationToken)).Trim();
        return ApiKeyText.IsWellFormed(text)
            ? ApiKeyText.Hash(text)
            : throw new InvalidDataException($"'{path}' does not hold a key. Delete it, and the next start makes a new one.");
    }

    private static async Task CreateAsync(string path, CancellationToken cancellationToken)
    {
        // Whole or not at all, and never readable for others, not even for a moment.
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnerOnly;
        }

        try
        {
            await using (var writer = new StreamWriter(temporary, options))
            {
                await writer.WriteLineAsync(ApiKeyText.Create().AsMemory(), cancellationToken);
            }

            File.Move(temporary, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            // Another start was first; its key is the one.
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
