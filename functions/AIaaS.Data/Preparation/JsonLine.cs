using System.Buffers;
using System.Text;
using System.Text.Json;

namespace AIaaS.Data.Preparation;

/// <summary>A line of a JSON Lines file.</summary>
internal static class JsonLine
{
    /// <summary>Characters; the engine is told to take objects of as many bytes.</summary>
    public const int Longest = 16 * 1024 * 1024;

    private static readonly string[] NonNumbers = ["-Infinity", "Infinity", "NaN"];

    // The engine gives up a whole file for a name that an object has twice.
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <summary>Why a line is no object that can be a row, as in <see cref="QuarantinedRow.Reason"/>; null where it is one.</summary>
    public static string? Complaint(string text)
    {
        if (text.Length >= Longest)
            return "line-too-long";
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        try
        {
            int length = Encoding.UTF8.GetBytes(text, buffer);
            // Plain and fast, before what takes an exception to find out.
            if (!IsObject(buffer.AsSpan(0, length)))
                return "malformed-json";
            try
            {
                using JsonDocument document = JsonDocument.Parse(buffer.AsMemory(0, length), Strict);
                return null;
            }
            catch (JsonException)
            {
                return "repeated-key";
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>With null in place of <c>NaN</c> and <c>Infinity</c>, which some programs write; null where there are none.</summary>
    public static string? WithoutNonNumbers(string text)
    {
        StringBuilder? changed = null;
        bool quoted = false;
        int copied = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                quoted = !quoted;
            else if (!quoted && text[i] is '-' or 'I' or 'N' && Array.Find(NonNumbers, word => string.CompareOrdinal(text, i, word, 0, word.Length) == 0) is { } found)
            {
                (changed ??= new()).Append(text, copied, i - copied).Append("null");
                i += found.Length - 1;
                copied = i + 1;
            }
        }
        return changed?.Append(text, copied, text.Length - copied).ToString();
    }

    private static bool IsObject(ReadOnlySpan<byte> utf8)
    {
        try
        {
            var reader = new Utf8JsonReader(utf8);
            return reader.Read() && reader.TokenType == JsonTokenType.StartObject && reader.TrySkip() && !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
