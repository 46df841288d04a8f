using System.Text;
using AIaaS.Formats;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Training;

/// <summary>Brings a job's files from the object store before it runs, and back while it runs.</summary>
internal sealed class JobMirror(IObjectStore store, ProcessJob job, TrainingJob description)
{
    private const int PageSize = 1000;
    private const string LogName = "log.txt";

    private static readonly EnumerationOptions AllFiles = new()
    {
        RecurseSubdirectories = true,
        // What a link points to is not the job's.
        AttributesToSkip = FileAttributes.ReparsePoint,
    };

    private readonly Dictionary<string, FileVersion> _seen = [];
    private readonly Dictionary<string, FileVersion> _mirrored = [];
    private long _logLength;

    private readonly record struct FileVersion(long Length, DateTime Written);

    /// <summary>Fetches inputs, and what the attempts before left: checkpoints, and the number of the last progress file.</summary>
    /// <exception cref="FileNotFoundException">An input is not in the store.</exception>
    public async Task MaterializeAsync(CancellationToken cancellationToken)
    {
        foreach (var (name, source) in description.Inputs)
        {
            var local = Path.Combine(job.Folder, description.Description.Inputs[name]);
            if (source.Name.EndsWith('/'))
                await FetchFolderAsync(source, local, cancellationToken);
            else if (!await FetchAsync(source, local, cancellationToken))
                throw new FileNotFoundException($"The input '{name}' is not in the object store.", source.ToString());
        }

        await FetchFolderAsync(In(description.Description.Checkpoints + "/"), job.Checkpoints, cancellationToken);
        ObjectPath? last = null;
        await foreach (var path in ListAsync(In($"{description.Description.Outputs}/{JobProgress.Folder}/"), cancellationToken))
            last = path;
        if (last is { } progress)
            await FetchAsync(progress, Path.Combine(job.Outputs, JobProgress.Folder, Path.GetFileName(progress.Name)), cancellationToken);
        foreach (var (path, _, version) in LocalFiles())
            _mirrored[path] = version;
    }

    public Task WriteDescriptionAsync(JobDescription value, CancellationToken cancellationToken) =>
        store.WriteAsync(In(JobDescription.FileName), BinaryData.FromObjectAsJson(value, JsonDefaults.Indented).ToStream(), null, cancellationToken);

    public Task DeleteResultAsync(CancellationToken cancellationToken) => store.DeleteAsync(ResultPath, null, cancellationToken);

    /// <summary>The log of the attempts before.</summary>
    public async Task<string> ReadLogAsync(CancellationToken cancellationToken)
    {
        await using var content = await store.OpenReadAsync(In(LogName), null, cancellationToken);
        if (content is null)
            return "";
        using var reader = new StreamReader(content.Stream);
        return await reader.ReadToEndAsync(cancellationToken);
    }

    public async Task WriteLogAsync(BoundedLog log, CancellationToken cancellationToken)
    {
        var length = log.Length;
        if (length == _logLength)
            return;
        await store.WriteAsync(In(LogName), new MemoryStream(Encoding.UTF8.GetBytes(log.ToString())), null, cancellationToken);
        _logLength = length;
    }

    /// <summary>Copies what is new in the order it was written; the result is left to <see cref="WriteResultAsync"/>.</summary>
    /// <param name="ended">False while the job runs: a file is then taken only when it stood still from one call to the next.</param>
    /// <param name="cancellationToken">Stops between and inside files.</param>
    /// <exception cref="ArgumentException">The store takes no object of such a name.</exception>
    public async Task CopyAsync(bool ended, CancellationToken cancellationToken)
    {
        var files = LocalFiles().OrderBy(file => file.Version.Written).ThenBy(file => file.Path, StringComparer.Ordinal).ToList();
        foreach (var (path, local, version) in files)
        {
            if (_mirrored.TryGetValue(path, out var mirrored) && mirrored == version)
                continue;
            // Progress files appear whole by contract; of others nothing is known but that they still grow.
            var closed = ended || path.StartsWith(ProgressPrefix, StringComparison.Ordinal)
                || (_seen.TryGetValue(path, out var seen) && seen == version);
            _seen[path] = version;
            if (closed && await StoreAsync(path, local, cancellationToken))
                _mirrored[path] = version;
        }

        // A trainer keeps its last few checkpoints only; so does the mirror.
        var present = files.Select(file => file.Path).ToHashSet(StringComparer.Ordinal);
        foreach (var path in _mirrored.Keys.Where(path => !present.Contains(path)).ToList())
        {
            if (path.StartsWith(description.Description.Checkpoints + "/", StringComparison.Ordinal))
                await store.DeleteAsync(In(path), null, cancellationToken);
            _mirrored.Remove(path);
        }
    }

    /// <summary>Called last of all, since whoever sees the result takes everything else for complete.</summary>
    public Task WriteResultAsync(CancellationToken cancellationToken) =>
        StoreAsync($"{description.Description.Outputs}/{JobResult.FileName}", Path.Combine(job.Outputs, JobResult.FileName), cancellationToken);

    private ObjectPath ResultPath => In($"{description.Description.Outputs}/{JobResult.FileName}");

    private string ProgressPrefix => $"{description.Description.Outputs}/{JobProgress.Folder}/";

    private ObjectPath In(string path) => description.Folder with { Name = description.Folder.Name + path };

    private IEnumerable<(string Path, string Local, FileVersion Version)> LocalFiles()
    {
        foreach (var folder in new[] { job.Outputs, job.Checkpoints })
        {
            if (!Directory.Exists(folder))
                continue;
            foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*", AllFiles))
            {
                var path = Path.GetRelativePath(job.Folder, file.FullName).Replace(Path.DirectorySeparatorChar, '/');
                if (JobFiles.IsPrivate(path) || path == ResultPath.Name[description.Folder.Name.Length..] || !file.Exists)
                    continue;
                yield return (path, file.FullName, new FileVersion(file.Length, file.LastWriteTimeUtc));
            }
        }
    }

    /// <returns>False where the file has gone.</returns>
    private async Task<bool> StoreAsync(string path, string local, CancellationToken cancellationToken)
    {
        try
        {
            await using var file = new FileStream(local, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            await store.WriteAsync(In(path), file, null, cancellationToken);
            return true;
        }
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException && !File.Exists(local))
        {
            return false;
        }
    }

    private async Task<bool> FetchAsync(ObjectPath path, string local, CancellationToken cancellationToken)
    {
        await using var content = await store.OpenReadAsync(path, null, cancellationToken);
        if (content is null)
            return false;
        Directory.CreateDirectory(Path.GetDirectoryName(local)!);
        await using var file = new FileStream(local, FileMode.Create, FileAccess.Write, FileShare.None);
        await content.Stream.CopyToAsync(file, cancellationToken);
        return true;
    }

    private async Task FetchFolderAsync(ObjectPath prefix, string local, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(local);
        await foreach (var path in ListAsync(prefix, cancellationToken))
        {
            var target = Path.GetFullPath(Path.Combine(local, path.Name[prefix.Name.Length..]));
            if (target.StartsWith(Path.GetFullPath(local) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
                await FetchAsync(path, target, cancellationToken);
        }
    }

    private async IAsyncEnumerable<ObjectPath> ListAsync(ObjectPath prefix, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? continuation = null;
        do
        {
            var page = await store.ListAsync(prefix.Container, prefix.Name, PageSize, continuation, cancellationToken);
            foreach (var item in page.Items)
                yield return item.Path;
            continuation = page.Continuation;
        }
        while (continuation is not null);
    }
}
