using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using AIaaS.Formats;

namespace AIaaS.Platform.Messaging;

/// <summary>
/// One queue of a <see cref="FileMessageQueue"/>: its folder, and in memory only the names of what waits and the locks on
/// what is being handled. Locks end with the process; delivery counts do not.
/// </summary>
internal sealed class FileQueue
{
    private readonly string _folder;
    private readonly FileMessageQueueOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly Lock _gate = new();
    private readonly SortedSet<MessageFile> _waiting = new(Comparer<MessageFile>.Create((left, right) =>
        (left.Visible, left.Sequence).CompareTo((right.Visible, right.Sequence))));
    private readonly Dictionary<string, Held> _held = [];
    private TaskCompletionSource _changed = NewSignal();
    private long _lastSequence;

    public FileQueue(string folder, FileMessageQueueOptions options, TimeProvider timeProvider)
    {
        _folder = folder;
        _options = options;
        _timeProvider = timeProvider;
        Directory.CreateDirectory(DeadFolder);
        foreach (var file in Directory.EnumerateFiles(folder).ToList())
        {
            if (MessageFile.Parse(Path.GetFileName(file)) is { } message)
            {
                _waiting.Add(message);
                _lastSequence = Math.Max(_lastSequence, message.Sequence);
            }
            else if (Path.GetFileName(file).StartsWith('.'))
            {
                // A killed writer's; nobody else writes here.
                File.Delete(file);
            }
        }
    }

    private string DeadFolder => Path.Combine(_folder, "dead");

    public void Send(string messageId, BinaryData body, TimeSpan delay)
    {
        var now = _timeProvider.GetUtcNow().UtcTicks;
        long sequence;
        lock (_gate) sequence = _lastSequence = Math.Max(now, _lastSequence + 1);
        var message = new MessageFile(now + Math.Max(0, delay.Ticks), sequence, 0);
        Write(Path.Combine(_folder, message.Name), MessageFile.Encode(messageId, body));
        lock (_gate)
        {
            _waiting.Add(message);
            Signal();
        }
    }

    public async Task<ReceivedMessage> ReceiveAsync(string queue, TimeSpan lockDuration, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed;
            TimeSpan? untilDue;
            lock (_gate)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (TryTake(queue, lockDuration) is { } taken) return taken;
                changed = _changed.Task;
                untilDue = UntilDue();
            }

