using AIaaS.Platform.Documents;
using AIaaS.Platform.Http;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Platform.Tests.Http;

public sealed class IdempotencyKeysTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly SteppedTime _time = new();
    private readonly FileObjectStore _store;
    private readonly IdempotencyKeys _keys;

    public IdempotencyKeysTests()
    {
        _store = new FileObjectStore(new FileObjectStoreOptions { Root = _folder["storage"], FlushToDisk = false }, TimeProvider.System);
        _keys = new IdempotencyKeys(new Catalog(_store, TimeProvider.System), _time);
    }

    public void Dispose()
    {
        _store.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_repetition_gets_what_the_first_claimed()
    {
        Assert.Equal(new IdempotencyClaim("run-1", First: true), await ClaimAsync("k", "run-1"));
        Assert.Equal(new IdempotencyClaim("run-1", First: false), await ClaimAsync("k", "run-2"));
    }

    [Fact]
    public async Task Of_many_at_once_one_is_first_and_all_get_the_same()
    {
        var claims = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Task.Run(() => ClaimAsync("k", $"run-{i}"))));

        Assert.Single(claims, claim => claim.First);
        Assert.Single(claims.Select(claim => claim.Resource).Distinct());
    }

    [Fact]
    public async Task Another_body_under_the_same_key_is_refused()
    {
        await ClaimAsync("k", "run-1");

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => ClaimAsync("k", "run-2", digest: "other"));

        Assert.Equal(Problem.IdempotencyKeyReused, refusal.Problem);
    }

    [Fact]
    public async Task Tenants_and_operations_have_keys_of_their_own()
    {
        await ClaimAsync("k", "run-1");

        Assert.True((await _keys.ClaimAsync("other", "create-run", "k", "d", "run-2", default)).First);
        Assert.True((await _keys.ClaimAsync("acme", "create-batch", "k", "d", "run-3", default)).First);
    }

    [Fact]
    public async Task After_a_day_a_key_is_free_again()
    {
        await ClaimAsync("k", "run-1");
        _time.Advance(TimeSpan.FromHours(24));

        Assert.True((await ClaimAsync("k", "run-2", digest: "other")).First);
    }

    [Fact]
    public async Task A_purge_forgets_the_old_and_keeps_the_young()
    {
        await ClaimAsync("old", "run-1");
        _time.Advance(TimeSpan.FromHours(24));
        await ClaimAsync("young", "run-2");

        Assert.Equal(1, await _keys.PurgeAsync(default));
        Assert.False((await ClaimAsync("young", "run-3")).First);
    }

    [Theory]
    [InlineData("with space")]
    [InlineData("ümlaut")]
    public void A_key_that_is_unfit_is_refused(string key)
    {
        var request = new DefaultHttpContext().Request;
        request.Headers.Append(IdempotencyKeys.Header, key);

        Assert.Equal(IdempotencyKeys.Header, Assert.Throws<ProblemException>(() => request.ReadIdempotencyKey()).Field);
    }

    private Task<IdempotencyClaim> ClaimAsync(string key, string resource, string digest = "d")
        => _keys.ClaimAsync("acme", "create-run", key, digest, resource, default);
}
