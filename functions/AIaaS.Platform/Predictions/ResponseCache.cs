using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using AIaaS.Serving.Predictions;

namespace AIaaS.Platform.Predictions;

/// <summary>
/// Answers of endpoints that are set to keep them, found by the model's version and the SHA-256 of the request; those used least
/// recently go first.
/// </summary>
public sealed class ResponseCache(PlatformOptions options, TimeProvider time)
{
    /// <summary>What an entry counts beside its bytes.</summary>
    private const int EntryBytes = 256;

    private static readonly byte[] Start = [.. "{\"requestId\":"u8];

    private readonly Lock _lock = new();
    private readonly Dictionary<Key, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _leastRecentFirst = [];
    private long _bytes;

    /// <summary>Bytes kept at the moment.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock)
            {
                return _bytes;
            }
        }
    }

    internal static Key KeyOf(string tenant, in PredictionContext context, in ReadOnlySequence<byte> body)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        if (body.IsSingleSegment)
        {
            SHA256.HashData(body.FirstSpan, hash);
        }
        else
        {
            using var hashing = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var segment in body)
            {
                hashing.AppendData(segment.Span);
            }

            hashing.GetHashAndReset(hash);
        }

        var parts = MemoryMarshal.Cast<byte, UInt128>(hash);
        return new Key(
            tenant, context.ModelName, context.ModelVersion, (context.UnknownFeatures, context.NonFinite, context.Format), parts[0], parts[1]);
    }

    /// <summary>Writes a kept answer under the new request's id.</summary>
    /// <param name="key">Of the request.</param>
    /// <param name="response">Where to.</param>
    /// <param name="requestId">The new request's.</param>
    /// <param name="timeToLive">How old an answer the asking endpoint repeats; the one that keeps it may be another with the same model.</param>
    /// <returns>The rows it predicts; null where none is kept that is young enough.</returns>
    internal int? TryWrite(in Key key, IBufferWriter<byte> response, string requestId, TimeSpan timeToLive)
    {
        Entry entry;
        lock (_lock)
        {
            if (!_entries.TryGetValue(key, out var node))
            {
                return null;
            }

            // One too old here is left to endpoints that repeat older ones, until the new answer replaces it.
            entry = node.Value;
            if (time.GetElapsedTime(entry.Made) >= timeToLive)
            {
                return null;
            }

            _leastRecentFirst.Remove(node);
            _leastRecentFirst.AddLast(node);
        }

        response.Write(Start);
        response.Write("\""u8);
        response.Write(JsonEncodedText.Encode(requestId, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes);
        response.Write("\""u8);
        response.Write(entry.Rest);
        return entry.Rows;
    }

    /// <summary>Keeps an answer.</summary>
    /// <param name="key">Of its request.</param>
    /// <param name="answer">As it was written, with its <c>requestId</c> first.</param>
    /// <param name="rows">The rows it predicts.</param>
    internal void Add(in Key key, ReadOnlySpan<byte> answer, int rows)
    {
        var reader = new Utf8JsonReader(answer);
        reader.Read();
        reader.Read();
        reader.Read();
        var rest = answer[(int)reader.BytesConsumed..].ToArray();
        if (rest.Length + EntryBytes > options.ResponseCacheBytes)
        {
            return;
        }

        lock (_lock)
        {
            if (_entries.TryGetValue(key, out var old))
            {
                _leastRecentFirst.Remove(old);
                Drop(old);
            }

            _entries[key] = _leastRecentFirst.AddLast(new Entry(key, rest, rows, time.GetTimestamp()));
            _bytes += rest.Length + EntryBytes;
            while (_bytes > options.ResponseCacheBytes && _leastRecentFirst.First is { } oldest)
            {
                _leastRecentFirst.Remove(oldest);
                Drop(oldest);
            }
        }
    }

    private void Drop(LinkedListNode<Entry> node)
    {
        _entries.Remove(node.Value.Key);
        _bytes -= node.Value.Rest.Length + EntryBytes;
    }

    internal readonly record struct Key(
        string Tenant, string Model, int Version, (UnknownFeaturePolicy, NonFinitePolicy, RowFormat) Reading, UInt128 Hash, UInt128 MoreOfHash);

    private sealed record Entry(Key Key, byte[] Rest, int Rows, long Made);
}
