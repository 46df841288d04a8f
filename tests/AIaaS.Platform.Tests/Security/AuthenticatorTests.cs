using System.Text;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Security;
using AIaaS.Platform.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;

namespace AIaaS.Platform.Tests.Security;

public sealed class AuthenticatorTests : IDisposable
{
    private const string Key = "the first key";
    private readonly TemporaryFolder _folder = new();
    private readonly FileObjectStore _store;

    public AuthenticatorTests() => _store = new FileObjectStore(new FileObjectStoreOptions { Root = _folder["storage"], FlushToDisk = false }, TimeProvider.System);

    public void Dispose()
    {
        _store.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_key_in_its_header_is_recognised()
        => Assert.NotNull((await AuthenticateAsync(Options(), ("x-api-key", Key))).Caller);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_bearer_key_counts_only_where_that_is_said(bool accepted)
    {
        var authentication = await AuthenticateAsync(Options() with { AcceptBearerKeys = accepted }, ("Authorization", $"Bearer {Key}"));

        Assert.Equal(accepted, authentication.Caller is not null);
    }

    [Fact]
    public async Task A_wrong_key_is_not_made_good_by_a_sign_in()
    {
        var authentication = await AuthenticateAsync(
            Options() with { TrustClientPrincipal = true }, ("x-api-key", "wrong"), ("X-MS-CLIENT-PRINCIPAL", Principal(("roles", "admin"))));

        Assert.Equal(Problem.Unauthenticated, authentication.Problem);
    }

    [Fact]
    public async Task Without_credentials_the_header_to_send_is_named()
    {
        var authentication = await AuthenticateAsync(Options());

        Assert.Equal(Problem.Unauthenticated, authentication.Problem);
        Assert.Contains("x-api-key", authentication.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sign_in_counts_for_nothing_where_nobody_stands_in_front()
        => Assert.Null((await AuthenticateAsync(Options(), ("X-MS-CLIENT-PRINCIPAL", Principal(("roles", "admin"))))).Caller);

    [Fact]
    public async Task A_sign_in_has_its_highest_role_and_the_claimed_tenant()
    {
        var options = Options() with { TrustClientPrincipal = true, TenantClaim = "tid" };

        var authentication = await AuthenticateAsync(
            options, ("X-MS-CLIENT-PRINCIPAL", Principal(("roles", "reader"), ("roles", "Trainer"), ("roles", "guest"), ("tid", "ACME-1"), ("oid", "42"))));

        Assert.Equal(new Caller("acme-1", Role.Trainer, "user:42"), authentication.Caller);
    }

    [Theory]
    [InlineData("guest", "acme")]
    [InlineData("admin", "../acme")]
    public async Task A_sign_in_without_role_or_with_an_unusable_tenant_is_forbidden(string role, string tenant)
    {
        var options = Options() with { TrustClientPrincipal = true, TenantClaim = "tid" };

        var authentication = await AuthenticateAsync(options, ("X-MS-CLIENT-PRINCIPAL", Principal(("roles", role), ("tid", tenant))));

        Assert.Equal(Problem.Forbidden, authentication.Problem);
    }

    [Theory]
    [InlineData("%%%")]
    [InlineData("bnVsbA==")]
    [InlineData("e30=")]
    public async Task A_sign_in_that_cannot_be_read_is_nobody(string header)
        => Assert.Equal(Problem.Unauthenticated, (await AuthenticateAsync(Options() with { TrustClientPrincipal = true }, ("X-MS-CLIENT-PRINCIPAL", header))).Problem);

    [Theory]
    [InlineData(false, "true", true)]
    [InlineData(false, "false", false)]
    [InlineData(false, null, false)]
    [InlineData(true, "true", false)]
    public void The_sign_in_header_is_trusted_only_behind_the_platform(bool local, string? enabled, bool trusted)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("WEBSITE_AUTH_ENABLED", enabled)]).Build();

        Assert.Equal(trusted, SecurityOptions.FromConfiguration(configuration, local).TrustClientPrincipal);
    }

    [Fact]
    public void A_bootstrap_hash_that_is_none_stops_the_start()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("AIaaS:BootstrapKeySha256", "abc")]).Build();

        Assert.Throws<InvalidOperationException>(() => SecurityOptions.FromConfiguration(configuration, local: false));
    }

    private static SecurityOptions Options() => new() { BootstrapKeyHashes = [ApiKeyText.Hash(Key)] };

    private static string Principal(params (string Type, string Value)[] claims)
    {
        var list = string.Join(',', claims.Select(claim => $$"""{"typ":"{{claim.Type}}","val":"{{claim.Value}}"}"""));
        return Convert.ToBase64String(Encoding.UTF8.GetBytes($$"""{"auth_typ":"aad","name_typ":"name","role_typ":"roles","claims":[{{list}}]}"""));
    }

    private async Task<Authentication> AuthenticateAsync(SecurityOptions options, params (string Name, string Value)[] headers)
    {
        var keys = new ApiKeys(new Catalog(_store, TimeProvider.System), options, TimeProvider.System, NullLogger<ApiKeys>.Instance);
        var http = new DefaultHttpContext();
        foreach (var (name, value) in headers)
        {
            http.Request.Headers[name] = value;
        }

        return await new Authenticator(keys, options).AuthenticateAsync(http.Request, default);
    }
}
