namespace AIaaS.Platform.Messaging;

/// <summary>A message set aside for people: <c>{queue}/dead/{sequence}.json</c>.</summary>
internal sealed record DeadLetter
{
    public required string MessageId { get; init; }

    public required string Reason { get; init; }

    public required int DeliveryCount { get; init; }

    public required DateTimeOffset Time { get; init; }

    /// <summary>The body as text; null where it is not UTF-8.</summary>
    public string? Body { get; init; }

    /// <summary>The body's bytes where they are no text.</summary>
    public byte[]? Bytes { get; init; }
}