            await WaitAsync(changed, untilDue, cancellationToken);
        }
    }

    public bool Complete(string lockToken)
    {
        lock (_gate)
        {
            if (Release(lockToken) is not { } message) return false;
            File.Delete(Path.Combine(_folder, message.Name));
            return true;
        }
    }

    public void Abandon(string lockToken, string reason, TimeSpan delay)
    {
        lock (_gate)
        {
            if (Release(lockToken) is not { } message) return;
            if (message.Deliveries >= _options.MaximumDeliveryCount)
            {
                Bury(message, $"Failed {message.Deliveries} times, at last: {reason}");
                return;
            }

            var later = message with { Visible = _timeProvider.GetUtcNow().UtcTicks + Math.Max(0, delay.Ticks) };
            if (Rename(message, later)) _waiting.Add(later);
            Signal();
        }
    }

    public void DeadLetter(string lockToken, string reason)
    {
        lock (_gate)
        {
            if (Release(lockToken) is { } message) Bury(message, reason);
        }
    }

    public bool Renew(string lockToken, TimeSpan lockDuration)
    {
        lock (_gate)
        {
            if (!_held.TryGetValue(lockToken, out var held) || held.Until <= _timeProvider.GetUtcNow()) return false;
            _held[lockToken] = held with { Until = _timeProvider.GetUtcNow() + lockDuration };
            return true;
        }
    }

    private ReceivedMessage? TryTake(string queue, TimeSpan lockDuration)
    {
        var now = _timeProvider.GetUtcNow();
        foreach (var (token, held) in _held.Where(pair => pair.Value.Until <= now).ToList())
        {
            _held.Remove(token);
            _waiting.Add(held.Message);
        }

        while (_waiting.Count > 0 && _waiting.Min.Visible <= now.UtcTicks)
        {
            var message = _waiting.Min;
            _waiting.Remove(message);
            if (message.Deliveries >= _options.MaximumDeliveryCount)
            {
                Bury(message, $"Delivered {message.Deliveries} times and never completed: its handler took too long, or ended the host.");
                continue;
            }

            var delivered = message with { Deliveries = message.Deliveries + 1 };
            if (!Rename(message, delivered)) continue;
            if (TryRead(delivered) is not { } content) continue;

            var token = Guid.NewGuid().ToString("N");
            _held.Add(token, new Held(delivered, now + lockDuration));
            return new ReceivedMessage
            {
                Queue = queue,
                MessageId = content.MessageId,
                LockToken = token,
                DeliveryCount = delivered.Deliveries,
                Body = content.Body,
            };
        }

        return null;
    }

    private (string MessageId, BinaryData Body)? TryRead(MessageFile message)
    {
        try
        {
            return MessageFile.Decode(File.ReadAllBytes(Path.Combine(_folder, message.Name)));
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (InvalidDataException exception)
        {
            Bury(message, exception.Message);
            return null;
        }
    }

    private TimeSpan? UntilDue()
    {
        var due = _waiting.Count > 0 ? _waiting.Min.Visible : long.MaxValue;
        foreach (var held in _held.Values) due = Math.Min(due, held.Until.UtcTicks);
        return due == long.MaxValue ? null : TimeSpan.FromTicks(Math.Max(0, due - _timeProvider.GetUtcNow().UtcTicks));
    }

    private async Task WaitAsync(Task changed, TimeSpan? untilDue, CancellationToken cancellationToken)
    {
        if (untilDue is not { } wait)
        {
            await changed.WaitAsync(cancellationToken);
            return;
        }

        // Timers take no more than 49 days, and their coarser clock may ring a little before ours.
        var bounded = TimeSpan.FromTicks(Math.Clamp(wait.Ticks, TimeSpan.TicksPerMillisecond, TimeSpan.TicksPerDay));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAny(changed, Task.Delay(bounded, _timeProvider, stop.Token));
        await stop.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <returns>Null where the lock was lost.</returns>
    private MessageFile? Release(string lockToken)
    {
        if (!_held.TryGetValue(lockToken, out var held) || held.Until <= _timeProvider.GetUtcNow()) return null;
        _held.Remove(lockToken);
        return held.Message;
    }

    /// <summary>Sets a message aside; a crash between the two steps repeats both.</summary>
    private void Bury(MessageFile message, string reason)
    {
        var file = Path.Combine(_folder, message.Name);
        byte[] content;
        try
        {
            content = File.ReadAllBytes(file);
        }
        catch (FileNotFoundException)
        {
            return;
        }

        (string MessageId, BinaryData Body) decoded;
        try
        {
            decoded = MessageFile.Decode(content);
        }
        catch (InvalidDataException)
        {
            decoded = ("", new BinaryData(content));
        }

        var body = decoded.Body.ToArray();
        var isText = Utf8.IsValid(body);
        Write(Path.Combine(DeadFolder, message.DeadName), JsonSerializer.SerializeToUtf8Bytes(
            new DeadLetter
            {
                MessageId = decoded.MessageId,
                Reason = reason,
                DeliveryCount = message.Deliveries,
                Time = _timeProvider.GetUtcNow(),
                Body = isText ? Encoding.UTF8.GetString(body) : null,
                Bytes = isText ? null : body,
            },
            JsonDefaults.Indented));
        File.Delete(file);
    }

    /// <returns>False where a person removed the message.</returns>
    private bool Rename(MessageFile from, MessageFile to)
    {
        try
        {
            if (from != to) File.Move(Path.Combine(_folder, from.Name), Path.Combine(_folder, to.Name), overwrite: true);
            return true;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
    }

    private void Write(string file, byte[] content)
    {
        var temporary = Path.Combine(_folder, $".{Guid.NewGuid():N}");
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0))
            {
                stream.Write(content);
                if (_options.FlushToDisk) stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, file, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private void Signal()
    {
        _changed.SetResult();
        _changed = NewSignal();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly record struct Held(MessageFile Message, DateTimeOffset Until);
}
