using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using AIaaS.Formats;

namespace AIaaS.Platform.Messaging;

/// <summary>
/// A message on disk. Its state is its file's name, <c>{visible}-{sequence}-{deliveries}.msg</c> (UTC ticks, a number, a count),
/// so a delivery or a delay is one atomic rename. The content is a line of JSON, then the body as it was sent.
/// </summary>
/// <param name="Visible">UTC ticks from which on it may be delivered.</param>
/// <param name="Sequence">Unique in its queue; later messages have greater ones.</param>
/// <param name="Deliveries">How often it was handed out.</param>
internal readonly partial record struct MessageFile(long Visible, long Sequence, int Deliveries)
{
    public const string Extension = ".msg";

    public string Name => string.Create(CultureInfo.InvariantCulture, $"{Visible:D19}-{Sequence:D19}-{Deliveries:D3}{Extension}");

    public string DeadName => string.Create(CultureInfo.InvariantCulture, $"{Sequence:D19}.json");

    public static MessageFile? Parse(string name) => NamePattern().Match(name) is { Success: true } match
        ? new MessageFile(
            long.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture),
            long.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture),
            int.Parse(match.Groups[3].ValueSpan, CultureInfo.InvariantCulture))
        : null;

    public static byte[] Encode(string messageId, BinaryData body)
    {
        var header = JsonSerializer.SerializeToUtf8Bytes(new MessageHeader(messageId), JsonDefaults.Options);
        return [.. header, (byte)'\n', .. body.ToMemory().Span];
    }

    /// <exception cref="InvalidDataException">The content is none of ours.</exception>
    public static (string MessageId, BinaryData Body) Decode(byte[] content)
    {
        var end = Array.IndexOf(content, (byte)'\n');
        try
        {
            if (end > 0 && JsonSerializer.Deserialize<MessageHeader>(content.AsSpan(0, end), JsonDefaults.Options) is { MessageId: { } id })
            {
                return (id, new BinaryData(content.AsMemory(end + 1)));
            }
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException("The message's first line is damaged.", exception);
        }

        throw new InvalidDataException("The message's first line is missing.");
    }

    [GeneratedRegex(@"^(\d{19})-(\d{19})-(\d{3,9})\.msg\z", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();

    private sealed record MessageHeader(string? MessageId);
}
