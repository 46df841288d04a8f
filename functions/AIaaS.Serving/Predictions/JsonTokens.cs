using System.Text;
using System.Text.Json;

namespace AIaaS.Serving.Predictions;

/// <summary>The reader's token as it is written.</summary>
internal static class JsonTokens
{
    /// <summary>Its length in bytes, which bounds the length of a string unescaped.</summary>
    public static int LengthOf(ref Utf8JsonReader reader) =>
        reader.HasValueSequence ? checked((int)reader.ValueSequence.Length) : reader.ValueSpan.Length;

    /// <summary>Its text, with a replacement character for each byte that is not valid UTF-8.</summary>
    public static string TextOf(ref Utf8JsonReader reader) =>
        reader.HasValueSequence ? Encoding.UTF8.GetString(reader.ValueSequence) : Encoding.UTF8.GetString(reader.ValueSpan);

    /// <summary>The reader's number; the same double as <see cref="Utf8JsonReader.GetDouble"/> gives, sooner for plain decimals.</summary>
    public static double NumberOf(ref Utf8JsonReader reader) =>
        !reader.HasValueSequence && JsonNumber.Read(reader.ValueSpan, out var number) > 0 ? number : reader.GetDouble();
}
