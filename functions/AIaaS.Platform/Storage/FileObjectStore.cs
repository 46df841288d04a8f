using System.IO.Enumeration;

namespace AIaaS.Platform.Storage;

/// <summary>
/// Objects as plain files: a folder per container, so that people copy files in and look at them. Files whose names begin
/// with '.' or end in <c>.part</c> or <c>.tmp</c> are no objects, nor is what lies behind a symbolic link.
/// </summary>
/// <remarks>
/// <para>A write goes to a hidden staging folder and is renamed into place, so a killed process leaves the object as it was or as
/// it should be. An ETag is the file's modification time and length; writers give each version a later time than the one before.</para>
/// <para>Conditions hold among all writers of one instance; one process has one instance for a folder. As a file system cannot
/// have a file and a folder of one name, <c>a</c> and <c>a/b</c> cannot both be objects: writing the second is an
/// <see cref="IOException"/>.</para>
/// </remarks>
public sealed class FileObjectStore : IObjectStore, IDisposable
{
    private const int CopyBufferBytes = 128 * 1024;
    private const int ReadAttemptsBeforeLocking = 3;

    private readonly FileObjectStoreOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly string _root;
    private readonly StagingFolder _staging;
    private readonly StripedLocks _locks = new(256);
    private long _lastStamp;

