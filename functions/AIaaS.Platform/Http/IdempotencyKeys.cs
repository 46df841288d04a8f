using System.Security.Cryptography;
using System.Text;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Problems;

namespace AIaaS.Platform.Http;

/// <param name="Resource">What the key stands for: of this request or of the first one.</param>
/// <param name="First">Whether this is the first request with the key.</param>
public sealed record IdempotencyClaim(string Resource, bool First);

/// <summary>Lets a <c>POST</c> be repeated without doing its work twice: the first request with a key says what the key stands for.</summary>
/// <remarks>
/// A claim is made on the id of what will be made, <em>before</em> it is made. A repetition gets that id and makes it under
/// the same id, which must then be a create-only write; so whatever instant the first request dies at, the repetition finishes its work.
/// </remarks>
public sealed class IdempotencyKeys(Catalog catalog, TimeProvider time)
{
    public const string Header = "Idempotency-Key";

    /// <summary>For how long a key stands for what it was claimed for.</summary>
    internal static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    private static readonly DocumentKind<Entry> Kind = new(
        "_idempotency", "idempotency key", entry => new Dictionary<string, string> { [DocumentHeader.CreatedKey] = DocumentHeader.FormatCreated(entry.Created) })
    {
        OfPlatform = true,
    };

    /// <summary>Claims a key for 24 hours.</summary>
    /// <param name="tenant">Whose key it is; others may use the same.</param>
    /// <param name="operation">What is done, for instance <c>create-run</c>.</param>
    /// <param name="key">As the caller sent it.</param>
    /// <param name="digest">Of the body; see <see cref="JsonBody{T}.Digest"/>.</param>
    /// <param name="resource">What the key shall stand for, for instance a new run's id.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ProblemException">The key came with another body before.</exception>
    public async Task<IdempotencyClaim> ClaimAsync(
        string tenant, string operation, string key, string digest, string resource, CancellationToken cancellationToken)
    {
        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{tenant}\n{operation}\n{key}")));
        var now = time.GetUtcNow();
        var ours = new Entry { Digest = digest, Resource = resource, Created = now };
        var document = await catalog.UpsertAsync(
            Kind, tenant, name, current => current is null || now - current.Created >= Lifetime ? ours : current, cancellationToken);
        if (document.Value.Digest != digest)
        {
            throw Reused();
        }

        return new IdempotencyClaim(document.Value.Resource, ReferenceEquals(document.Value, ours));
    }

    /// <summary>The refusal of a request whose key came with another one before.</summary>
    internal static ProblemException Reused()
        => new(Problem.IdempotencyKeyReused, "This key came with another body before. Send a new key with a new request.") { Field = Header };

    /// <summary>Forgets the keys that are over 24 hours old.</summary>
    /// <returns>How many.</returns>
    public async Task<int> PurgeAsync(CancellationToken cancellationToken)
    {
        var oldest = time.GetUtcNow() - Lifetime;
        var purged = 0;
        foreach (var header in await catalog.ListHeadersAsync(Kind, "", "", cancellationToken))
        {
            if (header.Created > oldest)
            {
                continue;
            }

            try
            {
                purged += await catalog.DeleteAsync(Kind, "", header.Name, header.ETag, cancellationToken) ? 1 : 0;
            }
            catch (ProblemException exception) when (exception.Problem == Problem.PreconditionFailed)
            {
                // Claimed anew since it was listed.
            }
        }

        return purged;
    }

    internal sealed record Entry
    {
        public int SchemaVersion { get; init; } = 1;

        public required string Digest { get; init; }

        public required string Resource { get; init; }

        public required DateTimeOffset Created { get; init; }
    }
}
