using System.Buffers;
using System.IO.Compression;
using System.IO.Pipelines;
using AIaaS.Platform.Problems;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace AIaaS.Platform.Http;

/// <summary>How a body is compressed on its way.</summary>
public enum ContentCoding
{
    Identity,
    Gzip,
    Deflate,
}

/// <summary>Compressed bodies of requests and answers.</summary>
public static class ContentCodings
{
    private const int ChunkBytes = 16 * 1024;

    /// <summary>Reads <c>Content-Encoding</c>.</summary>
    /// <exception cref="ProblemException">It names a coding that is not taken here.</exception>
    public static ContentCoding ReadContentCoding(this HttpRequest request)
    {
        var value = request.Headers.ContentEncoding;
        if (StringValues.IsNullOrEmpty(value))
        {
            return ContentCoding.Identity;
        }

        return Parse(value.ToString())
            ?? throw new ProblemException(Problem.UnsupportedMediaType, "The 'Content-Encoding' of the body is not supported. Send gzip, deflate, or none.");
    }

    /// <summary>Picks what the caller can take by <c>Accept-Encoding</c>: the most wanted of gzip and deflate, else no compression.</summary>
    public static ContentCoding ChooseContentCoding(this HttpRequest request)
    {
        var accepted = request.Headers.AcceptEncoding;
        if (StringValues.IsNullOrEmpty(accepted) || !StringWithQualityHeaderValue.TryParseList(accepted, out var codings))
        {
            return ContentCoding.Identity;
        }

        var (best, quality) = (ContentCoding.Identity, 0.0);
        foreach (var coding in codings)
        {
            if ((coding.Quality ?? 1) > quality && Parse(coding.Value.ToString()) is { } known and not ContentCoding.Identity)
            {
                (best, quality) = (known, coding.Quality ?? 1);
            }
        }

        return best;
    }

    /// <summary>Reads a compressed body whole, and no further than it may be long when it is not compressed.</summary>
    /// <exception cref="ProblemException">It is damaged, or longer.</exception>
    public static async Task<ReadOnlySequence<byte>> DecompressBodyAsync(
        this HttpRequest request, ContentCoding coding, long maximumBytes, CancellationToken cancellationToken)
    {
        var body = new ArrayBufferWriter<byte>(ChunkBytes);
        try
        {
            await using var stream = await OpenAsync(request.BodyReader, coding, cancellationToken);
            int read;
            while ((read = await stream.ReadAsync(body.GetMemory(ChunkBytes), cancellationToken)) > 0)
            {
                body.Advance(read);
                if (body.WrittenCount > maximumBytes)
                {
                    throw new ProblemException(Problem.TooLarge, $"The body may have at most {maximumBytes} bytes when it is not compressed. Send less at once.");
                }
            }
        }
        catch (InvalidDataException)
        {
            throw new ProblemException(Problem.MalformedBody, "The body is not compressed as its 'Content-Encoding' says, or it was cut off.");
        }

        return new ReadOnlySequence<byte>(body.WrittenMemory);
    }

    /// <summary>Compresses what is written to a stream, which stays open.</summary>
    public static Stream Compress(Stream target, ContentCoding coding) => coding switch
    {
        ContentCoding.Gzip => new GZipStream(target, CompressionLevel.Fastest, leaveOpen: true),
        ContentCoding.Deflate => new ZLibStream(target, CompressionLevel.Fastest, leaveOpen: true),
        _ => throw new ArgumentOutOfRangeException(nameof(coding), coding, null),
    };

    /// <summary>As it stands in <c>Content-Encoding</c>.</summary>
    public static string NameOf(ContentCoding coding) => coding switch
    {
        ContentCoding.Gzip => "gzip",
        ContentCoding.Deflate => "deflate",
        _ => "identity",
    };

    private static async ValueTask<Stream> OpenAsync(PipeReader reader, ContentCoding coding, CancellationToken cancellationToken)
    {
        if (coding is ContentCoding.Gzip)
        {
            return new GZipStream(reader.AsStream(), CompressionMode.Decompress);
        }

        // Deflate means the zlib format (RFC 9110, 8.4.1.2), and some senders leave its two bytes out.
        var start = await reader.ReadAtLeastAsync(2, cancellationToken);
        var isZLib = IsZLib(start.Buffer);
        reader.AdvanceTo(start.Buffer.Start);
        return isZLib
            ? new ZLibStream(reader.AsStream(), CompressionMode.Decompress)
            : new DeflateStream(reader.AsStream(), CompressionMode.Decompress);
    }

    private static bool IsZLib(in ReadOnlySequence<byte> start)
    {
        if (start.Length < 2)
        {
            return true;
        }

        Span<byte> header = stackalloc byte[2];
        start.Slice(0, 2).CopyTo(header);
        return (header[0] & 0x0F) == 8 && ((header[0] << 8) | header[1]) % 31 == 0;
    }

    private static ContentCoding? Parse(string name) => name.Trim().ToLowerInvariant() switch
    {
        "gzip" or "x-gzip" => ContentCoding.Gzip,
        "deflate" => ContentCoding.Deflate,
        "identity" => ContentCoding.Identity,
        _ => null,
    };
}
