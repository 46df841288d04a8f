using System.Collections.Concurrent;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Problems;
using Microsoft.Extensions.Logging;

namespace AIaaS.Platform.Security;

/// <summary>Makes, lists, deletes and recognises API keys.</summary>
/// <remarks>
/// What the store says of a key is believed for at most 60 s. A key in use is read again in the background before that,
/// so that requests do not wait for the store.
/// </remarks>
public sealed partial class ApiKeys
{
    private const int MaximumDescription = 200;
    private const int MaximumCached = 10_000;
    private static readonly TimeSpan MaximumAge = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan RefreshAge = TimeSpan.FromSeconds(30);

    private readonly Catalog _catalog;
    private readonly TimeProvider _time;
    private readonly ILogger<ApiKeys> _logger;
    private readonly KeyHash[] _bootstrapHashes;
    private readonly Caller _bootstrap = new(Caller.DefaultTenant, Role.Admin, "key:bootstrap");

    // Apart, so that guessing cannot push the keys in use out.
    private readonly ConcurrentDictionary<KeyHash, Known> _known = new();
    private readonly ConcurrentDictionary<KeyHash, long> _unknown = new();

    /// <exception cref="ArgumentException">A bootstrap hash is none.</exception>
    public ApiKeys(Catalog catalog, SecurityOptions options, TimeProvider time, ILogger<ApiKeys> logger)
    {
        _catalog = catalog;
        _time = time;
        _logger = logger;
        _bootstrapHashes = [.. options.BootstrapKeyHashes.Select(hex => KeyHash.TryParse(hex, out var hash)
            ? hash
            : throw new ArgumentException("A bootstrap key hash must be 64 hexadecimal digits.", nameof(options)))];
    }

    /// <summary>Recognises a key by its text.</summary>
    /// <returns>Null for an unknown, deleted or expired one.</returns>
    public ValueTask<Caller?> FindCallerAsync(string text, CancellationToken cancellationToken)
    {
        if (!KeyHash.TryCompute(text, out var hash))
        {
            return default;
        }

        foreach (ref readonly var bootstrap in _bootstrapHashes.AsSpan())
        {
            if (bootstrap.FixedTimeEquals(hash))
            {
                return new ValueTask<Caller?>(_bootstrap);
            }
        }

        if (!ApiKeyText.IsWellFormed(text))
        {
            return default;
        }

        if (_known.TryGetValue(hash, out var known))
        {
            var age = _time.GetElapsedTime(known.ReadAt);
            if (age < MaximumAge)
            {
                if (age >= RefreshAge && known.ClaimRefresh())
                {
                    _ = RefreshAsync(hash, known);
                }

                return new ValueTask<Caller?>(CallerOf(known));
            }
        }
        else if (_unknown.TryGetValue(hash, out var missedAt) && _time.GetElapsedTime(missedAt) < MaximumAge)
        {
            return default;
        }

        return ReadCallerAsync(hash, cancellationToken);
    }

    /// <summary>Makes a key.</summary>
    /// <exception cref="ProblemException">A value is not acceptable.</exception>
    public async Task<CreatedApiKey> CreateAsync(NewApiKey wanted, CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        Names.Require(wanted.Tenant, "tenant");
        if (wanted.Expires <= now)
        {
            throw new ProblemException(Problem.InvalidValue, "'expires' must lie in the future.") { Field = "expires" };
        }

        if (wanted.Description is { } description && (description.Length > MaximumDescription || description.Any(char.IsControl)))
        {
            throw new ProblemException(Problem.InvalidValue, $"'description' must be at most {MaximumDescription} characters on one line.") { Field = "description" };
        }

        while (true)
        {
            var text = ApiKeyText.Create();
            _ = KeyHash.TryCompute(text, out var hash);
            var hex = hash.ToHex();
            var key = new ApiKey
            {
                Id = hex[..ApiKey.IdLength],
                Tenant = wanted.Tenant,
                Role = wanted.Role,
                Description = wanted.Description,
                Created = now,
                Expires = wanted.Expires,
            };

            // The id is only a part of the name, so that it is free is asked apart.
            if (await FindNameAsync(key.Id, cancellationToken) is null
                && await _catalog.TryCreateAsync(ApiKey.Kind, "", hex, key, cancellationToken) is not null)
            {
                return new CreatedApiKey(key, text);
            }
        }
    }

