using System.Net;

namespace AIaaS.EndToEnd.Tests;

/// <summary>Roles bound what a key may do, tenants what it may see.</summary>
[Collection(HostCollection.Name)]
public sealed class AccessTests(HostFixture host)
{
    [Theory]
    [InlineData("reader", "GET", "/api/v1/runs", 200)]
    [InlineData("reader", "POST", "/api/v1/endpoints/e/predictions", 403)]
    [InlineData("reader", "PUT", "/api/v1/datasets/d", 403)]
    [InlineData("predictor", "POST", "/api/v1/endpoints/nobody-made-this/predictions", 404)]
    [InlineData("predictor", "PUT", "/api/v1/pipelines/p", 403)]
    [InlineData("trainer", "PUT", "/api/v1/endpoints/e", 400)]
    [InlineData("trainer", "GET", "/api/v1/keys", 403)]
    [InlineData("admin", "GET", "/api/v1/keys", 200)]
    public async Task A_role_may_do_its_part_and_no_more(string role, string method, string path, int status)
    {
        using var client = await host.NewClientAsync(role);
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (method != "GET")
        {
            request.Content = ApiClient.Text("{}", "application/json");
        }

        using var answer = await client.Http.SendAsync(request);

        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Fact]
    public async Task A_tenant_sees_nothing_of_another()
    {
        var tenant = HostFixture.NewName("tenant");
        var endpoint = await host.PenguinsEndpointAsync();
        using var stranger = await host.NewClientAsync("admin", tenant);

        using var named = await stranger.Http.GetAsync($"/api/v1/endpoints/{endpoint}");
        using var asked = await stranger.Http.PostAsync($"/api/v1/endpoints/{endpoint}/predictions", ApiClient.Text("""{"rows":[]}""", "application/json"));

        Assert.Equal(HttpStatusCode.NotFound, named.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, asked.StatusCode);
        foreach (var list in new[] { "runs", "datasets", "pipelines", "models", "endpoints" })
        {
            Assert.Equal(0, (await stranger.GetAsync($"/api/v1/{list}")).GetProperty("items").GetArrayLength());
        }
    }

    [Fact]
    public async Task Tenants_use_the_same_names_without_meeting()
    {
        using var one = await host.NewClientAsync("trainer", HostFixture.NewName("tenant"));
        using var other = await host.NewClientAsync("trainer", HostFixture.NewName("tenant"));
        await one.PutSmallPipelineAsync("penguins", "target: species");
        await other.PutSmallPipelineAsync("penguins", "target: species");

        var first = await one.AwaitRunAsync(await one.PutDatasetAsync("penguins", HostFixture.Penguins));
        var second = await other.AwaitRunAsync(await other.PutDatasetAsync("penguins", HostFixture.Penguins));

        Assert.Equal("succeeded", first.GetProperty("status").GetString());
        Assert.Equal(1, first.GetProperty("model").GetProperty("version").GetInt32());
        Assert.Equal(1, second.GetProperty("model").GetProperty("version").GetInt32());
    }

    [Fact]
    public async Task An_admin_of_a_tenant_makes_no_keys_for_another()
    {
        using var admin = await host.NewClientAsync("admin", HostFixture.NewName("tenant"));

        await admin.PostAsync("/api/v1/keys", new { role = "reader", tenant = "default" }, HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task A_deleted_key_is_refused()
    {
        var made = await host.Admin.PostAsync("/api/v1/keys", new { role = "reader" }, HttpStatusCode.Created);
        using var client = host.WithKey(made.GetProperty("key").GetString()!);
        await client.GetAsync("/api/v1/runs");

        using (var deleted = await host.Admin.Http.DeleteAsync($"/api/v1/keys/{made.GetProperty("id").GetString()}"))
        {
            Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        }

        // Other instances know of it within the minute that keys are cached; the one asked knows at once.
        using var answer = await client.Http.GetAsync("/api/v1/runs");
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }
}
