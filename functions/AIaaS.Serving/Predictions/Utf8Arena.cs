using System.Text.Json;

namespace AIaaS.Serving.Predictions;

/// <summary>The texts of one request, one after another in one array.</summary>
internal sealed class Utf8Arena
{
    private byte[] _bytes = [];
    private int _length;

    public int Capacity => _bytes.Length;

    public void Clear() => _length = 0;

    public ReadOnlySpan<byte> Slice(Utf8Range range) => _bytes.AsSpan(range.Start, range.Length);

    public Utf8Range Add(ReadOnlySpan<byte> utf8)
    {
        utf8.CopyTo(Reserve(utf8.Length));
        return Take(utf8.Length);
    }

    /// <summary>Adds the reader's string, unescaped.</summary>
    /// <exception cref="InvalidOperationException">It is not valid UTF-8, or has half a surrogate pair.</exception>
    public Utf8Range Add(ref Utf8JsonReader reader) => Take(reader.CopyString(Reserve(JsonTokens.LengthOf(ref reader))));

    private Span<byte> Reserve(int length)
    {
        if (length > _bytes.Length - _length)
            Array.Resize(ref _bytes, Math.Max(checked(_length + length), (int)Math.Min(Array.MaxLength, Math.Max(256, 2L * _bytes.Length))));
        return _bytes.AsSpan(_length, length);
    }

    private Utf8Range Take(int length)
    {
        var range = new Utf8Range(_length, length);
        _length += length;
        return range;
    }
}

internal readonly record struct Utf8Range(int Start, int Length);
