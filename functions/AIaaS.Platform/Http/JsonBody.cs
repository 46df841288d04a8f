using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using AIaaS.Formats;
using AIaaS.Platform.Problems;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Platform.Http;

/// <param name="Value">What the body says.</param>
/// <param name="Digest">Lower-case hex of the SHA-256 of its bytes, for <see cref="IdempotencyKeys"/>.</param>
public sealed record JsonBody<T>(T Value, string Digest);

/// <summary>Reads small JSON bodies into records, strictly: what we do not know, we refuse by name, so that no typing error passes unseen.</summary>
public static class JsonBody
{
    private const int FirstBuffer = 4096;

    /// <summary>The options of documents, but refusing unknown and repeated members, absent required ones, and null where a value must be.</summary>
    public static JsonSerializerOptions Options { get; } = CreateOptions();

    /// <summary>Reads the body.</summary>
    /// <exception cref="ProblemException">It is not JSON or not what is asked for; the detail names the field and what belongs there.</exception>
    public static async ValueTask<T> ReadJsonAsync<T>(this HttpRequest request, CancellationToken cancellationToken)
        where T : class
    {
        RequireJson(request);
        var (buffer, length) = await ReadBytesAsync(request, cancellationToken);
        try
        {
            return Parse<T>(buffer.AsMemory(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads the body and its digest; see <see cref="ReadJsonAsync"/>.</summary>
    public static async ValueTask<JsonBody<T>> ReadJsonWithDigestAsync<T>(this HttpRequest request, CancellationToken cancellationToken)
        where T : class
    {
        RequireJson(request);
        var (buffer, length) = await ReadBytesAsync(request, cancellationToken);
        try
        {
            var body = buffer.AsMemory(0, length);
            return new JsonBody<T>(Parse<T>(body), Convert.ToHexStringLower(SHA256.HashData(body.Span)));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads a value from JSON text; see <see cref="ReadJsonAsync"/>.</summary>
    public static T Parse<T>(ReadOnlyMemory<byte> body)
        where T : class
    {
        if (body.Span.StartsWith("\uFEFF"u8))
        {
            body = body[3..];
        }

        if (body.IsEmpty)
        {
            throw new ProblemException(Problem.MalformedBody, "The body is empty. Send a JSON object.");
        }

        try
        {
            return JsonSerializer.Deserialize<T>(body.Span, Options)
                ?? throw new ProblemException(Problem.MalformedBody, "The body is null. Send a JSON object.");
        }
        catch (JsonException exception)
        {
            throw JsonDiagnosis.Explain(body, typeof(T), Options, exception);
        }
    }

    private static void RequireJson(HttpRequest request)
    {
        if (request.ContentType is { } type && !request.HasJsonContentType())
        {
            throw new ProblemException(Problem.UnsupportedMediaType, $"The body must be JSON: send it with 'Content-Type: application/json' and not '{Printable(type)}'.");
        }
    }

    private static string Printable(string text)
        => string.Create(Math.Min(text.Length, 100), text, static (span, from) =>
        {
            for (var i = 0; i < span.Length; i++)
            {
                span[i] = char.IsControl(from[i]) ? '?' : from[i];
            }
        });

    private static async ValueTask<(byte[] Buffer, int Length)> ReadBytesAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        // One byte more than announced, so that the end is seen without growing. What is announced is not trusted far.
        var announced = request.ContentLength is { } length and < 1024 * 1024 ? (int)length + 1 : FirstBuffer;
        var buffer = ArrayPool<byte>.Shared.Rent(announced);
        var used = 0;
        try
        {
            while (true)
            {
                var read = await request.Body.ReadAsync(buffer.AsMemory(used), cancellationToken);
                if (read == 0)
                {
                    return (buffer, used);
                }

                used += read;
                if (used == buffer.Length)
                {
                    var larger = ArrayPool<byte>.Shared.Rent(checked(buffer.Length * 2));
                    buffer.AsSpan(0, used).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }
            }
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }

    private static JsonSerializerOptions CreateOptions()
    {
        var options = new JsonSerializerOptions(JsonDefaults.Options)
        {
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            AllowDuplicateProperties = false,
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
        };
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}
