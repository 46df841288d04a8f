using System.Globalization;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Problems;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Platform.Http;

/// <summary>What requests say beside their bodies.</summary>
public static class Queries
{
    private const int MaximumIdempotencyKey = 255;

    /// <summary>Reads <c>?limit=&amp;continuation=</c>.</summary>
    /// <exception cref="ProblemException">The limit is none.</exception>
    public static DocumentQuery ReadPage(this HttpRequest request)
    {
        var continuation = request.Query["continuation"].ToString();
        var page = new DocumentQuery { Continuation = continuation.Length == 0 ? null : continuation };
        if (request.Query["limit"].ToString() is not { Length: > 0 } limit)
        {
            return page;
        }

        return int.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= DocumentQuery.MaximumLimit
            ? page with { Limit = number }
            : throw new ProblemException(Problem.InvalidValue, $"'limit' must be a whole number from 1 to {DocumentQuery.MaximumLimit}.") { Field = "limit" };
    }

    /// <summary>Reads <c>Idempotency-Key</c>.</summary>
    /// <returns>Null where the caller sent none.</returns>
    /// <exception cref="ProblemException">It is not 1 to 255 printable ASCII characters.</exception>
    public static string? ReadIdempotencyKey(this HttpRequest request)
    {
        if (!request.Headers.TryGetValue(IdempotencyKeys.Header, out var values))
        {
            return null;
        }

        return values is [{ Length: > 0 and <= MaximumIdempotencyKey } key] && key.All(letter => letter is > ' ' and <= '~')
            ? key
            : throw new ProblemException(
                Problem.InvalidValue, $"'{IdempotencyKeys.Header}' must be 1 to {MaximumIdempotencyKey} printable ASCII characters without spaces, for instance a UUID.")
            { Field = IdempotencyKeys.Header };
    }

    /// <summary>The address this host was called at.</summary>
    public static Uri BaseAddress(this HttpRequest request) => new($"{request.Scheme}://{request.Host.ToUriComponent()}{request.PathBase.ToUriComponent()}/");
}