    /// <summary>Lists the keys of a tenant, newest first, expired ones included.</summary>
    public Task<DocumentPage<ApiKey>> ListAsync(string tenant, DocumentQuery query, CancellationToken cancellationToken)
        => _catalog.ListAsync(
            ApiKey.Kind, "", query with { Where = header => header.Metadata.TryGetValue("tenant", out var owner) && owner == tenant }, cancellationToken);

    /// <exception cref="ProblemException">The tenant has no such key.</exception>
    public async Task<Document<ApiKey>> GetAsync(string tenant, string id, CancellationToken cancellationToken)
        => await FindNameAsync(id, cancellationToken) is { } name
            && await _catalog.FindAsync(ApiKey.Kind, "", name, cancellationToken) is { } document
            && document.Value.Tenant == tenant
            ? document
            : throw new ProblemException(Problem.NotFound, $"There is no key '{id}'. List the keys to see which there are.");

    /// <summary>Deletes a key: here it is refused at once, by other instances within 60 s.</summary>
    /// <exception cref="ProblemException">The tenant has no such key.</exception>
    public async Task DeleteAsync(string tenant, string id, CancellationToken cancellationToken)
    {
        var document = await GetAsync(tenant, id, cancellationToken);
        await _catalog.DeleteAsync(ApiKey.Kind, "", document.Name, ifMatch: null, cancellationToken);
        if (KeyHash.TryParse(document.Name, out var hash))
        {
            // Dropped whatever a refresh under way read before the deletion.
            Remember(hash, null);
        }
    }

    private async Task<string?> FindNameAsync(string id, CancellationToken cancellationToken)
    {
        if (id.Length != ApiKey.IdLength || !id.All(char.IsAsciiHexDigitLower))
        {
            return null;
        }

        var headers = await _catalog.ListHeadersAsync(ApiKey.Kind, "", id, cancellationToken);
        return headers.Count == 0 ? null : headers[0].Name;
    }

    private async ValueTask<Caller?> ReadCallerAsync(KeyHash hash, CancellationToken cancellationToken)
        => Remember(hash, await _catalog.FindAsync(ApiKey.Kind, "", hash.ToHex(), cancellationToken)) is { } known ? CallerOf(known) : null;

    private async Task RefreshAsync(KeyHash hash, Known known)
    {
        try
        {
            // Of the request that noticed, only the notice is used.
            var document = await _catalog.FindAsync(ApiKey.Kind, "", hash.ToHex(), CancellationToken.None);
            if (_known.TryGetValue(hash, out var current) && ReferenceEquals(current, known))
            {
                Remember(hash, document);
            }
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            known.ReleaseRefresh();
            LogRefreshFailed(exception, known.Caller.Subject);
        }
    }

    private Known? Remember(KeyHash hash, Document<ApiKey>? document)
    {
        var now = _time.GetTimestamp();
        if (document is null)
        {
            _known.TryRemove(hash, out _);
            if (_unknown.Count >= MaximumCached)
            {
                _unknown.Clear();
            }

            _unknown[hash] = now;
            return null;
        }

        _unknown.TryRemove(hash, out _);
        if (_known.Count >= MaximumCached)
        {
            _known.Clear();
        }

        var key = document.Value;
        var known = new Known(new Caller(key.Tenant, key.Role, $"key:{key.Id}"), key.Expires, now);
        _known[hash] = known;
        return known;
    }

    private Caller? CallerOf(Known known) => known.Expires is { } expires && expires <= _time.GetUtcNow() ? null : known.Caller;

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Subject} could not be read again and is believed until it is a minute old")]
    private partial void LogRefreshFailed(Exception exception, string subject);

    private sealed class Known(Caller caller, DateTimeOffset? expires, long readAt)
    {
        private int _refreshing;

        public Caller Caller { get; } = caller;

        public DateTimeOffset? Expires { get; } = expires;

        public long ReadAt { get; } = readAt;

        public bool ClaimRefresh() => Interlocked.Exchange(ref _refreshing, 1) == 0;

        public void ReleaseRefresh() => Volatile.Write(ref _refreshing, 0);
    }
}
