using System.Text;
using System.Text.Json;
using AIaaS.LocalHost.Triggers;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace AIaaS.LocalHost.Tests.Triggers;

public sealed class BlobTriggerListenerTests : IAsyncDisposable
{
    private const string Function = "DatasetDropped";
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(200);

    private readonly TemporaryFolder _home = new();
    private readonly SteppedTime _time = new();
    private readonly FileObjectStore _files;
    private readonly CountingStore _store;
    private readonly FileMessageQueue _queue;
    private readonly RecordingExecutor _executor = new();
    private BlobTriggerListener? _listener;
    private BlobTriggerOptions _options;

    public BlobTriggerListenerTests()
    {
        _files = new FileObjectStore(new FileObjectStoreOptions { Root = _home["storage"], FlushToDisk = false }, _time);
        _store = new CountingStore(_files);
        _queue = new FileMessageQueue(new FileMessageQueueOptions { Root = _home["queues"], FlushToDisk = false }, _time);
        _options = new BlobTriggerOptions { ReceiptsFolder = _home["triggers"], MaximumConcurrency = 1 };
        Directory.CreateDirectory(_home["storage", "incoming"]);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _files.Dispose();
        _home.Dispose();
    }

    [Fact]
    public async Task A_dropped_file_reaches_the_function_with_its_content_and_path()
    {
        await StartAsync();
        Drop("default/churn/a.csv", "x,y");
        await HoldsAsync(() => _executor.Calls.Count == 1);

        var call = _executor.Calls[0];
        Assert.Equal(Function, call.Function);
        Assert.Equal("x,y", call.Text);
        Assert.Equal("default/churn/a.csv", call.Data.BindingData["path"]);
        Assert.Equal("incoming/default/churn/a.csv", call.Data.BindingData["BlobTrigger"]);
    }

    [Fact]
    public async Task An_object_written_to_the_store_reaches_the_function_with_its_metadata()
    {
        await StartAsync();
        await _files.WriteAsync(new ObjectPath("incoming", "default/churn/a.csv"), new MemoryStream([1]), new WriteOptions { Metadata = new Dictionary<string, string> { ["by"] = "us" } }, default);
        await HoldsAsync(() => _executor.Calls.Count == 1);
        Assert.Equal("{\"by\":\"us\"}", _executor.Calls[0].Data.BindingData["Metadata"]);
    }

    [Fact]
    public async Task A_file_dropped_while_the_host_was_down_is_found()
    {
        Drop("default/churn/a.csv", "a");
        await StartAsync();
        await HoldsAsync(() => _executor.Calls.Count == 1);
    }

    [Fact]
    public async Task The_file_system_tells_of_a_drop_long_before_the_next_scan()
    {
        _options = _options with { WatchedFolder = _home["storage"], ScanInterval = TimeSpan.FromDays(20) };
        Directory.CreateDirectory(_home["storage", "incoming", "default", "churn"]);
        await StartAsync();
        await HoldsAsync(() => _store.Listings > 0);
        Drop("default/churn/a.csv", "a");
        await HoldsAsync(() => _executor.Calls.Count == 1);
    }

    [Fact]
    public async Task The_file_system_tells_of_a_folder_moved_in_with_its_files()
    {
        _options = _options with { WatchedFolder = _home["storage"], ScanInterval = TimeSpan.FromDays(20) };
        await StartAsync();
        await HoldsAsync(() => _store.Listings > 0);
        Directory.CreateDirectory(_home["elsewhere", "churn"]);
        await File.WriteAllTextAsync(_home["elsewhere", "churn", "a.csv"], "a");
        Directory.Move(_home["elsewhere"], _home["storage", "incoming", "default"]);
        await HoldsAsync(() => _executor.Calls.Count == 1);
    }

    [Fact]
    public async Task A_version_is_handled_once_across_scans_and_restarts()
    {
        Drop("default/churn/a.csv", "a");
        await StartAsync();
        await HoldsAsync(() => _executor.Calls.Count == 1);
        await AssertNothingElseAsync("a");
        await StopAsync();
        await StartAsync();
        await AssertNothingElseAsync("a", "marker");
    }

    [Fact]
    public async Task A_new_version_is_handled_again()
    {
        Drop("default/churn/a.csv", "one");
        await StartAsync();
        await HoldsAsync(() => _executor.Calls.Count == 1);
        Drop("default/churn/a.csv", "three");
        await HoldsAsync(() => _executor.Calls.Count == 2);
        Assert.Equal(["one", "three"], _executor.Texts);
    }

