using System.Security.Cryptography;

namespace AIaaS.Platform.Storage;

/// <summary>A random key in a file that only its owner reads.</summary>
internal static class OwnerOnlyFile
{
    /// <summary>Reads the key, or makes it where there is none; of several processes that make it at once one wins.</summary>
    public static byte[] ReadOrCreateKey(string file, int length)
    {
        if (TryRead(file, length) is { } existing) return existing;

        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        var key = RandomNumberGenerator.GetBytes(length);
        var temporary = $"{file}.{Guid.NewGuid():N}.tmp";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            using (var stream = new FileStream(temporary, options))
            {
                stream.Write(key);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, file);
            return key;
        }
        catch (IOException) when (File.Exists(file))
        {
            return TryRead(file, length) ?? throw new IOException($"The key file '{Path.GetFileName(file)}' is damaged; remove it to have a new one made.");
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private static byte[]? TryRead(string file, int length)
    {
        try
        {
            var key = File.ReadAllBytes(file);
            return key.Length == length ? key : throw new IOException($"The key file '{Path.GetFileName(file)}' is damaged; remove it to have a new one made.");
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }
}
