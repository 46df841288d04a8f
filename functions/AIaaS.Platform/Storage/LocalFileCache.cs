namespace AIaaS.Platform.Storage;

/// <summary>
/// Copies of stored objects on this machine's disk, for engines that read files; each copy is of one version of its object. What was used longest ago
/// goes first when there is more than the bound; what is in use stays, so that one object larger than the bound can be used too.
/// </summary>
/// <param name="folder">Holds the copies and nothing else; what an earlier process left in it is removed.</param>
/// <param name="maximumBytes">Bytes that copies nobody uses may take together.</param>
/// <param name="store">Where the objects are.</param>
public sealed class LocalFileCache(string folder, long maximumBytes, IObjectStore store) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ObjectPath, Entry> _entries = [];
    private readonly StripedLocks _downloads = new(64);
    private bool _swept;
    private bool _disposed;
    private long _clock;

    /// <summary>Bytes of all copies.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
            {
                return _entries.Values.Sum(entry => entry.Bytes);
            }
        }
    }

    /// <summary>Gives a copy of an object as it is now.</summary>
    /// <returns>The copy, which stays until it is disposed; null where there is no such object.</returns>
    public async Task<LocalFile?> OpenAsync(ObjectPath path, CancellationToken cancellationToken)
    {
        var properties = await store.GetPropertiesAsync(path, cancellationToken);
        if (properties is null)
        {
            return null;
        }

        if (Find(path, properties.ETag) is { } known)
        {
            return known;
        }

        using (await _downloads.EnterAsync(path.ToString(), cancellationToken))
        {
            return Find(path, properties.ETag) ?? await DownloadAsync(path, cancellationToken);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (var entry in _entries.Values)
            {
                Abandon(entry);
            }

            _entries.Clear();
        }
    }

    private LocalFile? Find(ObjectPath path, string etag)
    {
        lock (_gate)
        {
            return _entries.TryGetValue(path, out var entry) && entry.ETag == etag ? Lease(entry) : null;
        }
    }

    private async Task<LocalFile?> DownloadAsync(ObjectPath path, CancellationToken cancellationToken)
    {
        Sweep();
        var file = Path.Combine(folder, Guid.NewGuid().ToString("N") + Path.GetExtension(path.Name));
        await using var content = await store.OpenReadAsync(path, range: null, cancellationToken);
        if (content is null)
        {
            return null;
        }

        try
        {
            await using var target = new FileStream(file, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16, useAsync: true);
            await content.Stream.CopyToAsync(target, cancellationToken);
        }
        catch
        {
            File.Delete(file);
            throw;
        }

        var entry = new Entry(path, content.Properties.ETag, file, new FileInfo(file).Length);
        lock (_gate)
        {
            if (_entries.Remove(path, out var older))
            {
                Abandon(older);
            }

            _entries.Add(path, entry);
            var lease = Lease(entry);
            Shrink();
            return lease;
        }
    }

    private LocalFile Lease(Entry entry)
    {
        entry.Users++;
        entry.LastUse = ++_clock;
        return new LocalFile(entry.File, entry.ETag, () => Release(entry));
    }

    private void Release(Entry entry)
    {
        lock (_gate)
        {
            entry.Users--;
            if (entry.IsAbandoned)
            {
                Abandon(entry);
            }
            else if (!_disposed)
            {
                Shrink();
            }
        }
    }

    private void Shrink()
    {
        var bytes = _entries.Values.Sum(entry => entry.Bytes);
        foreach (var entry in _entries.Values.Where(entry => entry.Users == 0).OrderBy(entry => entry.LastUse).ToList())
        {
            if (bytes <= maximumBytes)
            {
                return;
            }

            _entries.Remove(entry.Path);
            Abandon(entry);
            bytes -= entry.Bytes;
        }
    }

    private static void Abandon(Entry entry)
    {
        entry.IsAbandoned = true;
        if (entry.Users == 0)
        {
            File.Delete(entry.File);
        }
    }

    private void Sweep()
    {
        lock (_gate)
        {
            if (_swept)
            {
                return;
            }

            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }

            Directory.CreateDirectory(folder);
            _swept = true;
        }
    }

    private sealed class Entry(ObjectPath path, string etag, string file, long bytes)
    {
        public ObjectPath Path { get; } = path;

        public string ETag { get; } = etag;

        public string File { get; } = file;

        public long Bytes { get; } = bytes;

        public int Users { get; set; }

        public long LastUse { get; set; }

        /// <summary>Whether the file goes with its last user.</summary>
        public bool IsAbandoned { get; set; }
    }
}

/// <summary>A copy of an object, which stays until it is disposed.</summary>
public sealed class LocalFile : IDisposable
{
    private Action? _release;

    internal LocalFile(string path, string etag, Action release) => (Path, ETag, _release) = (path, etag, release);

    public string Path { get; }

    /// <summary>Of the object that was copied.</summary>
    public string ETag { get; }

    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