    [Fact]
    public async Task A_version_that_comes_while_the_one_before_is_handled_is_handled_after_it()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _executor.Behaviour = (call, _) => call.Text == "one" ? release.Task : Task.CompletedTask;
        Drop("default/churn/a.csv", "one");
        await StartAsync();
        await HoldsAsync(() => _executor.Calls.Count == 1);
        Drop("default/churn/a.csv", "three");
        var listings = _store.Listings;
        await HoldsAsync(() => _store.Listings >= listings + 3);
        Assert.Single(_executor.Calls);
        release.SetResult();
        await HoldsAsync(() => _executor.Calls.Count == 2);
        Assert.Equal(["one", "three"], _executor.Texts);
    }

    [Fact]
    public async Task A_file_that_still_grows_has_not_arrived()
    {
        _options = _options with { ScanInterval = Step };
        var file = Drop("default/churn/a.csv", "0");
        await StartAsync();
        for (var i = 1; i < 10; i++)
        {
            await File.AppendAllTextAsync(file, "0");
            var listings = _store.Listings;

            // Four steps of looking are less than the second that a file must be still.
            for (var step = 1; step <= 4; step++)
            {
                // Time that passes during a listing would put off the next one.
                await Eventually.HoldsAsync(_time, () => _time.WaitingTimers > 0, TimeSpan.Zero);
                _time.Advance(Step);
                await Eventually.HoldsAsync(_time, () => _store.Listings >= listings + step, TimeSpan.Zero);
            }

            Assert.Empty(_executor.Calls);
        }

        await HoldsAsync(() => _executor.Calls.Count == 1);
        Assert.Equal("0000000000", _executor.Calls[0].Text);
    }

    [Fact]
    public async Task Hidden_and_half_written_files_are_left_alone_until_they_are_renamed()
    {
        Drop("default/churn/.hidden.csv", "hidden");
        Drop("default/.folder/a.csv", "hidden folder");
        var half = Drop("default/churn/a.csv.part", "part");
        Drop("default/churn/b.tmp", "tmp");
        await StartAsync();
        await AssertNothingElseAsync("marker");
        File.Move(half, half[..^5]);
        await HoldsAsync(() => _executor.Calls.Count == 2);
        Assert.Equal(["marker", "part"], _executor.Texts);
    }

    [Fact]
    public async Task A_failure_is_tried_again_after_a_growing_wait()
    {
        var times = new List<DateTimeOffset>();
        _executor.Behaviour = (_, _) =>
        {
            times.Add(_time.GetUtcNow());
            return times.Count < 4 ? throw new InvalidOperationException("not yet") : Task.CompletedTask;
        };
        Drop("default/churn/a.csv", "a");
        await StartAsync();
        await HoldsAsync(() => _executor.Calls.Count == 4);
        await AssertNothingElseAsync("a", "a", "a", "a", "marker");

        Assert.True(times[1] - times[0] >= TimeSpan.FromSeconds(1));
        Assert.True(times[2] - times[1] >= TimeSpan.FromSeconds(2));
        Assert.True(times[3] - times[2] >= TimeSpan.FromSeconds(4));
    }

    [Fact]
    public async Task A_blob_that_fails_five_times_becomes_a_poison_message_and_is_left_alone()
    {
        _executor.Behaviour = (call, _) => call.Text == "bad" ? throw new InvalidOperationException("The file is empty of sense.") : Task.CompletedTask;
        Drop("default/churn/a.csv", "bad");
        await StartAsync();
        var receiving = _queue.ReceiveAsync(BlobTriggerListener.PoisonQueue, TimeSpan.FromDays(1), default);
        await HoldsAsync(() => receiving.IsCompleted);

        using var poison = JsonDocument.Parse((await receiving).Body);
        Assert.Equal(
            [Function, "BlockBlob", "incoming", "default/churn/a.csv", "The file is empty of sense."],
            new[] { "FunctionId", "BlobType", "ContainerName", "BlobName", "Reason" }.Select(name => poison.RootElement.GetProperty(name).GetString()!));
        var properties = await _files.GetPropertiesAsync(new ObjectPath("incoming", "default/churn/a.csv"), default);
        Assert.Equal(properties!.ETag, poison.RootElement.GetProperty("ETag").GetString());
        await StopAsync();
        await StartAsync();
        await AssertNothingElseAsync("bad", "bad", "bad", "bad", "bad", "marker");
    }

    [Fact]
    public async Task Attempts_count_across_restarts()
    {
        _executor.Behaviour = (call, _) => call.Text == "bad" ? throw new InvalidOperationException("no") : Task.CompletedTask;
        Drop("default/churn/a.csv", "bad");
        await StartAsync();
        await HoldsAsync(() => _executor.Calls.Count == 3);
        await StopAsync();
        await StartAsync();
        var receiving = _queue.ReceiveAsync(BlobTriggerListener.PoisonQueue, TimeSpan.FromDays(1), default);
        await HoldsAsync(() => receiving.IsCompleted);
        Assert.Equal(5, _executor.Calls.Count);
    }

    [Fact]
    public async Task A_blob_whose_handler_was_killed_is_tried_again()
    {
        Drop("default/churn/a.csv", "a");
        await LeaveReceiptAsync("default/churn/a.csv", attempts: 4);
        await StartAsync();
        await HoldsAsync(() => _executor.Calls.Count == 1);
    }

    [Fact]
    public async Task A_blob_that_ended_the_host_at_every_attempt_is_poison()
    {
        Drop("default/churn/a.csv", "killer");
        await LeaveReceiptAsync("default/churn/a.csv", attempts: 5);
        await StartAsync();
        var receiving = _queue.ReceiveAsync(BlobTriggerListener.PoisonQueue, TimeSpan.FromDays(1), default);
        await HoldsAsync(() => receiving.IsCompleted);
        Assert.Contains("The host stopped", (await receiving).Body.ToString(), StringComparison.Ordinal);
        await AssertNothingElseAsync("marker");
    }

    [Fact]
    public async Task A_receipt_torn_by_a_kill_costs_only_its_own_blob()
    {
        Drop("default/churn/a.csv", "a");
        Drop("default/churn/b.csv", "b");
        await StartAsync();
        await HoldsAsync(() => _executor.Calls.Count == 2);
        await StopAsync();
        var log = _home["triggers", Function + ".log"];
        var lines = await File.ReadAllTextAsync(log);
        var last = lines.LastIndexOf("\"incoming/default/churn/b.csv\"", StringComparison.Ordinal);
        await File.WriteAllTextAsync(log, lines[..(last + 12)]);
        await StartAsync();
        await HoldsAsync(() => _executor.Calls.Count == 3);
        await AssertNothingElseAsync("a", "b", "b", "marker");
    }

    [Fact]
    public async Task A_stop_cancels_the_handler_and_counts_no_attempt()
    {
        _executor.Behaviour = (_, cancellationToken) => Task.Delay(Timeout.Infinite, cancellationToken);
        Drop("default/churn/a.csv", "a");
        for (var i = 1; i <= 6; i++)
        {
            await StartAsync();
            await HoldsAsync(() => _executor.Calls.Count == i);
            await StopAsync();
        }

        _executor.Behaviour = (_, _) => Task.CompletedTask;
        await StartAsync();
        await HoldsAsync(() => _executor.Calls.Count == 7);
    }

    [Fact]
    public async Task A_blob_that_is_deleted_and_dropped_again_is_handled_again()
    {
        var file = Drop("default/churn/a.csv", "a");
        var time = File.GetLastWriteTimeUtc(file);
        await StartAsync();
        await HoldsAsync(() => _executor.Calls.Count == 1);
        File.Delete(file);
        var listings = _store.Listings;
        await HoldsAsync(() => _store.Listings >= listings + 2);
        Drop("default/churn/a.csv", "a");
        File.SetLastWriteTimeUtc(file, time);
        await HoldsAsync(() => _executor.Calls.Count == 2);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_blob_that_is_deleted_and_dropped_again_between_two_scans_is_handled_again(bool whileHandled)
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _executor.Behaviour = (_, _) => whileHandled ? release.Task : Task.CompletedTask;
        _options = _options with { WatchedFolder = _home["storage"], ScanInterval = TimeSpan.FromDays(20) };
        var file = Drop("default/churn/a.csv", "a");
        var time = File.GetLastWriteTimeUtc(file);
        await StartAsync();
        await HoldsAsync(() => _executor.Calls.Count == 1);

        File.Delete(file);
        Drop("default/churn/a.csv", "a");
        File.SetLastWriteTimeUtc(file, time);
        release.SetResult();

        await HoldsAsync(() => _executor.Calls.Count == 2);
        await StopAsync();
    }

    [Fact]
    public async Task Each_function_handles_a_blob_that_several_take()
    {
        await StartAsync(new BlobTriggerFunction("First", "incoming/{path}"), new BlobTriggerFunction("Second", "incoming/default/{name}.csv"));
        Drop("default/a.csv", "a");
        await HoldsAsync(() => _executor.Calls.Count == 2);
        Assert.Equal(["First", "Second"], _executor.Calls.Select(call => call.Function).Order());
    }

    [Fact]
    public async Task No_more_blobs_than_allowed_are_handled_at_once()
    {
        _options = _options with { MaximumConcurrency = 3 };
        var running = 0;
        var most = 0;
        _executor.Behaviour = async (_, _) =>
        {
            InterlockedMax(ref most, Interlocked.Increment(ref running));
            await Task.Delay(5, CancellationToken.None);
            Interlocked.Decrement(ref running);
        };
        for (var i = 0; i < 30; i++) Drop($"default/churn/{i}.csv", "a");
        await StartAsync();
        await HoldsAsync(() => _executor.Calls.Count == 30);
        Assert.InRange(most, 1, 3);
    }

    [Fact]
    public async Task Thousands_of_files_are_handled_once_each()
    {
        const int Files = 3000;
        _options = _options with { MaximumConcurrency = 8 };
        for (var i = 0; i < Files; i++) Drop($"default/churn/{i}.csv", $"{i}");
        await StartAsync();
        await HoldsAsync(() => _executor.Calls.Count >= Files);
        await StopAsync();
        await StartAsync();
        Drop("default/churn/marker.csv", "marker");
        await HoldsAsync(() => _executor.Texts.Contains("marker"));
        Assert.Equal(Files + 1, _executor.Texts.Distinct().Count());
        Assert.Equal(Files + 1, _executor.Calls.Count);
    }

    [Fact]
    public async Task A_drop_zone_that_cannot_be_listed_for_a_while_is_listed_again()
    {
        _store.Fail = true;
        Drop("default/churn/a.csv", "a");
        await StartAsync();
        await HoldsAsync(() => _store.Listings >= 3);
        _store.Fail = false;
        await HoldsAsync(() => _executor.Calls.Count == 1);
    }

    private async Task StartAsync(params BlobTriggerFunction[] functions)
    {
        _listener = new BlobTriggerListener(
            functions.Length > 0 ? functions : [new BlobTriggerFunction(Function, "incoming/{path}")],
            _store, _queue, _executor, _options, _time, NullLogger<BlobTriggerListener>.Instance);
        await _listener.StartAsync(default);
    }

    private async Task StopAsync()
    {
        if (_listener is null) return;
        await _listener.StopAsync(default).WaitAsync(TimeSpan.FromSeconds(30));
        _listener.Dispose();
        _listener = null;
    }

    private string Drop(string name, string text)
    {
        var file = _home[["storage", "incoming", .. name.Split('/')]];
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
        return file;
    }

    private Task HoldsAsync(Func<bool> condition) => Eventually.HoldsAsync(_time, condition, Step);

    /// <summary>A marker dropped now is handled after everything that was there to be handled; then come two more scans.</summary>
    private async Task AssertNothingElseAsync(params string[] texts)
    {
        if (texts.Contains("marker"))
        {
            Drop("default/churn/z-marker.csv", "marker");
            await HoldsAsync(() => _executor.Texts.Contains("marker"));
        }

        var listings = _store.Listings;
        await HoldsAsync(() => _store.Listings >= listings + 2);
        Assert.Equal(texts.Order(), _executor.Texts.Order());
    }

    private async Task LeaveReceiptAsync(string name, int attempts)
    {
        var properties = await _files.GetPropertiesAsync(new ObjectPath("incoming", name), default);
        using var receipts = BlobReceipts.Open(_home["triggers", Function + ".log"]);
        receipts.Add(new BlobReceipt("incoming/" + name, properties!.ETag, attempts, Handled: false));
    }

    private static void InterlockedMax(ref int target, int value)
    {
        for (var seen = target; value > seen;)
        {
            var before = Interlocked.CompareExchange(ref target, value, seen);
            if (before == seen) return;
            seen = before;
        }
    }

    /// <summary>Counts listings, so that a test knows that the listener has looked.</summary>
    private sealed class CountingStore(IObjectStore inner) : IObjectStore
    {
        private int _listings;

        public int Listings => Volatile.Read(ref _listings);

        public bool Fail { get; set; }

        public async Task<ObjectPage> ListAsync(string container, string prefix, int limit, string? continuation, CancellationToken cancellationToken)
        {
            try
            {
                return Fail ? throw new IOException("The disk is away.") : await inner.ListAsync(container, prefix, limit, continuation, cancellationToken);
            }
            finally
            {
                Interlocked.Increment(ref _listings);
            }
        }

        public Task<ObjectProperties?> GetPropertiesAsync(ObjectPath path, CancellationToken cancellationToken) => inner.GetPropertiesAsync(path, cancellationToken);

        public Task<ObjectContent?> OpenReadAsync(ObjectPath path, ObjectRange? range, CancellationToken cancellationToken) => inner.OpenReadAsync(path, range, cancellationToken);

        public Task<ObjectProperties> WriteAsync(ObjectPath path, Stream content, WriteOptions? options, CancellationToken cancellationToken) => inner.WriteAsync(path, content, options, cancellationToken);

        public Task<bool> DeleteAsync(ObjectPath path, string? ifMatch, CancellationToken cancellationToken) => inner.DeleteAsync(path, ifMatch, cancellationToken);

        public Task<UploadUrl> CreateUploadUrlAsync(ObjectPath path, TimeSpan lifetime, Uri requestBase, CancellationToken cancellationToken) => inner.CreateUploadUrlAsync(path, lifetime, requestBase, cancellationToken);
    }
}
