using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Messaging;

namespace AIaaS.Platform.Tests.Messaging;

public sealed class FileMessageQueueTests : IDisposable
{
    private const string Queue = "job-ended";
    private static readonly TimeSpan LockDuration = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TemporaryFolder _home = new();
    private readonly SteppedTime _time = new();
    private FileMessageQueue _queue;

    public FileMessageQueueTests() => _queue = Open();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task A_message_is_received_as_it_was_sent()
    {
        await _queue.SendAsync(Queue, new BinaryData("{\"a\":\n\"é\"}"), new SendOptions("m-1"), default);
        var message = await ReceiveAsync();

        Assert.Equal("{\"a\":\n\"é\"}", message.Body.ToString());
        Assert.Equal("m-1", message.MessageId);
        Assert.Equal(Queue, message.Queue);
        Assert.Equal(1, message.DeliveryCount);
    }

    [Fact]
    public async Task Messages_come_in_the_order_they_were_sent()
    {
        for (var i = 0; i < 20; i++) await SendAsync(i.ToString(CultureInfo.InvariantCulture));
        for (var i = 0; i < 20; i++) Assert.Equal(i.ToString(CultureInfo.InvariantCulture), (await ReceiveAsync()).Body.ToString());
    }

    [Fact]
    public async Task A_message_sent_survives_a_restart()
    {
        await SendAsync("a");
        _queue = Open();
        Assert.Equal("a", (await ReceiveAsync()).Body.ToString());
    }

    [Fact]
    public async Task A_completed_message_does_not_come_back_after_a_restart()
    {
        await SendAsync("a");
        await SendAsync("b");
        Assert.True(await _queue.CompleteAsync(await ReceiveAsync(), default));
        _queue = Open();
        Assert.Equal("b", (await ReceiveAsync()).Body.ToString());
        await AssertNothingToReceiveAsync();
    }

    [Fact]
    public async Task A_waiting_receiver_wakes_when_a_message_is_sent()
    {
        var receiving = _queue.ReceiveAsync(Queue, LockDuration, default);
        Assert.False(receiving.IsCompleted);
        await SendAsync("a");
        Assert.Equal("a", (await receiving.WaitAsync(Patience)).Body.ToString());
    }

    [Fact]
    public async Task A_locked_message_is_not_delivered_again_before_its_lock_expires()
    {
        await SendAsync("a");
        await ReceiveAsync();
        _time.Advance(LockDuration - TimeSpan.FromTicks(1));
        await AssertNothingToReceiveAsync();
    }

    [Fact]
    public async Task A_message_whose_lock_expires_wakes_a_receiver_and_is_lost_to_the_first()
    {
        await SendAsync("a");
        var first = await ReceiveAsync();
        var receiving = _queue.ReceiveAsync(Queue, LockDuration, default);
        _time.Advance(LockDuration);
        var second = await receiving.WaitAsync(Patience);

        Assert.Equal(first.MessageId, second.MessageId);
        Assert.Equal(2, second.DeliveryCount);
        Assert.False(await _queue.CompleteAsync(first, default));
        Assert.False(await _queue.RenewAsync(first, LockDuration, default));
        Assert.True(await _queue.CompleteAsync(second, default));
    }

    [Fact]
    public async Task An_expired_lock_cannot_complete_even_before_another_delivery()
    {
        await SendAsync("a");
        var message = await ReceiveAsync();
        _time.Advance(LockDuration);
        Assert.False(await _queue.CompleteAsync(message, default));
        Assert.Equal("a", (await ReceiveAsync()).Body.ToString());
    }

    [Fact]
    public async Task A_renewed_lock_holds_from_then_on()
    {
        await SendAsync("a");
        var message = await ReceiveAsync();
        _time.Advance(LockDuration - TimeSpan.FromSeconds(1));
        Assert.True(await _queue.RenewAsync(message, LockDuration, default));
        _time.Advance(LockDuration - TimeSpan.FromSeconds(1));
        Assert.True(await _queue.CompleteAsync(message, default));
    }

