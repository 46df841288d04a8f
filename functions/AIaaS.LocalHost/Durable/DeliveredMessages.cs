namespace AIaaS.LocalHost.Durable;

/// <summary>
/// Messages that have reached their receiver but whose sender's history does not say so yet: after a crash they would be
/// sent again. It outlives the receiver, as another instance of the same id must not get them either.
/// </summary>
internal sealed class DeliveredMessages
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, HashSet<string>> _byReceiver = new(StringComparer.Ordinal);

    public bool Contains(string receiver, string messageId)
    {
        lock (_gate)
        {
            return _byReceiver.TryGetValue(receiver, out var messages) && messages.Contains(messageId);
        }
    }

    public void Add(string receiver, string messageId)
    {
        lock (_gate)
        {
            if (!_byReceiver.TryGetValue(receiver, out var messages))
                _byReceiver.Add(receiver, messages = []);
            messages.Add(messageId);
        }
    }

    public void Remove(string receiver, string messageId)
    {
        lock (_gate)
        {
            if (_byReceiver.TryGetValue(receiver, out var messages) && messages.Remove(messageId) && messages.Count == 0)
                _byReceiver.Remove(receiver);
        }
    }

    public IReadOnlyList<string>? Of(string receiver)
    {
        lock (_gate)
        {
            return _byReceiver.TryGetValue(receiver, out var messages) ? [.. messages] : null;
        }
    }
}
