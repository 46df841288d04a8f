using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AIaaS.LocalHost.Durable.History;

/// <summary>
/// The files of all histories: one per instance under <c>running</c> until it has ended and told its parent, then under
/// <c>ended</c>. Histories that could not be read are kept under <c>corrupt</c>.
/// </summary>
/// <remarks>A file name is the instance id with everything but lower-case letters, digits, <c>-</c> and <c>_</c> escaped.</remarks>
internal class HistoryFolder : IDisposable
{
    private const string Extension = ".log";
    private const int LongestKey = 150;

    private readonly string _running;
    private readonly string _ended;
    private readonly string _corrupt;
    private readonly ReaderWriterLockSlim _open = new();
    private readonly Lock _unflushedGate = new();
    private HashSet<string> _unflushed = [];
    private bool _closed;

    public HistoryFolder(string folder)
    {
        _running = Path.Combine(folder, "running");
        _ended = Path.Combine(folder, "ended");
        _corrupt = Path.Combine(folder, "corrupt");
        Directory.CreateDirectory(_running);
        Directory.CreateDirectory(_ended);
    }

    public static string KeyOf(string instanceId)
    {
        var key = new StringBuilder(instanceId.Length);
        foreach (var value in Encoding.UTF8.GetBytes(instanceId))
        {
            if (char.IsAsciiLetterLower((char)value) || char.IsAsciiDigit((char)value) || value is (byte)'-' or (byte)'_')
                key.Append((char)value);
            else
                key.Append('=').Append(value.ToString("X2", CultureInfo.InvariantCulture));
        }

        // A hash keeps the name within what file systems allow; "==" occurs in no escaped name.
        return key.Length <= LongestKey
            ? key.ToString()
            : $"{key.ToString(0, 60)}=={Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(instanceId)))}";
    }

    /// <summary>The instance id of a key; of one that was too long, the key itself.</summary>
    public static string InstanceIdOf(string key)
    {
        // The escapes are those of a URI with another sign.
        return key.Contains("==", StringComparison.Ordinal) ? key : Uri.UnescapeDataString(key.Replace('=', '%'));
    }

    public IEnumerable<string> RunningKeys() => Keys(_running);

    public IEnumerable<string> EndedKeys() => Keys(_ended);

    public byte[] ReadRunning(string key) => File.ReadAllBytes(RunningPath(key));