    [Fact]
    public async Task A_delayed_message_stays_hidden_until_then_and_across_a_restart()
    {
        await _queue.SendAsync(Queue, new BinaryData("later"), new SendOptions(Delay: TimeSpan.FromMinutes(5)), default);
        await SendAsync("now");
        Assert.Equal("now", (await ReceiveAsync(TimeSpan.FromHours(1))).Body.ToString());
        _time.Advance(TimeSpan.FromMinutes(4));
        await AssertNothingToReceiveAsync();
        _queue = Open();
        await _queue.CompleteAsync(await ReceiveAsync(), default);
        var receiving = _queue.ReceiveAsync(Queue, LockDuration, default);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("later", (await receiving.WaitAsync(Patience)).Body.ToString());
    }

    [Fact]
    public async Task An_abandoned_message_comes_again_after_its_delay()
    {
        await SendAsync("a");
        await _queue.AbandonAsync(await ReceiveAsync(), "no luck", TimeSpan.FromSeconds(10), default);
        await AssertNothingToReceiveAsync();
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(2, (await ReceiveAsync()).DeliveryCount);
    }

    [Fact]
    public async Task A_message_abandoned_too_often_becomes_a_dead_letter_with_the_last_reason()
    {
        await _queue.SendAsync(Queue, new BinaryData("{\"a\":1}"), new SendOptions("m-1"), default);
        for (var i = 1; i <= 3; i++) await _queue.AbandonAsync(await ReceiveAsync(), $"reason {i}", TimeSpan.Zero, default);

        await AssertNothingToReceiveAsync();
        var letter = Assert.Single(DeadLetters());
        Assert.Equal("m-1", letter.MessageId);
        Assert.Contains("reason 3", letter.Reason, StringComparison.Ordinal);
        Assert.Equal(3, letter.DeliveryCount);
        Assert.Equal("{\"a\":1}", letter.Body);
        Assert.Equal(_time.GetUtcNow(), letter.Time);
    }

    [Fact]
    public async Task A_message_that_ends_the_host_at_each_delivery_becomes_a_dead_letter()
    {
        await SendAsync("poison");
        for (var i = 1; i <= 3; i++)
        {
            Assert.Equal(i, (await ReceiveAsync()).DeliveryCount);
            _queue = Open();
        }

        await SendAsync("next");
        Assert.Equal("next", (await ReceiveAsync()).Body.ToString());
        Assert.Equal(3, Assert.Single(DeadLetters()).DeliveryCount);
    }

    [Fact]
    public async Task A_message_whose_lock_expires_too_often_becomes_a_dead_letter()
    {
        await SendAsync("slow");
        for (var i = 1; i <= 3; i++)
        {
            await ReceiveAsync();
            _time.Advance(LockDuration);
        }

        await AssertNothingToReceiveAsync();
        Assert.Equal("slow", Assert.Single(DeadLetters()).Body);
    }

    [Fact]
    public async Task A_message_set_aside_is_a_dead_letter_at_once()
    {
        await SendAsync("a");
        await _queue.DeadLetterAsync(await ReceiveAsync(), "not JSON", default);
        _queue = Open();
        await AssertNothingToReceiveAsync();
        Assert.Equal("not JSON", Assert.Single(DeadLetters()).Reason);
    }

    [Fact]
    public async Task A_dead_letter_keeps_a_body_that_is_no_text()
    {
        await _queue.SendAsync(Queue, new BinaryData(new byte[] { 0xff, 0, 0x80 }), null, default);
        await _queue.DeadLetterAsync(await ReceiveAsync(), "binary", default);
        Assert.Equal([0xff, 0, 0x80], Assert.Single(DeadLetters()).Bytes);
    }

    [Fact]
    public async Task A_message_that_a_person_spoilt_becomes_a_dead_letter()
    {
        await SendAsync("a");
        await File.WriteAllTextAsync(Assert.Single(Directory.GetFiles(_home["queues", Queue])), "rubbish");
        await AssertNothingToReceiveAsync();
        Assert.Equal("rubbish", Assert.Single(DeadLetters()).Body);
    }

