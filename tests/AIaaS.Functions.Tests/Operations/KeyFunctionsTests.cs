using AIaaS.Functions.Operations;
using AIaaS.Functions.Tests.Requests;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AIaaS.Functions.Tests.Operations;

public sealed class KeyFunctionsTests : IDisposable
{
    private readonly RequestHarness _harness = new();

    public void Dispose() => _harness.Dispose();

    [Fact]
    public async Task A_key_is_made_used_listed_and_deleted()
    {
        var created = await CreateAsync(RequestHarness.AdminKey, """{"role":"admin","tenant":"acme","description":"of acme"}""");
        var key = created.Json.GetProperty("key").GetString()!;
        var id = created.Json.GetProperty("id").GetString()!;

        var listed = await SendAsync("ListKeys", key, (functions, request) => functions.List(request));
        var deleted = await SendAsync("DeleteKey", key, (functions, request) => functions.Delete(request, id));
        var refused = await SendAsync("ListKeys", key, (functions, request) => functions.List(request));

        Assert.Equal([201, 200, 204, 401], new[] { created.Status, listed.Status, deleted.Status, refused.Status });
        Assert.Equal($"/api/v1/keys/{id}", created.Headers.Location);
        Assert.Equal(id, Assert.Single(listed.Json.GetProperty("items").EnumerateArray()).GetProperty("id").GetString());
        Assert.DoesNotContain(key, listed.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_admin_of_one_tenant_makes_no_keys_for_another()
    {
        var key = await _harness.CreateKeyAsync("acme", Role.Admin);

        var response = await CreateAsync(key, """{"role":"reader","tenant":"default"}""");

        Assert.Equal((403, "tenant"), (response.Status, response.Json.GetProperty("field").GetString()));
    }

    [Fact]
    public async Task A_key_belongs_to_its_makers_tenant_unless_said_otherwise()
    {
        var key = await _harness.CreateKeyAsync("acme", Role.Admin);

        Assert.Equal("acme", (await CreateAsync(key, """{"role":"reader"}""")).Json.GetProperty("tenant").GetString());
    }

    [Theory]
    [InlineData("""{"role":"king"}""", "role")]
    [InlineData("""{}""", "role")]
    [InlineData("""{"role":"reader","expires":"2001-01-01T00:00:00Z"}""", "expires")]
    [InlineData("""{"role":"reader","tenant":"A B"}""", "tenant")]
    public async Task A_bad_value_is_refused_by_its_name(string body, string field)
    {
        var response = await CreateAsync(RequestHarness.AdminKey, body);

        Assert.Equal((400, field), (response.Status, response.Json.GetProperty("field").GetString()));
    }

    [Fact]
    public async Task A_repeated_creation_makes_no_second_key()
    {
        void Repeatable(HttpRequest request) => request.Headers["Idempotency-Key"] = "once";
        var first = await CreateAsync(RequestHarness.AdminKey, """{"role":"reader"}""", Repeatable);

        var second = await CreateAsync(RequestHarness.AdminKey, """{"role":"reader"}""", Repeatable);
        var listed = await SendAsync("ListKeys", RequestHarness.AdminKey, (functions, request) => functions.List(request));

        Assert.Equal(409, second.Status);
        Assert.Contains(first.Json.GetProperty("id").GetString()!, second.Body, StringComparison.Ordinal);
        Assert.Single(listed.Json.GetProperty("items").EnumerateArray());
    }

    private Task<RequestHarness.Response> CreateAsync(string key, string body, Action<HttpRequest>? configure = null)
        => SendAsync("CreateKey", key, (functions, request) => functions.Create(request), body, configure);

    private Task<RequestHarness.Response> SendAsync(
        string function, string key, Func<KeyFunctions, HttpRequest, Task<IResult>> call, string? body = null, Action<HttpRequest>? configure = null)
        => _harness.SendAsync((http, services) => call(ActivatorUtilities.CreateInstance<KeyFunctions>(services), http.Request), function, key, body, configure);
}
