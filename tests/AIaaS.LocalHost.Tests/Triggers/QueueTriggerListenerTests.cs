using AIaaS.LocalHost.Triggers;
using AIaaS.Platform.Messaging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AIaaS.LocalHost.Tests.Triggers;

public sealed class QueueTriggerListenerTests : IAsyncDisposable
{
    private const string Queue = "job-ended";
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(200);

    private readonly TemporaryFolder _home = new();
    private readonly SteppedTime _time = new();
    private readonly RecordingExecutor _executor = new();
    private FileMessageQueue _queue;
    private QueueTriggerListener? _listener;
    private readonly MessagePumpOptions _options = new() { MaximumConcurrency = 2 };

    public QueueTriggerListenerTests() => _queue = Open();

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _home.Dispose();
    }

    [Fact]
    public async Task A_message_reaches_its_function_and_is_completed()
    {
        await StartAsync();
        await _queue.SendAsync(Queue, new BinaryData("{}"), new SendOptions("m-1"), default);
        await HoldsAsync(() => Messages().Count == 0 && _executor.Calls.Count == 1);

        var call = _executor.Calls[0];
        Assert.Equal("JobEnded", call.Function);
        Assert.Equal("{}", call.Text);
        Assert.Equal("m-1", call.Data.BindingData["messageId"]);
        Assert.Equal(1, call.Data.BindingData["DeliveryCount"]);
        Assert.Empty(DeadLetters());
    }

    [Fact]
    public async Task A_message_sent_before_the_start_is_handled()
    {
        await SendAsync("a");
        _queue = Open();
        await StartAsync();
        await HoldsAsync(() => _executor.Calls.Count == 1);
    }

    [Fact]
    public async Task A_failed_message_comes_again_after_a_growing_wait()
    {
        var times = new List<DateTimeOffset>();
        _executor.Behaviour = (_, _) =>
        {
            times.Add(_time.GetUtcNow());
            return times.Count < 3 ? throw new InvalidOperationException("not yet") : Task.CompletedTask;
        };
        await StartAsync();
        await SendAsync("a");
        await HoldsAsync(() => Messages().Count == 0 && _executor.Calls.Count == 3);
        Assert.True(times[1] - times[0] >= TimeSpan.FromSeconds(1));
        Assert.True(times[2] - times[1] >= TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task A_message_that_always_fails_becomes_a_dead_letter_with_the_reason()
    {
        _executor.Behaviour = (_, _) => throw new InvalidOperationException("no such run");
        await StartAsync();
        await SendAsync("a");
        await HoldsAsync(() => DeadLetters().Count == 1);
        Assert.Equal(3, _executor.Calls.Count);
        Assert.Contains("no such run", await File.ReadAllTextAsync(DeadLetters()[0]), StringComparison.Ordinal);
        Assert.Empty(Messages());
    }

    [Fact]
    public async Task A_long_handler_keeps_its_message()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _executor.Behaviour = (_, _) => release.Task;
        await StartAsync();
        await SendAsync("a");
        await HoldsAsync(() => _executor.Calls.Count == 1);
        var end = _time.GetUtcNow() + 4 * _options.LockDuration;

        // After each step the renewal waits again, and the other receiver for the lock to end.
        while (_time.GetUtcNow() < end)
        {
            await Eventually.HoldsAsync(_time, () => _time.WaitingTimers == 2, TimeSpan.Zero);
            _time.Advance(_options.LockDuration / 4);
        }

        Assert.Single(_executor.Calls);
        release.SetResult();
        await HoldsAsync(() => Messages().Count == 0);
        Assert.Single(_executor.Calls);
    }

    [Fact]
    public async Task No_more_messages_than_allowed_are_handled_at_once()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _executor.Behaviour = (_, _) => release.Task;
        for (var i = 0; i < 5; i++) await SendAsync($"{i}");
        await StartAsync();
        await HoldsAsync(() => _executor.Calls.Count == 2);
        await SendAsync("5");
        await Task.Delay(50);
        Assert.Equal(2, _executor.Calls.Count);
        release.SetResult();
        await HoldsAsync(() => Messages().Count == 0);
        Assert.Equal(6, _executor.Texts.Distinct().Count());
    }

    [Fact]
    public async Task A_stop_cancels_the_handler_and_gives_the_message_back()
    {
        _executor.Behaviour = (_, cancellationToken) => Task.Delay(Timeout.Infinite, cancellationToken);
        await StartAsync();
        await SendAsync("a");
        await HoldsAsync(() => _executor.Calls.Count == 1);
        await StopAsync();
        Assert.Single(Messages());
        _executor.Behaviour = (_, _) => Task.CompletedTask;
        await StartAsync();
        await HoldsAsync(() => Messages().Count == 0);
        Assert.Equal(2, _executor.Calls[1].Data.BindingData["DeliveryCount"]);
    }

    private FileMessageQueue Open() =>
        new(new FileMessageQueueOptions { Root = _home["queues"], MaximumDeliveryCount = 3, FlushToDisk = false }, _time);

    private async Task StartAsync()
    {
        _listener = new QueueTriggerListener(
            [new QueueTriggerFunction("JobEnded", Queue)], _queue, _executor, _options, _time, NullLogger<QueueTriggerListener>.Instance);
        await _listener.StartAsync(default);
    }

    private async Task StopAsync()
    {
        if (_listener is null) return;
        await _listener.StopAsync(default).WaitAsync(TimeSpan.FromSeconds(30));
        _listener.Dispose();
        _listener = null;
    }

    private Task SendAsync(string body) => _queue.SendAsync(Queue, new BinaryData(body), null, default);

    private Task HoldsAsync(Func<bool> condition) => Eventually.HoldsAsync(_time, condition, Step);

    private string[] MessageFiles(string folder, string pattern) => Directory.Exists(folder) ? Directory.GetFiles(folder, pattern) : [];

    private IReadOnlyList<string> Messages() => MessageFiles(_home["queues", Queue], "*.msg");

    private IReadOnlyList<string> DeadLetters() => MessageFiles(_home["queues", Queue, "dead"], "*.json");
}