    public byte[] ReadRunning(string key, long length)
    {
        using var handle = File.OpenHandle(RunningPath(key), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var content = new byte[length];
        return ReadFully(handle, 0, content) == length
            ? content
            : throw new IOException($"The history {key} is shorter than what was written to it.");
    }

    /// <summary>Reads the first and the last record of an ended history.</summary>
    /// <returns><c>null</c> when there is none or it is damaged.</returns>
    public (ExecutionStarted Started, ExecutionEnded Ended)? ReadEnded(string key)
    {
        if (!HasEnded(key))
            return null;
        try
        {
            using var handle = File.OpenHandle(EndedPath(key), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var ends = HistoryFrame.DecodeEnds(
                (position, buffer) => ReadFully(handle, position, buffer), RandomAccess.GetLength(handle));
            return ends is (ExecutionStarted started, ExecutionEnded ended) ? (started, ended) : null;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Begins a history; one that ended under the same id is forgotten.</summary>
    public void Create(string key, ReadOnlySpan<byte> frame)
    {
        EnterWrite();
        try
        {
            Write(RunningPath(key), 0, frame);
            if (File.Exists(EndedPath(key)))
                Delete(EndedPath(key));
        }
        finally
        {
            _open.ExitReadLock();
        }
    }

    /// <summary>Appends to a history, over what a failed write may have left there.</summary>
    public void Append(string key, long length, ReadOnlySpan<byte> frame)
    {
        EnterWrite();
        try
        {
            Write(RunningPath(key), length, frame);
        }
        finally
        {
            _open.ExitReadLock();
        }
    }

    /// <summary>Puts a new history in place of a running one, atomically.</summary>
    public void Replace(string key, ReadOnlySpan<byte> frame)
    {
        EnterWrite();
        try
        {
            var next = RunningPath(key) + ".next";
            Write(next, 0, frame);
            Move(next, RunningPath(key));
        }
        finally
        {
            _open.ExitReadLock();
        }
    }

    public void MoveToEnded(string key)
    {
        EnterWrite();
        try
        {
            Move(RunningPath(key), EndedPath(key));
        }
        finally
        {
            _open.ExitReadLock();
        }
    }

    /// <summary>Keeps a copy of a damaged history for inspection.</summary>
    public void SetAside(string key)
    {
        EnterWrite();
        try
        {
            Directory.CreateDirectory(_corrupt);
            File.Copy(RunningPath(key), Path.Combine(_corrupt, $"{key}.{Guid.NewGuid():N}{Extension}"));
        }
        finally
        {
            _open.ExitReadLock();
        }
    }

    public void DeleteRunning(string key) => DeleteOpen(RunningPath(key));

    public void DeleteEnded(string key) => DeleteOpen(EndedPath(key));

    public bool HasEnded(string key) => File.Exists(EndedPath(key));

    /// <summary>Removes what an interrupted <see cref="Replace"/> left.</summary>
    public void DeleteLeftovers()
    {
        foreach (var path in Directory.EnumerateFiles(_running, "*.next"))
        {
            DeleteOpen(path);
        }
    }

    /// <summary>Forces to the disk what was written since the last call.</summary>
    public void Flush()
    {
        HashSet<string> paths;
        lock (_unflushedGate)
        {
            paths = _unflushed;
            _unflushed = [];
        }

        foreach (var path in paths)
        {
            try
            {
                using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
                RandomAccess.FlushToDisk(handle);
            }
            catch (FileNotFoundException)
            {
                // Moved or purged since; a move notes the new path.
            }
        }
    }

    /// <summary>Waits for writes in progress and refuses all later ones.</summary>
    public void Close()
    {
        _open.EnterWriteLock();
        _closed = true;
        _open.ExitWriteLock();
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (disposing && !_closed)
            Close();
    }

    protected virtual void Write(string path, long position, ReadOnlySpan<byte> content)
    {
        using (var handle = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete))
        {
            if (RandomAccess.GetLength(handle) > position)
                RandomAccess.SetLength(handle, position);
            RandomAccess.Write(handle, content, position);
        }

        NoteUnflushed(path);
    }

    protected virtual void Move(string from, string to)
    {
        File.Move(from, to, overwrite: true);
        NoteUnflushed(to);
    }

    protected virtual void Delete(string path) => File.Delete(path);

    private static IEnumerable<string> Keys(string folder) => Directory
        .EnumerateFiles(folder, "*" + Extension)
        .Select(path => Path.GetFileName(path)[..^Extension.Length]);

    private static int ReadFully(Microsoft.Win32.SafeHandles.SafeFileHandle handle, long position, byte[] buffer)
    {
        var total = 0;
        while (total < buffer.Length)
        {
            var read = RandomAccess.Read(handle, buffer.AsSpan(total), position + total);
            if (read == 0)
                break;
            total += read;
        }

        return total;
    }

    private void DeleteOpen(string path)
    {
        EnterWrite();
        try
        {
            Delete(path);
        }
        finally
        {
            _open.ExitReadLock();
        }
    }

    private void EnterWrite()
    {
        _open.EnterReadLock();
        if (!_closed)
            return;
        _open.ExitReadLock();
        throw new ObjectDisposedException(nameof(HistoryFolder), "The durable engine has stopped.");
    }

    private void NoteUnflushed(string path)
    {
        lock (_unflushedGate)
        {
            _unflushed.Add(path);
        }
    }

    private string RunningPath(string key) => Path.Combine(_running, key + Extension);

    private string EndedPath(string key) => Path.Combine(_ended, key + Extension);
}
