using System.Text;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;
using Polly;
using Polly.Retry;

namespace AIaaS.Platform.Documents;

/// <summary>
/// The catalog: JSON documents in the object store, changed with optimistic concurrency.
/// A document is written whole or not at all, and every change of one is made on the version that was read.
/// </summary>
public sealed class Catalog
{
    private const int ListingPage = 1000;
    private readonly IObjectStore _store;
    private readonly ResiliencePipeline _contended;

    public Catalog(IObjectStore store, TimeProvider time)
    {
        _store = store;
        _contended = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<PreconditionFailedException>(),
                MaxRetryAttempts = 50,
                BackoffType = DelayBackoffType.Exponential,
                Delay = TimeSpan.FromMilliseconds(2),
                MaxDelay = TimeSpan.FromMilliseconds(250),
                UseJitter = true,
            })
            .Build();
    }

    /// <returns>Null where there is none.</returns>
    public async Task<Document<T>?> FindAsync<T>(DocumentKind<T> kind, string tenant, string name, CancellationToken cancellationToken)
        where T : class
        => Visible(kind, await FindAnyAsync(kind, tenant, name, cancellationToken));

    /// <summary>Finds an entry even where it counts as deleted; see <see cref="DocumentKind{T}.IsRemoved"/>.</summary>
    internal async Task<Document<T>?> FindAnyAsync<T>(DocumentKind<T> kind, string tenant, string name, CancellationToken cancellationToken)
        where T : class
    {
        var content = await _store.OpenReadAsync(kind.PathOf(tenant, name), range: null, cancellationToken);
        if (content is null)
        {
            return null;
        }

        await using (content)
        {
            try
            {
                return new Document<T>(name, content.Properties.ETag, await content.ReadJsonAsync<T>(cancellationToken));
            }
            catch (JsonException exception)
            {
                // Ours, and not the caller's, whose own JSON is refused as JsonException.
                throw new InvalidDataException($"The document '{content.Properties.Path}' cannot be read.", exception);
            }
        }
    }

    /// <exception cref="ProblemException">There is none.</exception>
    public async Task<Document<T>> GetAsync<T>(DocumentKind<T> kind, string tenant, string name, CancellationToken cancellationToken)
        where T : class
        => await FindAsync(kind, tenant, name, cancellationToken) ?? throw NotFound(kind, name);

    /// <summary>Makes an entry that must not exist yet.</summary>
    /// <returns>Null where another writer made it first.</returns>
    public async Task<Document<T>?> TryCreateAsync<T>(DocumentKind<T> kind, string tenant, string name, T value, CancellationToken cancellationToken)
        where T : class
    {
        try
        {
            return await WriteAsync(kind, tenant, name, value, ifMatch: null, ifAbsent: true, cancellationToken);
        }
        catch (PreconditionFailedException)
        {
            return null;
        }
    }

    /// <summary>Changes an entry, again on the newer version where another writer came between.</summary>
    /// <param name="kind">The kind of the entry.</param>
    /// <param name="tenant">Whose it is.</param>
    /// <param name="name">Its name.</param>
    /// <param name="change">Gives the new value; giving back the same instance writes nothing. May run several times.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ProblemException">There is no such entry.</exception>
    public Task<Document<T>> UpdateAsync<T>(
        DocumentKind<T> kind, string tenant, string name, Func<T, T> change, CancellationToken cancellationToken)
        where T : class
        => UpsertAsync(kind, tenant, name, current => change(current is null || kind.IsRemoved(current) ? throw NotFound(kind, name) : current), cancellationToken);

    /// <summary>Changes an entry even where it counts as deleted; see <see cref="DocumentKind{T}.IsRemoved"/>.</summary>
    /// <inheritdoc cref="UpdateAsync"/>
    internal Task<Document<T>> UpdateAnyAsync<T>(
        DocumentKind<T> kind, string tenant, string name, Func<T, T> change, CancellationToken cancellationToken)
        where T : class
        => UpsertAsync(kind, tenant, name, current => change(current ?? throw NotFound(kind, name)), cancellationToken);

    /// <summary>Makes an entry or changes the one there is; see <see cref="UpdateAsync"/>.</summary>
    public async Task<Document<T>> UpsertAsync<T>(
        DocumentKind<T> kind, string tenant, string name, Func<T?, T> change, CancellationToken cancellationToken)
        where T : class
        => (await PutAsync(kind, tenant, name, change, default, cancellationToken)).Document;

    /// <summary>Makes an entry or changes the one there is, on the caller's own conditions, as an HTTP <c>PUT</c> states them.</summary>
    /// <param name="kind">The kind of the entry.</param>
    /// <param name="tenant">Whose it is.</param>
    /// <param name="name">Its name.</param>
    /// <param name="change">Gives the new value from the one there is, be it deleted, null for none; giving back the same instance writes nothing. May run several times.</param>
    /// <param name="conditions">Checked on the version that is changed.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ProblemException">A condition does not hold, or other writers came between too often.</exception>
    public async Task<Written<T>> PutAsync<T>(
        DocumentKind<T> kind, string tenant, string name, Func<T?, T> change, WriteConditions conditions, CancellationToken cancellationToken)
        where T : class
    {
        try
        {
            return await _contended.ExecuteAsync(
                async token =>
                {
                    var current = await FindAnyAsync(kind, tenant, name, token);
                    var visible = Visible(kind, current);
                    Demand(kind, name, visible, conditions);
                    var changed = change(current?.Value);
                    var document = current is not null && ReferenceEquals(changed, current.Value)
                        ? current
                        : await WriteAsync(kind, tenant, name, changed, current?.ETag, ifAbsent: current is null, token);
                    return new Written<T>(document, Created: visible is null);
                },
                cancellationToken);
        }
        catch (PreconditionFailedException)
        {
            throw new ProblemException(Problem.Unavailable, $"The {kind.Noun} '{name}' is being changed by too many others. Try again.")
            {
                RetryAfter = TimeSpan.FromSeconds(1),
            };
        }
    }

    /// <summary>Checks conditions ahead of a write that makes them good, where making the value itself is costly.</summary>
    /// <exception cref="ProblemException">A condition does not hold.</exception>
    public async Task DemandAsync<T>(DocumentKind<T> kind, string tenant, string name, WriteConditions conditions, CancellationToken cancellationToken)
        where T : class
        => Demand(kind, name, await FindAsync(kind, tenant, name, cancellationToken), conditions);

    /// <returns>False where there was none.</returns>
    /// <exception cref="ProblemException">The entry has another ETag than <paramref name="ifMatch"/>.</exception>
    public async Task<bool> DeleteAsync<T>(DocumentKind<T> kind, string tenant, string name, string? ifMatch, CancellationToken cancellationToken)
        where T : class
    {
        try
        {
            return await _store.DeleteAsync(kind.PathOf(tenant, name), ifMatch, cancellationToken);
        }
        catch (PreconditionFailedException)
        {
            throw ConditionFailed(kind, name);
        }
    }

    /// <summary>Lists what is known of entries without reading them, newest first.</summary>
    public async Task<IReadOnlyList<DocumentHeader>> ListHeadersAsync<T>(
        DocumentKind<T> kind, string tenant, string prefix, CancellationToken cancellationToken)
        where T : class
    {
        var headers = new List<DocumentHeader>();
        string? continuation = null;
        do
        {
            var page = await _store.ListAsync(Containers.Catalog, kind.PrefixOf(tenant, prefix), ListingPage, continuation, cancellationToken);
            headers.AddRange(page.Items.Select(item => new DocumentHeader(kind.NameOf(tenant, item.Path), item.ETag, item.LastModified, item.Metadata)));
            continuation = page.Continuation;
        }
        while (continuation is not null);

        headers.Sort(NewestFirst);
        return headers;
    }

    /// <summary>Lists entries, newest first; only those of the page are read.</summary>
    /// <exception cref="ProblemException">The limit or the continuation is not acceptable.</exception>
    public async Task<DocumentPage<T>> ListAsync<T>(
        DocumentKind<T> kind, string tenant, DocumentQuery query, CancellationToken cancellationToken)
        where T : class
    {
        if (query.Limit is < 1 or > DocumentQuery.MaximumLimit)
        {
            throw new ProblemException(Problem.InvalidValue, $"'limit' must be from 1 to {DocumentQuery.MaximumLimit}.") { Field = "limit" };
        }

        IEnumerable<DocumentHeader> headers = await ListHeadersAsync(kind, tenant, query.Prefix, cancellationToken);
        if (query.Continuation is not null)
        {
            var (created, name) = ParseContinuation(query.Continuation);
            headers = headers.SkipWhile(header => header.Created > created || (header.Created == created && string.CompareOrdinal(header.Name, name) >= 0));
        }

        if (query.Where is not null)
        {
            headers = headers.Where(query.Where);
        }

        var wanted = headers.Take(query.Limit + 1).ToList();
        var items = new List<Document<T>>(Math.Min(wanted.Count, query.Limit));
        foreach (var header in wanted.Take(query.Limit))
        {
            // Deleted since it was listed: not an error, just no longer there.
            if (await FindAsync(kind, tenant, header.Name, cancellationToken) is { } document)
            {
                items.Add(document);
            }
        }

        return new DocumentPage<T>(items, wanted.Count > query.Limit ? FormatContinuation(wanted[query.Limit - 1]) : null);
    }

    private static Document<T>? Visible<T>(DocumentKind<T> kind, Document<T>? document)
        where T : class
        => document is null || kind.IsRemoved(document.Value) ? null : document;

    private async Task<Document<T>> WriteAsync<T>(
        DocumentKind<T> kind, string tenant, string name, T value, string? ifMatch, bool ifAbsent, CancellationToken cancellationToken)
        where T : class
    {
        using var content = new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(value, JsonDefaults.Indented));
        var options = new WriteOptions { IfMatch = ifMatch, IfAbsent = ifAbsent, Metadata = kind.Metadata(value) };
        var written = await _store.WriteAsync(kind.PathOf(tenant, name), content, options, cancellationToken);
        return new Document<T>(name, written.ETag, value);
    }

    private static int NewestFirst(DocumentHeader left, DocumentHeader right)
    {
        var byTime = right.Created.CompareTo(left.Created);
        return byTime != 0 ? byTime : string.CompareOrdinal(right.Name, left.Name);
    }

    private static string FormatContinuation(DocumentHeader last)
        => Convert.ToBase64String(Encoding.UTF8.GetBytes($"{DocumentHeader.FormatCreated(last.Created)} {last.Name}")).Replace('+', '-').Replace('/', '_').TrimEnd('=');

    private static (DateTimeOffset Created, string Name) ParseContinuation(string continuation)
    {
        try
        {
            var padded = continuation.Replace('-', '+').Replace('_', '/').PadRight((continuation.Length + 3) / 4 * 4, '=');
            var text = Encoding.UTF8.GetString(Convert.FromBase64String(padded));
            if (text.IndexOf(' ', StringComparison.Ordinal) is var space and > 0
                && DateTimeOffset.TryParse(text[..space], System.Globalization.CultureInfo.InvariantCulture, out var created))
            {
                return (created, text[(space + 1)..]);
            }
        }
        catch (FormatException)
        {
            // Said below, in the caller's words.
        }

        throw new ProblemException(Problem.InvalidValue, "'continuation' must be the one that the page before gave.") { Field = "continuation" };
    }

    private static ProblemException NotFound<T>(DocumentKind<T> kind, string name)
        where T : class
        => new(Problem.NotFound, $"There is no {kind.Noun} '{name}'.");

    private static void Demand<T>(DocumentKind<T> kind, string name, Document<T>? current, WriteConditions conditions)
        where T : class
    {
        if ((conditions.IfMatch is not null && conditions.IfMatch != current?.ETag)
            || (conditions.MustExist && current is null)
            || (conditions.IfAbsent && current is not null))
        {
            throw ConditionFailed(kind, name);
        }
    }

    private static ProblemException ConditionFailed<T>(DocumentKind<T> kind, string name)
        where T : class
        => new(Problem.PreconditionFailed, $"The {kind.Noun} '{name}' is not in the state that If-Match or If-None-Match asks for. Read it again and repeat the change on what it is now.");
}
