using AIaaS.Platform.Documents;
using AIaaS.Platform.Problems;

namespace AIaaS.Platform.Endpoints;

/// <summary>What an endpoint does with a feature that its model does not know.</summary>
public enum UnknownFeatures
{
    Refuse,
    Ignore,
}

/// <summary>What an endpoint does with NaN and infinity, written as strings where a number is wanted.</summary>
public enum NonFinite
{
    Refuse,

    /// <summary>Take them as missing values.</summary>
    Missing,
}

/// <summary>A share of an endpoint's requests.</summary>
/// <param name="Version">The model version that answers them.</param>
/// <param name="Percent">0 to 100; all shares of an endpoint add up to 100.</param>
public sealed record TrafficShare(int Version, int Percent);

/// <summary>A name that answers predictions, whichever versions of its model do so at the moment.</summary>
public sealed record Endpoint
{
    public int SchemaVersion { get; init; } = 1;

    public required string Name { get; init; }

    public required string Model { get; init; }

    public required IReadOnlyList<TrafficShare> Traffic { get; init; }

    public UnknownFeatures UnknownFeatures { get; init; }

    public NonFinite NonFinite { get; init; }

    /// <summary>For how many seconds an answer is repeated to requests with the same content; null for never.</summary>
    public int? ResponseCacheSeconds { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required DateTimeOffset Updated { get; init; }

    internal static DocumentKind<Endpoint> Kind { get; } = new("endpoints", "endpoint", endpoint => new Dictionary<string, string>
    {
        [DocumentHeader.CreatedKey] = DocumentHeader.FormatCreated(endpoint.Created),
    });
}

/// <summary>What a caller says of an endpoint.</summary>
public sealed record EndpointDefinition
{
    private const int LongestCaching = 86_400;

    /// <summary>The model that answers.</summary>
    public string? Model { get; init; }

    /// <summary>Null for all of it to the model's champion, else its highest version.</summary>
    public IReadOnlyList<TrafficShare>? Traffic { get; init; }

    public UnknownFeatures UnknownFeatures { get; init; }

    public NonFinite NonFinite { get; init; }

    /// <summary>For how many seconds an answer is repeated to requests with the same content; null for never.</summary>
    public int? ResponseCacheSeconds { get; init; }

    /// <exception cref="ProblemException">A value is missing or out of bounds; the field is named.</exception>
    internal void Validate()
    {
        Names.Require(Model, "model");
        if (ResponseCacheSeconds is < 1 or > LongestCaching)
        {
            throw new ProblemException(
                Problem.InvalidValue, $"'responseCacheSeconds' must be from 1 to {LongestCaching}. Leave it out to have every request predicted.")
            { Field = "responseCacheSeconds" };
        }

        if (Traffic is null)
        {
            return;
        }

        if (Traffic.Count is 0 or > 10 || Traffic.Any(share => share is null || share.Percent is < 0 or > 100 || share.Version < 1)
            || Traffic.Sum(share => share.Percent) != 100 || Traffic.Select(share => share.Version).Distinct().Count() != Traffic.Count)
        {
            throw new ProblemException(
                Problem.InvalidValue,
                "'traffic' must list 1 to 10 different versions whose 'percent' add up to 100, for instance [{\"version\":1,\"percent\":100}].")
            { Field = "traffic" };
        }
    }
}