    [Fact]
    public async Task A_message_that_a_person_removed_is_passed_over()
    {
        await SendAsync("a");
        File.Delete(Assert.Single(Directory.GetFiles(_home["queues", Queue])));
        await SendAsync("b");
        Assert.Equal("b", (await ReceiveAsync()).Body.ToString());
    }

    [Fact]
    public async Task What_a_killed_sender_left_is_removed_and_not_delivered()
    {
        Directory.CreateDirectory(_home["queues", Queue]);
        await File.WriteAllTextAsync(_home["queues", Queue, ".half"], "{\"messageId\":\"x\"}\nbody");
        await AssertNothingToReceiveAsync();
        Assert.Empty(Directory.GetFiles(_home["queues", Queue]));
    }

    [Fact]
    public async Task The_largest_message_passes_and_a_larger_one_is_refused()
    {
        await _queue.SendAsync(Queue, new BinaryData(new byte[256 * 1024]), null, default);
        Assert.Equal(256 * 1024, (await ReceiveAsync()).Body.ToMemory().Length);

        var refusal = await Assert.ThrowsAsync<ArgumentException>(() => _queue.SendAsync(Queue, new BinaryData(new byte[256 * 1024 + 1]), null, default));
        Assert.Contains("262144 bytes", refusal.Message, StringComparison.Ordinal);
        await AssertNothingToReceiveAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData("..")]
    [InlineData("a/b/c")]
    [InlineData("Upper")]
    public async Task A_queue_name_out_of_pattern_is_refused(string queue)
    {
        await Assert.ThrowsAsync<ArgumentException>(() => _queue.SendAsync(queue, new BinaryData("x"), null, default));
        await Assert.ThrowsAsync<ArgumentException>(() => _queue.ReceiveAsync(queue, LockDuration, default));
    }

    [Fact]
    public async Task Queues_are_apart()
    {
        await _queue.SendAsync("other-queue", new BinaryData("x"), null, default);
        await AssertNothingToReceiveAsync();
    }

    [Fact]
    public async Task Many_senders_and_receivers_lose_and_repeat_nothing()
    {
        const int Messages = 200;
        var received = new ConcurrentBag<string>();
        using var done = new CancellationTokenSource(Patience);
        var receivers = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (true)
            {
                var message = await _queue.ReceiveAsync(Queue, LockDuration, done.Token);
                Assert.True(await _queue.CompleteAsync(message, default));
                received.Add(message.Body.ToString());
                if (received.Count == Messages) await done.CancelAsync();
            }
        })).ToList();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(sender => Task.Run(async () =>
        {
            for (var i = 0; i < Messages / 4; i++) await SendAsync($"{sender}-{i}");
        })));

        foreach (var receiver in receivers) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => receiver);
        Assert.Equal(Messages, received.Count);
        Assert.Equal(Messages, received.Distinct().Count());
        Assert.Empty(Directory.GetFiles(_home["queues", Queue]));
    }

    private FileMessageQueue Open() =>
        new(new FileMessageQueueOptions { Root = _home["queues"], MaximumDeliveryCount = 3, FlushToDisk = false }, _time);

    private Task SendAsync(string body) => _queue.SendAsync(Queue, new BinaryData(body), null, default);

    private async Task<ReceivedMessage> ReceiveAsync(TimeSpan? lockDuration = null) =>
        await _queue.ReceiveAsync(Queue, lockDuration ?? LockDuration, default).WaitAsync(Patience);

    /// <summary>A receiver takes what it can before it first waits, so one that waits found nothing.</summary>
    private async Task AssertNothingToReceiveAsync()
    {
        using var source = new CancellationTokenSource();
        var receiving = _queue.ReceiveAsync(Queue, LockDuration, source.Token);
        Assert.False(receiving.IsCompleted);
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => receiving.WaitAsync(Patience));
    }

    private List<DeadLetter> DeadLetters() =>
        [.. Directory.GetFiles(_home["queues", Queue, "dead"]).Select(file => JsonSerializer.Deserialize<DeadLetter>(File.ReadAllBytes(file), JsonDefaults.Options)!)];
}
