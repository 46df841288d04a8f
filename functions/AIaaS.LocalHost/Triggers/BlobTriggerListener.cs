using System.Text.Json;
using System.Threading.Channels;
using AIaaS.LocalHost.Functions;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AIaaS.LocalHost.Triggers;

/// <summary>
/// Runs functions for blobs that arrive in the object store, each version once per function: at least once around a kill,
/// never again after its receipt is written. A version that fails too often becomes a message on <see cref="PoisonQueue"/>.
/// </summary>
/// <remarks>
/// One loop owns all that is known of the blobs. It hears of changes from the file system, looks at everything now and then for
/// what it was not told, and hands still versions to the workers, which report back to it.
/// </remarks>
internal sealed partial class BlobTriggerListener(
    IReadOnlyList<BlobTriggerFunction> functions,
    IObjectStore store,
    IMessageQueue queue,
    IFunctionExecutor executor,
    BlobTriggerOptions options,
    TimeProvider timeProvider,
    ILogger<BlobTriggerListener> logger) : BackgroundService
{
    /// <summary>The genuine host's name for it.</summary>
    public const string PoisonQueue = "webjobs-blobtrigger-poison";

    private const int PageSize = 5000;
    private const int MaximumReasonLength = 4000;
    private static readonly TimeSpan LongestRetryDelay = TimeSpan.FromMinutes(1);

    private readonly Channel<Signal> _signals = Channel.CreateUnbounded<Signal>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Channel<Work> _work = Channel.CreateUnbounded<Work>();
    private readonly PriorityQueue<(Watched Watched, string Name), DateTimeOffset> _due = new();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (functions.Count == 0) return;

        // Reading receipts and the first listing must not hold up the start of the host.
        await Task.Yield();
        var watched = functions.Select(function => new Watched(function, options)).ToList();
        var watchers = Watch(watched.Select(function => function.Pattern.Container).Distinct().ToList());
        var workers = Enumerable.Range(0, options.MaximumConcurrency).Select(_ => WorkAsync(stoppingToken)).ToList();
        try
        {
            await ObserveAsync(watched, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Handlers are told by the same token; what they leave is found again at the next start.
        }
        finally
        {
            watchers.ForEach(watcher => watcher.Dispose());
            _work.Writer.Complete();
            await Task.WhenAll(workers);
            watched.ForEach(function => function.Receipts.Dispose());
        }
    }

    private async Task ObserveAsync(List<Watched> functions, CancellationToken cancellationToken)
    {
        var nextScan = timeProvider.GetUtcNow();
        var changed = new HashSet<(string Container, string Name)>();
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            while (_signals.Reader.TryRead(out var signal))
            {
                switch (signal)
                {
                    case Changed change:
                        changed.Add((change.Container, change.Name));
                        break;
                    case Gone gone:
                        foreach (var function in functions.Where(function => function.Pattern.Container == gone.Container)) NoteGone(function, gone.Name);
                        break;
                    case Finished finished:
                        Note(finished);
                        break;
                    default:
                        nextScan = timeProvider.GetUtcNow();
                        break;
                }
            }

            if (timeProvider.GetUtcNow() >= nextScan)
            {
                changed.Clear();
                var started = timeProvider.GetTimestamp();
                foreach (var function in functions) await TryAsync(() => ScanAsync(function, cancellationToken), cancellationToken);

                // Listing a very large drop zone must not become all that the host does.
                var interval = TimeSpan.FromTicks(Math.Max(options.ScanInterval.Ticks, 20 * timeProvider.GetElapsedTime(started).Ticks));
                nextScan = timeProvider.GetUtcNow() + interval;
            }

            foreach (var (container, name) in changed)
            {
                foreach (var function in functions.Where(function => function.Pattern.Container == container))
                {
                    await TryAsync(() => CheckAsync(function, name, cancellationToken), cancellationToken);
                }
            }

            changed.Clear();
            while (_due.TryPeek(out var due, out var time) && time <= timeProvider.GetUtcNow())
            {
                _due.Dequeue();
                await TryAsync(() => CheckAsync(due.Watched, due.Name, cancellationToken), cancellationToken);
            }

            var wake = _due.TryPeek(out _, out var next) && next < nextScan ? next : nextScan;
            await WaitAsync(wake, cancellationToken);
        }
    }

    private async Task TryAsync(Func<Task> look, CancellationToken cancellationToken)
    {
        try
        {
            await look();
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            // A drop zone that cannot be read just now is looked at again by the next scan.
            LogUnreadable(exception);
        }
    }

    private async Task WaitAsync(DateTimeOffset until, CancellationToken cancellationToken)
    {
        var wait = until - timeProvider.GetUtcNow();
        if (wait <= TimeSpan.Zero) return;

        // Timers count whole milliseconds and may ring a little early.
        wait = TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAny(_signals.Reader.WaitToReadAsync(stop.Token).AsTask(), Task.Delay(wait, timeProvider, stop.Token));
        await stop.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
    }

    private async Task ScanAsync(Watched function, CancellationToken cancellationToken)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        string? continuation = null;
        do
        {
            var page = await store.ListAsync(function.Pattern.Container, function.Pattern.Prefix, PageSize, continuation, cancellationToken);
            foreach (var properties in page.Items)
            {
                seen.Add(properties.Path.Name);
                Observe(function, properties);
            }

            continuation = page.Continuation;
        }
        while (continuation is not null);

        foreach (var name in function.Blobs.Where(pair => !pair.Value.Busy && !seen.Contains(pair.Key)).Select(pair => pair.Key).ToList()) function.Forget(name);

        function.Receipts.ForgetUntaken();
    }

    private async Task CheckAsync(Watched function, string name, CancellationToken cancellationToken)
    {
        if (IsIgnored(name) || function.Pattern.Match(name) is null) return;

        try
        {
            if (await store.GetPropertiesAsync(new ObjectPath(function.Pattern.Container, name), cancellationToken) is { } properties)
            {
                Observe(function, properties);
            }
        }
        catch (ArgumentException)
        {
            // The file system told of a file whose name is no object's.
        }
    }

    private void Observe(Watched function, ObjectProperties properties)
    {
        var name = properties.Path.Name;
        if (IsIgnored(name)) return;
        if (!function.Blobs.TryGetValue(name, out var blob))
        {
            if (function.Pattern.Match(name) is null) return;
            blob = function.Begin(name);
        }

        if (blob.Busy || blob.HandledETag == properties.ETag) return;

        var now = timeProvider.GetUtcNow();
        if (blob.SeenETag != properties.ETag)
        {
            blob.Attempts = blob.TriedETag == properties.ETag ? blob.Attempts : 0;
            blob.SeenETag = properties.ETag;
            blob.NotBefore = now + options.Stillness;
            _due.Enqueue((function, name), blob.NotBefore);
        }
        else if (now >= blob.NotBefore)
        {
            blob.Busy = true;
            _work.Writer.TryWrite(new Work(function, properties, blob.Attempts + 1));
        }
    }

    /// <summary>Forgets a blob, so that the same version is handled again where it comes back before the next scan.</summary>
    private static void NoteGone(Watched function, string name)
    {
        if (!function.Blobs.TryGetValue(name, out var blob)) return;
        if (blob.Busy)
        {
            blob.Gone = true;
        }
        else
        {
            function.Forget(name);
        }
    }

    private void Note(Finished finished)
    {
        var (function, properties, attempt) = finished.Work;
        var blob = function.Blobs[properties.Path.Name];
        blob.Busy = false;
        if (blob.Gone)
        {
            blob.Recorded |= finished.Outcome != Outcome.Superseded;
            function.Forget(properties.Path.Name);
            _signals.Writer.TryWrite(new Changed(function.Pattern.Container, properties.Path.Name));
            return;
        }

        blob.NotBefore = timeProvider.GetUtcNow();
        switch (finished.Outcome)
        {
            case Outcome.Done:
                blob.Recorded = true;
                blob.HandledETag = properties.ETag;
                break;
            case Outcome.Failed:
                blob.Recorded = true;
                blob.TriedETag = properties.ETag;
                blob.Attempts = attempt;
                blob.NotBefore += Backoff.After(attempt, options.RetryDelay, LongestRetryDelay);
                break;
            default:
                blob.SeenETag = null;
                break;
        }

        // Looked at again even when done: another version may have come meanwhile.
        _due.Enqueue((function, properties.Path.Name), blob.NotBefore);
    }

    private async Task WorkAsync(CancellationToken stoppingToken)
    {
        await foreach (var work in _work.Reader.ReadAllAsync(CancellationToken.None))
        {
            // Once stopping, what waits is left for the next start.
            if (stoppingToken.IsCancellationRequested) return;
            _signals.Writer.TryWrite(new Finished(work, await HandleAsync(work, stoppingToken)));
        }
    }

    private async Task<Outcome> HandleAsync(Work work, CancellationToken cancellationToken)
    {
        var (function, properties, attempt) = work;
        var blob = function.BlobFor(properties.Path.Name);
        try
        {
            if (attempt > options.MaximumAttempts)
            {
                return await GiveUpAsync(work, "The host stopped during the last attempt.", cancellationToken);
            }

            await using var content = await store.OpenReadAsync(properties.Path, null, cancellationToken);
            if (content is null || content.Properties.ETag != properties.ETag) return Outcome.Superseded;

            function.Receipts.Add(new BlobReceipt(blob, properties.ETag, attempt, Handled: false));
            await executor.ExecuteAsync(function.Name, new TriggerData(content.Stream, BindingData(function, content.Properties)), cancellationToken);
            function.Receipts.Add(new BlobReceipt(blob, properties.ETag, attempt, Handled: true));
            return Outcome.Done;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // An orderly stop is no failure of the blob.
            function.Receipts.Add(new BlobReceipt(blob, properties.ETag, attempt - 1, Handled: false));
            return Outcome.Superseded;
        }
        catch (IOException exception) when (OperatingSystem.IsWindows() && (exception.HResult & 0xFFFF) == 32)
        {
            // ERROR_SHARING_VIOLATION: somebody is still writing it.
            return Outcome.Superseded;
        }
        catch (Exception exception)
        {
            LogFailed(function.Name, blob, attempt, options.MaximumAttempts, exception);
            return attempt < options.MaximumAttempts ? Outcome.Failed : await TryGiveUpAsync(work, exception.Message, cancellationToken);
        }
    }

    private async Task<Outcome> TryGiveUpAsync(Work work, string reason, CancellationToken cancellationToken)
    {
        try
        {
            return await GiveUpAsync(work, reason, cancellationToken);
        }
        catch (Exception exception)
        {
            // Without its poison message the blob is not done.
            LogNotGivenUp(work.Properties.Path.ToString(), exception);
            return Outcome.Failed;
        }
    }

    private async Task<Outcome> GiveUpAsync(Work work, string reason, CancellationToken cancellationToken)
    {
        var (function, properties, attempt) = work;
        var message = new PoisonBlob(
            function.Name, "BlockBlob", properties.Path.Container, properties.Path.Name, properties.ETag,
            reason.Length > MaximumReasonLength ? reason[..MaximumReasonLength] : reason);
        await queue.SendAsync(PoisonQueue, new BinaryData(JsonSerializer.SerializeToUtf8Bytes(message)), null, cancellationToken);
        function.Receipts.Add(new BlobReceipt(function.BlobFor(properties.Path.Name), properties.ETag, attempt, Handled: true));
        LogPoison(function.Name, properties.Path.ToString(), message.Reason);
        return Outcome.Done;
    }

    private static Dictionary<string, object?> BindingData(Watched function, ObjectProperties properties)
    {
        var data = function.Pattern.Match(properties.Path.Name)!;
        data["BlobTrigger"] = function.BlobFor(properties.Path.Name);
        data["Metadata"] = JsonSerializer.Serialize(properties.Metadata);
        data["Properties"] = JsonSerializer.Serialize(new { properties.ETag, ContentLength = properties.Length, properties.LastModified });
        return data;
    }

    private static bool IsIgnored(string name) => name.StartsWith('.') || name.Contains("/.", StringComparison.Ordinal)
        || name.EndsWith(".part", StringComparison.OrdinalIgnoreCase) || name.EndsWith(".tmp", StringComparison.OrdinalIgnoreCase);

    private List<FileSystemWatcher> Watch(IReadOnlyList<string> containers)
    {
        var watchers = new List<FileSystemWatcher>();
        foreach (var container in containers)
        {
            if (options.WatchedFolder is null) break;

            var folder = Path.Combine(options.WatchedFolder, container);
            try
            {
                Directory.CreateDirectory(folder);
                var watcher = new FileSystemWatcher(folder)
                {
                    IncludeSubdirectories = true,
                    NotifyFilter = NotifyFilters.FileName | NotifyFilters.DirectoryName | NotifyFilters.LastWrite | NotifyFilters.Size,
                };
                watchers.Add(watcher);
                watcher.Created += (_, change) => Tell(container, folder, change.FullPath);
                watcher.Changed += (_, change) => Tell(container, folder, change.FullPath);
                watcher.Renamed += (_, change) =>
                {
                    TellGone(container, folder, change.OldFullPath);
                    Tell(container, folder, change.FullPath);
                };
                watcher.Deleted += (_, change) => TellGone(container, folder, change.FullPath);
                watcher.Error += (_, _) => _signals.Writer.TryWrite(new Lost());
                watcher.EnableRaisingEvents = true;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // The system's limit on watches; scans find everything, only later.
                LogNotWatched(container, exception);
            }
        }

        return watchers;
    }

    private void Tell(string container, string folder, string path)
    {
        var name = NameOf(folder, path);
        if (IsIgnored(name)) return;

        // A folder moved in brings files that nobody tells of.
        _signals.Writer.TryWrite(Directory.Exists(path) ? new Lost() : new Changed(container, name));
    }

    private void TellGone(string container, string folder, string path)
    {
        var name = NameOf(folder, path);
        if (!IsIgnored(name)) _signals.Writer.TryWrite(new Gone(container, name));
    }

    private static string NameOf(string folder, string path) => Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/');

    [LoggerMessage(LogLevel.Warning, "Attempt {Attempt} of {MaximumAttempts} of {FunctionName} at blob {Blob} failed.")]
    private partial void LogFailed(string functionName, string blob, int attempt, int maximumAttempts, Exception exception);

    [LoggerMessage(LogLevel.Error, "{FunctionName} gave up blob {Blob}: {Reason}")]
    private partial void LogPoison(string functionName, string blob, string reason);

    [LoggerMessage(LogLevel.Error, "Blob {Blob} failed too often, and its poison message could not be sent.")]
    private partial void LogNotGivenUp(string blob, Exception exception);

    [LoggerMessage(LogLevel.Warning, "Changes in container {Container} cannot be watched and are found by scans only.")]
    private partial void LogNotWatched(string container, Exception exception);

    [LoggerMessage(LogLevel.Warning, "Blobs could not be looked at.")]
    private partial void LogUnreadable(Exception exception);

    private enum Outcome
    {
        /// <summary>Succeeded, or given up with a poison message.</summary>
        Done,
        Failed,

        /// <summary>Not tried: gone, replaced or still being written.</summary>
        Superseded,
    }

    /// <summary>What the owning loop is told.</summary>
    private abstract record Signal;

    private sealed record Changed(string Container, string Name) : Signal;

    private sealed record Gone(string Container, string Name) : Signal;

    /// <summary>More changed than is known by name.</summary>
    private sealed record Lost : Signal;

    private sealed record Finished(Work Work, Outcome Outcome) : Signal;

    private sealed record Work(Watched Function, ObjectProperties Properties, int Attempt);

    /// <summary>Named as the genuine host names the members of its message.</summary>
    private sealed record PoisonBlob(string FunctionId, string BlobType, string ContainerName, string BlobName, string ETag, string Reason);

    /// <summary>A function and what is known of its blobs.</summary>
    private sealed class Watched(BlobTriggerFunction function, BlobTriggerOptions options)
    {
        public string Name => function.FunctionName;

        public BlobPathPattern Pattern { get; } = new(function.PathPattern);

        public BlobReceipts Receipts { get; } = BlobReceipts.Open(Path.Combine(options.ReceiptsFolder, function.FunctionName + ".log"));

        public Dictionary<string, Blob> Blobs { get; } = new(StringComparer.Ordinal);

        public string BlobFor(string name) => $"{Pattern.Container}/{name}";

        public void Forget(string name)
        {
            if (Blobs.Remove(name, out var blob) && blob.Recorded) Receipts.Forget(BlobFor(name));
        }

        public Blob Begin(string name)
        {
            var receipt = Receipts.Take(BlobFor(name));
            var blob = new Blob
            {
                Recorded = receipt is not null,
                HandledETag = receipt is { Handled: true } ? receipt.ETag : null,
                TriedETag = receipt is { Handled: false } ? receipt.ETag : null,
                Attempts = receipt is { Handled: false } ? receipt.Attempts : 0,
            };
            Blobs.Add(name, blob);
            return blob;
        }
    }

    private sealed class Blob
    {
        public bool Busy { get; set; }

        /// <summary>Whether it was deleted while it was handled.</summary>
        public bool Gone { get; set; }

        public bool Recorded { get; set; }

        public string? HandledETag { get; set; }

        public string? TriedETag { get; set; }

        public int Attempts { get; set; }

        public string? SeenETag { get; set; }

        public DateTimeOffset NotBefore { get; set; }
    }
}
