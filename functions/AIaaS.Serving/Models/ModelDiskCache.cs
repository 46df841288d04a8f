using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using System.Text;
using AIaaS.OnnxRuntime;
using Microsoft.Extensions.Logging;

namespace AIaaS.Serving.Models;

/// <summary>Where and how much a <see cref="ModelDiskCache"/> keeps.</summary>
public sealed record ModelDiskCacheOptions
{
    /// <summary>A folder of its own, which several processes may share.</summary>
    public required string Folder { get; init; }

    /// <summary>Most bytes of all its files; those used least recently go first.</summary>
    public long MaxBytes { get; init; } = 1L << 30;
}

/// <summary>
/// Keeps model files on the local disk, and beside each the graph as ONNX Runtime has optimized it for this machine, so that the
/// next start neither fetches nor optimizes it again.
/// </summary>
/// <remarks>
/// <para>A model's file is named by its SHA-256 and checked against it on every read. An optimized graph is named by that hash, by
/// a hash of all that it depends on (version of the runtime, instruction sets, options) and by its own SHA-256, and is checked
/// likewise. What does not match its name is deleted and counts as absent. Files come into being by a rename, so that
/// other processes see them whole or not at all; a file's time of writing is when it was used last.</para>
/// <para>Nothing here fails a load: a disk that is full or cannot be read is a cache that is empty.</para>
/// </remarks>
public sealed partial class ModelDiskCache(ModelDiskCacheOptions options, TimeProvider timeProvider, ILogger<ModelDiskCache> logger)
{
    private const string ModelExtension = ".onnx";
    private const string OptimizedExtension = ".ort";
    private const string UnfinishedExtension = ".tmp";

    /// <summary>Older ones are left by processes that were killed.</summary>
    private static readonly TimeSpan UnfinishedFor = TimeSpan.FromHours(1);

    private readonly Lock _trimming = new();

    /// <summary>The length of a model's file, without reading it; null where it is not here.</summary>
    internal long? FindLength(string sha256)
    {
        long? length = null;
        if (IsHash(sha256))
        {
            Try(() =>
            {
                var file = new FileInfo(PathOf(ModelName(sha256)));
                length = file.Exists ? file.Length : null;
            });
        }

        return length;
    }

    /// <returns>Null where it is not here.</returns>
    internal byte[]? TryReadModel(string sha256) => IsHash(sha256) ? TryRead(PathOf(ModelName(sha256)), sha256) : null;

    internal void AddModel(string sha256, ReadOnlyMemory<byte> file)
    {
        if (!IsHash(sha256) || file.Length > options.MaxBytes)
            return;
        Try(() =>
        {
            var unfinished = NewUnfinishedFile();
            using (var stream = new FileStream(unfinished, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0))
                stream.Write(file.Span);
            Finish(unfinished, ModelName(sha256));
        });
    }

    /// <returns>A graph in ONNX Runtime's own format, in memory that does not move; null where there is none.</returns>
    internal byte[]? TryReadOptimized(string sha256, string settings)
    {
        if (!IsHash(sha256))
            return null;
        byte[]? found = null;
        Try(() =>
        {
            var prefix = OptimizedPrefix(sha256, settings);
            foreach (var path in Directory.Exists(options.Folder) ? Directory.EnumerateFiles(options.Folder, prefix + "*" + OptimizedExtension) : [])
                found ??= TryRead(path, Path.GetFileNameWithoutExtension(path)[prefix.Length..]);
        });
        return found;
    }

    /// <summary>A file for ONNX Runtime to write to; null where the disk refuses.</summary>
    internal string? TryBeginOptimized(string sha256)
    {
        string? unfinished = null;
        if (IsHash(sha256))
            Try(() => unfinished = NewUnfinishedFile());
        return unfinished;
    }

    /// <summary>Takes over what ONNX Runtime has written.</summary>
    internal void AddOptimized(string sha256, string settings, string unfinished) => Try(() =>
    {
        var prefix = OptimizedPrefix(sha256, settings);
        if (Directory.EnumerateFiles(options.Folder, prefix + "*" + OptimizedExtension).Any())
        {
            // Another process was faster; the runtime does not write the same bytes twice, so that both would be kept.
            File.Delete(unfinished);
            return;
        }

        string hash;
        using (var stream = File.OpenRead(unfinished))
            hash = Convert.ToHexStringLower(SHA256.HashData(stream));
        Finish(unfinished, prefix + hash + OptimizedExtension);
    });

