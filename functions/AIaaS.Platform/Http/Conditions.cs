using AIaaS.Platform.Documents;
using AIaaS.Platform.Problems;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace AIaaS.Platform.Http;

/// <summary>ETags in requests (RFC 9110, section 13).</summary>
public static class Conditions
{
    /// <summary>Reads <c>If-Match</c> and <c>If-None-Match</c> of a request that writes.</summary>
    /// <exception cref="ProblemException">They say what we cannot promise.</exception>
    public static WriteConditions ReadWriteConditions(this HttpRequest request)
    {
        var ifMatch = request.Headers.IfMatch;
        var ifNoneMatch = request.Headers.IfNoneMatch;
        if (ifMatch.Count == 0 && ifNoneMatch.Count == 0)
        {
            return default;
        }

        if (ifMatch.Count > 0 && ifNoneMatch.Count > 0)
        {
            throw Refusal(HeaderNames.IfMatch, "Send 'If-Match' or 'If-None-Match', not both.");
        }

        if (ifNoneMatch.Count > 0)
        {
            return ifNoneMatch is [{ } text] && text.Trim() == "*"
                ? new WriteConditions(IfAbsent: true)
                : throw Refusal(HeaderNames.IfNoneMatch, "A write takes 'If-None-Match: *' only, which makes a thing that must not exist yet.");
        }

        return Parse(ifMatch, HeaderNames.IfMatch) switch
        {
            [var tag] when tag == EntityTagHeaderValue.Any => new WriteConditions(MustExist: true),
            [{ IsWeak: true }] => throw Refusal(HeaderNames.IfMatch, "'If-Match' needs a strong ETag: leave the W/ out."),
            [var tag] => new WriteConditions(IfMatch: Opaque(tag)),
            _ => throw Refusal(HeaderNames.IfMatch, "'If-Match' takes one ETag here."),
        };
    }

    /// <summary>Whether a reader already has this version (<c>If-None-Match</c>), so that 304 is the answer.</summary>
    /// <param name="request">A GET.</param>
    /// <param name="etag">The version there is, without quotes.</param>
    /// <exception cref="ProblemException">The header cannot be read.</exception>
    public static bool Has(this HttpRequest request, string etag)
    {
        var ifNoneMatch = request.Headers.IfNoneMatch;
        return ifNoneMatch.Count > 0 && Parse(ifNoneMatch, HeaderNames.IfNoneMatch).Any(tag => tag == EntityTagHeaderValue.Any || Opaque(tag) == etag);
    }

    internal static string Quote(string etag) => $"\"{etag}\"";

    private static IList<EntityTagHeaderValue> Parse(StringValues header, string name)
        => EntityTagHeaderValue.TryParseStrictList(header.Select(each => each ?? "").ToList(), out var tags) && tags.Count > 0
            ? tags
            : throw Refusal(name, $"'{name}' takes an ETag as it was given, double quotes included.");

    private static string Opaque(EntityTagHeaderValue tag) => tag.Tag.Subsegment(1, tag.Tag.Length - 2).ToString();

    private static ProblemException Refusal(string header, string detail) => new(Problem.InvalidValue, detail) { Field = header };
}
