using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Training;
using AIaaS.Trainer.Jobs;

namespace AIaaS.Trainer.Nodes;

/// <summary>Keeps a job's folder in a mounted object store in step with the one the job works in.</summary>
/// <remarks>
/// A mounted file becomes an object when it is closed, and the mount may know neither renaming nor changing a file that is there.
/// So every file is written once, from its beginning to its end, under its own name, and an older one is removed first.
/// </remarks>
/// <param name="source">The job's folder in the store, to read what the attempts before left.</param>
/// <param name="target">The same, to write.</param>
/// <param name="job">The folder the job works in.</param>
internal sealed class StoreMirror(string source, string target, JobFolder job)
{
    public const string LogName = "log.txt";

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

    private string Outputs => job.Description.Outputs;

    private string Checkpoints => job.Description.Checkpoints;

    private string ResultPath => $"{Outputs}/{JobResult.FileName}";

    private string ProgressPrefix => $"{Outputs}/{JobProgress.Folder}/";

    /// <summary>Fetches what the attempts before left: checkpoints, and the last progress file, from which this attempt numbers on.</summary>
    public void Fetch()
    {
        var checkpoints = Path.Combine(source, Checkpoints);
        if (Directory.Exists(checkpoints))
        {
            foreach (var file in Directory.EnumerateFiles(checkpoints, "*", AllFiles))
                Fetch(Path.GetRelativePath(source, file));
        }

        var progress = Path.Combine(source, Outputs, JobProgress.Folder);
        if (Directory.Exists(progress) && Directory.EnumerateFiles(progress, "*.json").Max(StringComparer.Ordinal) is { } last)
            Fetch(Path.GetRelativePath(source, last));
        foreach (var (path, version) in LocalFiles())
            _mirrored[path] = version;
        Directory.CreateDirectory(Path.Combine(target, Outputs));
        File.Delete(Path.Combine(target, ResultPath));
    }

    /// <returns>The log of the attempts before.</returns>
    public string ReadLog()
    {
        var log = Path.Combine(source, LogName);
        return File.Exists(log) ? File.ReadAllText(log) : "";
    }

    public void WriteLog(BoundedLog log)
    {
        var length = log.Length;
        if (length == _logLength)
            return;
        Replace(Path.Combine(target, LogName), file =>
        {
            using var writer = new StreamWriter(file);
            writer.Write(log.ToString());
        });
        _logLength = length;
    }

    /// <summary>Copies what is new in the order it was written; the result is left to <see cref="StoreResult"/>.</summary>
    /// <param name="ended">False while the job runs: a file is then taken only when it stood still from one call to the next.</param>
    public void Copy(bool ended)
    {
        var files = LocalFiles().OrderBy(file => file.Version.Written).ThenBy(file => file.Path, StringComparer.Ordinal).ToList();
        foreach (var (path, version) in files)
        {
            if (_mirrored.TryGetValue(path, out var mirrored) && mirrored == version)
                continue;
            // Progress files appear whole by contract; of others nothing is known but that they still grow.
            var closed = ended || path.StartsWith(ProgressPrefix, StringComparison.Ordinal)
                || (_seen.TryGetValue(path, out var seen) && seen == version);
            _seen[path] = version;
            if (closed && Store(path))
                _mirrored[path] = version;
        }

        // A trainer keeps its last few checkpoints only; so does the store.
        var present = files.Select(file => file.Path).ToHashSet(StringComparer.Ordinal);
        foreach (var path in _mirrored.Keys.Where(path => !present.Contains(path)).ToList())
        {
            if (path.StartsWith(Checkpoints + "/", StringComparison.Ordinal))
                File.Delete(Path.Combine(target, path));
            _mirrored.Remove(path);
        }
    }

    /// <summary>Called last of all, since whoever sees the result takes everything else for complete.</summary>
    public void StoreResult() => Store(ResultPath);

    /// <summary>Says that the attempt left its work to be resumed.</summary>
    public void StoreInterruption() => Replace(
        Path.Combine(target, JobInterruption.FileName),
        file => JsonSerializer.Serialize(file, new JobInterruption { Attempt = job.Description.Attempt }, JsonDefaults.Options));

    private IEnumerable<(string Path, FileVersion Version)> LocalFiles()
    {
        foreach (var folder in new[] { job.Outputs, job.Checkpoints })
        {
            if (!Directory.Exists(folder))
                continue;
            foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*", AllFiles))
            {
                var path = Path.GetRelativePath(job.Path, file.FullName).Replace(Path.DirectorySeparatorChar, '/');
                if (JobFiles.IsPrivate(path) || path == ResultPath || !file.Exists)
                    continue;
                yield return (path, new FileVersion(file.Length, file.LastWriteTimeUtc));
            }
        }
    }

    private void Fetch(string path)
    {
        var local = Path.Combine(job.Path, path);
        Directory.CreateDirectory(Path.GetDirectoryName(local)!);
        using var from = File.OpenRead(Path.Combine(source, path));
        using var to = new FileStream(local, FileMode.Create, FileAccess.Write, FileShare.None);
        from.CopyTo(to);
    }

    /// <returns>False where the file has gone.</returns>
    private bool Store(string path)
    {
        try
        {
            using var from = new FileStream(Path.Combine(job.Path, path), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            Replace(Path.Combine(target, path), from.CopyTo);
            return true;
        }
        catch (FileNotFoundException) when (!File.Exists(Path.Combine(job.Path, path)))
        {
            return false;
        }
    }

    private static void Replace(string path, Action<Stream> write)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.Delete(path);
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None);
        write(file);
    }
}