    public FileObjectStore(FileObjectStoreOptions options, TimeProvider timeProvider)
    {
        _options = options;
        _timeProvider = timeProvider;
        _root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(options.Root));
        Directory.CreateDirectory(_root);
        var key = options.UploadKey ?? OwnerOnlyFile.ReadOrCreateKey(Path.Combine(Path.GetDirectoryName(_root) ?? _root, "uploads.key"), 32);
        UploadUrls = new FileUploadUrls(key, timeProvider);
        _staging = new StagingFolder(_root);
    }

    /// <summary>The folder of the containers, as an absolute path.</summary>
    public string Root => _root;

    /// <summary>Verifies the URLs that <see cref="CreateUploadUrlAsync"/> makes.</summary>
    public FileUploadUrls UploadUrls { get; }

    public async Task<ObjectProperties?> GetPropertiesAsync(ObjectPath path, CancellationToken cancellationToken)
    {
        ObjectNames.Require(path);
        if (BehindLink(path)) return null;

        var file = FileFor(path);
        for (var attempt = 1; ; attempt++)
        {
            using var held = attempt > ReadAttemptsBeforeLocking ? await _locks.EnterAsync(file, cancellationToken) : default;
            if (Version.Of(file) is not { } version) return null;
            if (Describe(path, file, version) is { } properties) return properties;
        }
    }

    public async Task<ObjectContent?> OpenReadAsync(ObjectPath path, ObjectRange? range, CancellationToken cancellationToken)
    {
        ObjectNames.Require(path);
        if (range is { } asked)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(asked.Offset, nameof(range));
            ArgumentOutOfRangeException.ThrowIfNegative(asked.Length ?? 0, nameof(range));
        }

        if (BehindLink(path)) return null;

        var file = FileFor(path);
        for (var attempt = 1; ; attempt++)
        {
            using var held = attempt > ReadAttemptsBeforeLocking ? await _locks.EnterAsync(file, cancellationToken) : default;
            if (Version.Of(file) is null || TryOpen(file) is not { } stream) return null;
            try
            {
                // Of the open handle, not of the name: another version may have the name by now.
                var version = new Version(File.GetLastWriteTimeUtc(stream.SafeFileHandle).Ticks, stream.Length);
                if (Describe(path, file, version) is { } properties)
                {
                    var content = new ObjectContent(properties, Slice(stream, range));
                    stream = null;
                    return content;
                }
            }
            finally
            {
                if (stream is not null) await stream.DisposeAsync();
            }
        }
    }

    public async Task<ObjectProperties> WriteAsync(ObjectPath path, Stream content, WriteOptions? options, CancellationToken cancellationToken)
    {
        ObjectNames.Require(path);
        FileMetadata.Require(options?.Metadata);
        if (BehindLink(path)) throw new IOException($"'{path}' lies behind a symbolic link.");

        var file = FileFor(path);
        var temporary = _staging.NewFile();
        try
        {
            // Before the content is copied, which may take long; what counts is the same check under the lock.
            RequireConditions(path, Version.Of(file), options);
            await CopyAsync(content, temporary, cancellationToken);
            using var held = await _locks.EnterAsync(file, cancellationToken);
            var going = Version.Of(file);
            RequireConditions(path, going, options);
            var coming = StampAfter(temporary, going);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            if (FileMetadata.Describe(file, going?.ETag, coming.ETag, options?.Metadata) is { } metadata)
            {
                WriteMetadata(file, metadata);
            }

            MoveIntoPlace(path, temporary, file, overwrite: options is not { IfAbsent: true });
            return new ObjectProperties
            {
                Path = path,
                ETag = coming.ETag,
                Length = coming.Length,
                LastModified = coming.LastModified,
                Metadata = options?.Metadata ?? new Dictionary<string, string>(),
            };
        }
        catch (IOException exception) when (IsDiskFull(exception))
        {
            throw new StorageFullException($"'{path}' was not written: the disk is full.", exception);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    public async Task<bool> DeleteAsync(ObjectPath path, string? ifMatch, CancellationToken cancellationToken)
    {
        ObjectNames.Require(path);
        if (BehindLink(path)) return false;

        var file = FileFor(path);
        using var held = await _locks.EnterAsync(file, cancellationToken);
        if (Version.Of(file) is not { } version) return false;
        if (ifMatch is not null && ifMatch != version.ETag) throw new PreconditionFailedException(path);

        Repeat(() => File.Delete(file));
        if (File.Exists(FileMetadata.PathFor(file))) File.Delete(FileMetadata.PathFor(file));
        return true;
    }

    public Task<ObjectPage> ListAsync(string container, string prefix, int limit, string? continuation, CancellationToken cancellationToken)
    {
        ObjectNames.RequireContainer(container);
        ObjectNames.RequirePrefix(prefix);
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        var stem = prefix[..(prefix.LastIndexOf('/') + 1)];
        var items = new List<ObjectProperties>();
        if (BehindLink(new ObjectPath(container, stem + "any"))) return Task.FromResult(new ObjectPage(items, null));

        foreach (var name in Walk(FileFor(new ObjectPath(container, stem)), stem, prefix, continuation))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var path = new ObjectPath(container, name);
            var file = FileFor(path);

            // A file that is replaced just now is asked again for the metadata of its new version; one that is gone is left out.
            ObjectProperties? properties = null;
            while (properties is null && Version.Of(file) is { } version) properties = Describe(path, file, version);
            if (properties is null) continue;
            if (items.Count == limit) return Task.FromResult(new ObjectPage(items, items[^1].Path.Name));
            items.Add(properties);
        }

        return Task.FromResult(new ObjectPage(items, null));
    }

    /// <inheritdoc/>
    /// <remarks>The URL is on our own host: a function for <c>PUT uploads/{*path}</c> checks it by <see cref="UploadUrls"/>.</remarks>
    public Task<UploadUrl> CreateUploadUrlAsync(ObjectPath path, TimeSpan lifetime, Uri requestBase, CancellationToken cancellationToken) =>
        Task.FromResult(UploadUrls.Create(path, lifetime, requestBase));

    public void Dispose() => _staging.Dispose();

    /// <summary>Names of objects in ordinal order, reading only the folders they can lie in.</summary>
    private static IEnumerable<string> Walk(string folder, string stem, string prefix, string? after)
    {
        foreach (var (key, isFolder) in Entries(folder, prefix.Length > stem.Length ? prefix[stem.Length..] : ""))
        {
            var name = stem + key;
            if (after is not null && string.CompareOrdinal(name, after) <= 0 && !(isFolder && after.StartsWith(name, StringComparison.Ordinal)))
            {
                continue;
            }

            if (!isFolder)
            {
                yield return name;
                continue;
            }

            var inner = Path.Combine(folder, key[..^1]);
            if (IsLink(new DirectoryInfo(inner))) continue;
            foreach (var innerName in Walk(inner, name, prefix, after)) yield return innerName;
        }
    }

    private static List<(string Key, bool IsFolder)> Entries(string folder, string prefix)
    {
        try
        {
            var entries = new FileSystemEnumerable<(string Key, bool IsFolder)>(
                folder,
                // A folder sorts as what its objects' names have in its place: "a-b" comes before "a/b" before "a0".
                (ref entry) => entry.IsDirectory ? (entry.FileName.ToString() + "/", true) : (entry.FileName.ToString(), false),
                new EnumerationOptions { AttributesToSkip = 0, IgnoreInaccessible = true })
            {
                ShouldIncludePredicate = (ref entry) => entry.FileName.StartsWith(prefix, StringComparison.Ordinal)
                    && (entry.IsDirectory || !ObjectNames.IsPartial(entry.FileName)),
            };
            var found = entries.Where(entry => ObjectNames.IsSegment(entry.IsFolder ? entry.Key[..^1] : entry.Key)).ToList();
            found.Sort((left, right) => string.CompareOrdinal(left.Key, right.Key));
            return found;
        }
        catch (Exception exception) when (exception is DirectoryNotFoundException or FileNotFoundException)
        {
            return [];
        }
        catch (IOException) when (File.Exists(folder))
        {
            return [];
        }
    }

    private static void RequireConditions(ObjectPath path, Version? current, WriteOptions? options)
    {
        if ((options is { IfAbsent: true } && current is not null)
            || (options?.IfMatch is { } eTag && eTag != current?.ETag))
        {
            throw new PreconditionFailedException(path);
        }
    }

    /// <returns>Null where the version was replaced before its metadata could be read.</returns>
    private static ObjectProperties? Describe(ObjectPath path, string file, Version version)
    {
        var metadata = FileMetadata.Find(file, version.ETag);
        if (metadata is null && Version.Of(file) is { } current && current != version) return null;

        return new ObjectProperties
        {
            Path = path,
            ETag = version.ETag,
            Length = version.Length,
            LastModified = version.LastModified,
            Metadata = metadata ?? new Dictionary<string, string>(),
        };
    }

    private static FileStream? TryOpen(string file)
    {
        try
        {
            return new FileStream(file, new FileStreamOptions
            {
                Mode = FileMode.Open,
                Access = FileAccess.Read,
                Share = FileShare.ReadWrite | FileShare.Delete,
                Options = FileOptions.Asynchronous | FileOptions.SequentialScan,
                BufferSize = 16 * 1024,
            });
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private static Stream Slice(FileStream stream, ObjectRange? range)
    {
        if (range is not { } part) return stream;

        var offset = Math.Min(part.Offset, stream.Length);
        stream.Position = offset;
        return new RangeStream(stream, Math.Min(part.Length ?? long.MaxValue, stream.Length - offset));
    }

    private async Task CopyAsync(Stream content, string temporary, CancellationToken cancellationToken)
    {
        await using var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
        if (content is MemoryStream)
        {
            // A document: one write, not worth a change of thread.
            content.CopyTo(stream);
        }
        else
        {
            await content.CopyToAsync(stream, CopyBufferBytes, cancellationToken);
        }

        File.SetLastWriteTimeUtc(stream.SafeFileHandle, new DateTime(NextStamp(0), DateTimeKind.Utc));
        if (_options.FlushToDisk) stream.Flush(flushToDisk: true);
    }

    /// <summary>Makes the new version's time later than the one it replaces, in whatever steps the file system counts.</summary>
    private Version StampAfter(string temporary, Version? going)
    {
        var coming = Version.Of(temporary) ?? throw new IOException("A staged file was removed by someone else.");
        var floor = going?.Ticks ?? 0;
        foreach (var step in (ReadOnlySpan<long>)[1, TimeSpan.TicksPerMillisecond, 2 * TimeSpan.TicksPerSecond])
        {
            if (coming.Ticks > floor) return coming;
            File.SetLastWriteTimeUtc(temporary, new DateTime(NextStamp(floor + step - 1), DateTimeKind.Utc));
            coming = Version.Of(temporary)!.Value;
        }

        return coming;
    }

    /// <summary>Ticks of now, but later than any before and than <paramref name="floor"/>.</summary>
    private long NextStamp(long floor)
    {
        var now = _timeProvider.GetUtcNow().UtcTicks;
        while (true)
        {
            var last = Volatile.Read(ref _lastStamp);
            var next = Math.Max(now, Math.Max(last, floor) + 1);
            if (Interlocked.CompareExchange(ref _lastStamp, next, last) == last) return next;
        }
    }

    private void WriteMetadata(string file, byte[] metadata)
    {
        var temporary = _staging.NewFile();
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0))
            {
                stream.Write(metadata);
                if (_options.FlushToDisk) stream.Flush(flushToDisk: true);
            }

            var target = FileMetadata.PathFor(file);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            Repeat(() => File.Move(temporary, target, overwrite: true));
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private static void MoveIntoPlace(ObjectPath path, string temporary, string file, bool overwrite)
    {
        try
        {
            Repeat(() => File.Move(temporary, file, overwrite));
        }
        catch (IOException) when (!overwrite && File.Exists(file))
        {
            // Copied there by a person since the check.
            throw new PreconditionFailedException(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException && Directory.Exists(file))
        {
            throw new IOException($"'{path}' cannot be written: objects below it make it a folder.", exception);
        }
    }

    /// <summary>Windows refuses to replace or remove a file in the instant that another process, such as a virus scanner, has it open.</summary>
    private static void Repeat(Action change)
    {
        for (var left = OperatingSystem.IsWindows() ? 50 : 0; ; left--)
        {
            try
            {
                change();
                return;
            }
            catch (Exception exception) when (left > 0 && exception is IOException or UnauthorizedAccessException)
            {
                Thread.Sleep(10);
            }
        }
    }

    private static bool IsDiskFull(IOException exception) => exception.HResult switch
    {
        // ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL; elsewhere ENOSPC and the EDQUOT of Linux and macOS.
        unchecked((int)0x80070070) or unchecked((int)0x80070027) => true,
        28 or 122 or 69 => !OperatingSystem.IsWindows(),
        _ => false,
    };

    private string FileFor(ObjectPath path) => Path.Combine([_root, path.Container, .. path.Name.Split('/')]);

    private bool BehindLink(ObjectPath path)
    {
        var folder = Path.Combine(_root, path.Container);
        var segments = path.Name.Split('/');
        for (var depth = 0; ; depth++)
        {
            if (IsLink(new DirectoryInfo(folder))) return true;
            if (depth == segments.Length - 1) return false;
            folder = Path.Combine(folder, segments[depth]);
        }
    }

    // Reparse points that are no links, such as files kept in a cloud drive, are objects.
    private static bool IsLink(FileSystemInfo info) => info.Exists && (info.Attributes & FileAttributes.ReparsePoint) != 0 && info.LinkTarget is not null;

    /// <summary>What tells one content of a file from another.</summary>
    private readonly record struct Version(long Ticks, long Length)
    {
        public string ETag => $"{Ticks:x}-{Length:x}";

        public DateTimeOffset LastModified => new(Ticks, TimeSpan.Zero);

        /// <returns>Null where there is no file, or a link.</returns>
        public static Version? Of(string file)
        {
            var info = new FileInfo(file);
            try
            {
                return info.Exists && !IsLink(info) ? new Version(info.LastWriteTimeUtc.Ticks, info.Length) : null;
            }
            catch (FileNotFoundException)
            {
                // Removed between two of these calls.
                return null;
            }
        }
    }
}
