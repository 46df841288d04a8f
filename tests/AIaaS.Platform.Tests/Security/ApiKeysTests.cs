using AIaaS.Platform.Documents;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Security;
using AIaaS.Platform.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace AIaaS.Platform.Tests.Security;

public sealed class ApiKeysTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly SteppedTime _time = new();
    private readonly FileObjectStore _store;

    public ApiKeysTests() => _store = new FileObjectStore(new FileObjectStoreOptions { Root = _folder["storage"], FlushToDisk = false }, TimeProvider.System);

    public void Dispose()
    {
        _store.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_new_key_is_recognised_by_every_instance()
    {
        var (key, text) = await Instance().CreateAsync(new NewApiKey("acme", Role.Trainer), default);

        Assert.Equal(new Caller("acme", Role.Trainer, $"key:{key.Id}"), await Instance().FindCallerAsync(text, default));
    }

    [Fact]
    public async Task A_key_has_the_documented_form()
    {
        var (_, text) = await Instance().CreateAsync(new NewApiKey("acme", Role.Reader), default);

        Assert.Matches("^aiaas_[A-Za-z0-9_-]{43}$", text);
    }

    [Fact]
    public async Task The_store_holds_the_hash_in_its_place_and_the_text_nowhere()
    {
        var (_, text) = await Instance().CreateAsync(new NewApiKey("acme", Role.Reader), default);

        var file = Path.Combine(_folder["storage"], "catalog", "_keys", ApiKeyText.Hash(text));
        Assert.True(File.Exists(file));
        foreach (var each in Directory.EnumerateFiles(_folder["storage", "catalog"], "*", SearchOption.AllDirectories))
        {
            Assert.DoesNotContain(text[6..], await File.ReadAllTextAsync(each), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("aiaas_")]
    [InlineData("aiaas_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("not a key")]
    public async Task What_is_no_key_is_nobody(string text)
        => Assert.Null(await Instance().FindCallerAsync(text, default));

    [Fact]
    public async Task A_text_of_any_length_is_nobody()
        => Assert.Null(await Instance().FindCallerAsync(new string('ä', 100_000), default));

    [Fact]
    public async Task A_key_in_use_needs_no_store()
    {
        var keys = Instance();
        var (_, text) = await keys.CreateAsync(new NewApiKey("acme", Role.Reader), default);
        await keys.FindCallerAsync(text, default);
        Directory.Delete(_folder["storage", "catalog"], recursive: true);

        var finding = keys.FindCallerAsync(text, default);

        Assert.True(finding.IsCompletedSuccessfully);
        Assert.NotNull(await finding);
    }

    [Fact]
    public async Task A_key_deleted_elsewhere_is_believed_for_a_minute_and_no_longer()
    {
        var here = Instance();
        var (key, text) = await here.CreateAsync(new NewApiKey("acme", Role.Reader), default);
        await here.FindCallerAsync(text, default);
        await Instance().DeleteAsync("acme", key.Id, default);

        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.NotNull(await here.FindCallerAsync(text, default));
        _time.Advance(TimeSpan.FromSeconds(31));
        Assert.Null(await here.FindCallerAsync(text, default));
    }

    [Fact]
    public async Task A_key_in_use_is_read_again_in_the_background_before_it_is_a_minute_old()
    {
        var here = Instance();
        var (key, text) = await here.CreateAsync(new NewApiKey("acme", Role.Reader), default);
        await here.FindCallerAsync(text, default);
        await Instance().DeleteAsync("acme", key.Id, default);
        _time.Advance(TimeSpan.FromSeconds(31));

        // The first one notices; time stands, so only the background can bring the news.
        await Eventually.Holds(async () => await here.FindCallerAsync(text, default) is null);
    }

    [Fact]
    public async Task A_key_deleted_here_is_refused_at_once()
    {
        var keys = Instance();
        var (key, text) = await keys.CreateAsync(new NewApiKey("acme", Role.Reader), default);
        await keys.FindCallerAsync(text, default);

        await keys.DeleteAsync("acme", key.Id, default);

        Assert.Null(await keys.FindCallerAsync(text, default));
    }

    [Fact]
    public async Task An_expired_key_is_refused_from_its_very_instant_on()
    {
        var keys = Instance();
        var (_, text) = await keys.CreateAsync(new NewApiKey("acme", Role.Reader) { Expires = _time.GetUtcNow().AddSeconds(10) }, default);
        Assert.NotNull(await keys.FindCallerAsync(text, default));

        _time.Advance(TimeSpan.FromSeconds(10));

        Assert.Null(await keys.FindCallerAsync(text, default));
    }

    [Fact]
    public async Task A_bootstrap_key_is_an_admin_of_the_platform()
    {
        var keys = Instance("any text will do");

        var caller = await keys.FindCallerAsync("any text will do", default);

        Assert.True(caller!.IsPlatformAdmin);
        Assert.Null(await keys.FindCallerAsync("any text will do!", default));
    }

    [Fact]
    public async Task Lists_show_only_the_tenant_and_newest_first()
    {
        var keys = Instance();
        var (first, _) = await keys.CreateAsync(new NewApiKey("acme", Role.Reader) { Description = "größer" }, default);
        _time.Advance(TimeSpan.FromSeconds(1));
        await keys.CreateAsync(new NewApiKey("other", Role.Reader), default);
        var (second, _) = await keys.CreateAsync(new NewApiKey("acme", Role.Admin), default);

        var page = await keys.ListAsync("acme", new DocumentQuery(), default);

        Assert.Equal([second, first], page.Items.Select(item => item.Value));
    }

    [Fact]
    public async Task Another_tenants_key_cannot_be_deleted()
    {
        var keys = Instance();
        var (key, text) = await keys.CreateAsync(new NewApiKey("acme", Role.Reader), default);

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => keys.DeleteAsync("other", key.Id, default));

        Assert.Equal(Problem.NotFound, refusal.Problem);
        Assert.NotNull(await keys.FindCallerAsync(text, default));
    }

    [Theory]
    [InlineData("")]
    [InlineData("../x")]
    [InlineData("0123456789ABCDEF")]
    public async Task An_id_that_is_none_is_not_found(string id)
    {
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => Instance().GetAsync("acme", id, default));

        Assert.Equal(Problem.NotFound, refusal.Problem);
    }

    [Fact]
    public async Task An_expiry_in_the_past_is_refused()
    {
        var refusal = await Assert.ThrowsAsync<ProblemException>(
            () => Instance().CreateAsync(new NewApiKey("acme", Role.Reader) { Expires = _time.GetUtcNow() }, default));

        Assert.Equal("expires", refusal.Field);
    }

    private ApiKeys Instance(params string[] bootstrap) => new(
        new Catalog(_store, TimeProvider.System),
        new SecurityOptions { BootstrapKeyHashes = [.. bootstrap.Select(ApiKeyText.Hash)] },
        _time,
        NullLogger<ApiKeys>.Instance);
}