    internal void Discard(string unfinished) => Try(() => File.Delete(unfinished));

    /// <summary>Forgets the optimized graphs of a model, which ONNX Runtime could not use.</summary>
    internal void RemoveOptimized(string sha256) => Try(() =>
    {
        foreach (var path in Directory.EnumerateFiles(options.Folder, sha256 + "-*" + OptimizedExtension))
            File.Delete(path);
    });

    private static string ModelName(string sha256) => sha256.ToLowerInvariant() + ModelExtension;

    private static bool IsHash(string sha256) => sha256.Length == 2 * SHA256.HashSizeInBytes && sha256.All(char.IsAsciiHexDigit);

    /// <summary>An optimized graph may use what only this processor has, in the layout of this version of the runtime.</summary>
    private static string OptimizedPrefix(string sha256, string settings)
    {
        var machine = string.Create(CultureInfo.InvariantCulture,
            $"1|{OnnxRuntimeTelemetry.CreateEnvironment().GetVersionString()}|{RuntimeInformation.RuntimeIdentifier}|{Processor()}|{settings}");
        return $"{sha256.ToLowerInvariant()}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(machine)))[..16]}-";
    }

    private static string Processor()
    {
        if (!X86Base.IsSupported)
            return $"{AdvSimd.IsSupported}{Dp.IsSupported}{Rdm.IsSupported}";
        // Of leaf 1, EBX tells which core asks; the others are the same for all of a machine's cores.
        var (model, _, features, moreFeatures) = X86Base.CpuId(1, 0);
        var (_, extended, extended2, extended3) = X86Base.CpuId(7, 0);
        return string.Create(CultureInfo.InvariantCulture, $"{model:x}.{features:x}.{moreFeatures:x}.{extended:x}.{extended2:x}.{extended3:x}");
    }

    private string PathOf(string name) => Path.Combine(options.Folder, name);

    private byte[]? TryRead(string path, string sha256)
    {
        byte[]? content = null;
        Try(() =>
        {
            if (!File.Exists(path))
                return;
            using (var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0))
            {
                content = GC.AllocateUninitializedArray<byte>(checked((int)stream.Length), pinned: true);
                stream.ReadExactly(content);
            }

            if (Convert.ToHexStringLower(SHA256.HashData(content)).Equals(sha256, StringComparison.OrdinalIgnoreCase))
            {
                File.SetLastWriteTimeUtc(path, timeProvider.GetUtcNow().UtcDateTime);
                return;
            }

            content = null;
            LogDamaged(Path.GetFileName(path));
            File.Delete(path);
        });
        return content;
    }

    private string NewUnfinishedFile()
    {
        Directory.CreateDirectory(options.Folder);
        return PathOf(Guid.NewGuid().ToString("N") + UnfinishedExtension);
    }

    private void Finish(string unfinished, string name)
    {
        File.SetLastWriteTimeUtc(unfinished, timeProvider.GetUtcNow().UtcDateTime);
        File.Move(unfinished, PathOf(name), overwrite: true);
        Trim();
    }

    private void Trim()
    {
        lock (_trimming)
        {
            var files = new DirectoryInfo(options.Folder).GetFiles();
            var old = timeProvider.GetUtcNow().UtcDateTime - UnfinishedFor;
            foreach (var unfinished in files.Where(f => f.Extension == UnfinishedExtension && f.LastWriteTimeUtc < old))
                unfinished.Delete();

            long kept = 0;
            foreach (var file in files.Where(f => f.Extension is ModelExtension or OptimizedExtension).OrderByDescending(f => f.LastWriteTimeUtc))
            {
                kept += file.Length;
                if (kept > options.MaxBytes)
                    file.Delete();
            }
        }
    }

    private void Try(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or OverflowException)
        {
            // Another process may have deleted the file meanwhile, which is as good as never having had it.
            if (e is not (FileNotFoundException or DirectoryNotFoundException))
                LogDisk(e, options.Folder);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The model cache's file {File} was damaged and is deleted.")]
    private partial void LogDamaged(string file);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The model cache in {Folder} could not be used.")]
    private partial void LogDisk(Exception e, string folder);
}
