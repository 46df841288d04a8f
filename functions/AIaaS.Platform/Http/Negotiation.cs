using AIaaS.Platform.Problems;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Platform.Http;

/// <summary>A form in which a resource can be had.</summary>
/// <param name="Name">As <c>?format=</c> names it.</param>
/// <param name="MediaType">As <c>Accept</c> names it.</param>
public sealed record Representation(string Name, string MediaType)
{
    public static Representation Json { get; } = new("json", "application/json");
    public static Representation JsonLines { get; } = new("jsonl", "application/x-ndjson");
    public static Representation Csv { get; } = new("csv", "text/csv");
    public static Representation Html { get; } = new("html", "text/html");
    public static Representation Parquet { get; } = new("parquet", "application/vnd.apache.parquet");
}

/// <summary>Chooses the form of an answer: <c>?format=</c>, else what <c>Accept</c> likes best (RFC 9110, section 12.5.1), else the first.</summary>
public static class Negotiation
{
    /// <exception cref="ProblemException"><c>?format=</c> names none of them.</exception>
    public static Representation Negotiate(this HttpRequest request, params ReadOnlySpan<Representation> offers)
    {
        if (request.Query["format"].ToString() is { Length: > 0 } named)
        {
            foreach (var offer in offers)
            {
                if (offer.Name == named)
                {
                    return offer;
                }
            }

            throw new ProblemException(Problem.InvalidValue, $"'format' must be one of {string.Join(", ", offers.ToArray().Select(offer => $"'{offer.Name}'"))}.") { Field = "format" };
        }

        // Whoever sends what we cannot read, or accepts nothing we have, still gets an answer.
        foreach (var accepted in request.GetTypedHeaders().Accept.OrderByDescending(each => each.Quality ?? 1))
        {
            if (accepted.Quality is 0)
            {
                break;
            }

            foreach (var offer in offers)
            {
                if (accepted.MatchesMediaType(offer.MediaType))
                {
                    return offer;
                }
            }
        }

        return offers[0];
    }
}
